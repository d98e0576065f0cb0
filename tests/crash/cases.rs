//! Small experiments, at least one for every study and every route to the limit, in both precisions.

/// A small experiment.
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// The parts of its file.
    pub text: &'static [&'static str],
    /// Integer keys that determine the work, with their values at size 1.
    pub work: &'static [(&'static str, usize)],
}

const TWO_LAYERS: &str = r#"
name = "run"
precision = "f64"

[population]
kind = "teacher"
dimension = 3
neurons = 2
activation = "tanh"
size = 40

[network]
activation = "tanh"

[network.start]
w = { law = "gaussian", std = 1.0 }
b = { law = "gaussian", std = 0.5 }
a = { law = "uniform", low = -1.0, high = 1.0 }

[horizon]
time = 4.0
records = 4

[widths]
values = [8, 16]
seeds = 4
"#;

const THREE_LAYERS: &str = r#"
name = "run"
precision = "f32"

[population]
kind = "teacher"
dimension = 3
neurons = 2
activation = "tanh"
size = 40

[network]
kind = "three-layer"
activation = "tanh"

[network.start]
w = { law = "gaussian", std = 1.0 }
b = { law = "gaussian", std = 0.5 }
u = { law = "gaussian", mean = 0.5, std = 1.0 }
c = { law = "gaussian", std = 0.5 }
a = { law = "uniform", low = -1.0, high = 3.0 }

[dynamics]
step = 0.001953125
friction = 1.0
batch = 4

[horizon]
time = 2.0
records = 4

[widths]
values = [4, 8]
seeds = 4

[reference]
particles = 64
method = "kick-drift-kick"
step = 0.0625
"#;

const PLAIN: &str = r#"
[dynamics]
step = 0.001953125
friction = 1.0

[reference]
particles = 256
method = "rk4"
step = 0.0625
"#;

const NOISY: &str = r#"
[dynamics]
step = 0.00390625
friction = 1.0
temperature = 0.1

[reference]
particles = 128
method = "baoab"
step = 0.00390625
"#;

const ADAPTIVE: &str = r#"
[dynamics]
step = 0.0078125
friction = 1.0

[reference]
particles = 512
method = "dormand-prince"
step = 0.125
tolerance = 1e-12
"#;

const VARIANTS: &str = r#"
[[variants]]
name = "descent"
method = "gradient-descent"
width = 16
seeds = 2

[[variants]]
name = "origin"
width = 8
seeds = 1
stalls = true
start.w = { law = "point", value = 0.0 }
start.b = { law = "point", value = 0.0 }
start.a = { law = "point", value = 0.0 }
"#;

const GAP: &str = "
[gap]
projections = 4
resamples = 200
";

const SWEEPS: &str = r#"
[[gap.sweep]]
over = "step"
values = [0.015625, 0.0078125, 0.00390625]
width = 8
seeds = 2

[[gap.sweep]]
over = "step"
values = [0.015625, 0.0078125]
batch = 1
width = 8
seeds = 2

[[gap.sweep]]
over = "batch"
values = [1, 2, 4]
step = 0.00390625
width = 8
seeds = 2
"#;

const DROPOUT: &str = "
[dropout]
draws = 400
";

const KEEP: &str = "
[keep]
draws = 400
";

const PATHS: &str = r#"
[paths]
pairs = 2
halves = 20
points = 5
variants = ["descent"]

[paths.bezier]
steps = 400
"#;

const PATHS_OF_THREE: &str = "
[paths]
pairs = 2
halves = 4
points = 3

[paths.bezier]
steps = 60
";

const CONVERGENCE: &str = "
[convergence]
";

const RECOVERY: &str = r#"
kind = "recovery"
name = "run"

[problem]
kind = "drawn"
n = 60
d = 48
sparsity = 5
design = "rotated"
condition = 100.0

[solver]
methods = ["k-iht", "cosamp", "topk-iobs", "greedy-iobs-refit"]
iterations = 300
"#;

/// Every experiment.
pub const CASES: &[Case] = &[
    Case { name: "gap", text: &[TWO_LAYERS, PLAIN, GAP, SWEEPS], work: &[("widths.seeds", 6)] },
    Case { name: "gap-three-layers", text: &[THREE_LAYERS, GAP], work: &[("widths.seeds", 8)] },
    Case { name: "gap-noisy", text: &[TWO_LAYERS, NOISY, GAP], work: &[("widths.seeds", 16)] },
    Case { name: "gap-adaptive", text: &[TWO_LAYERS, ADAPTIVE, GAP], work: &[("reference.particles", 512)] },
    Case { name: "gap-single", text: &[TWO_LAYERS, PLAIN, GAP], work: &[("widths.seeds", 12)] },
    Case { name: "dropout", text: &[TWO_LAYERS, PLAIN, DROPOUT], work: &[("dropout.draws", 20_000)] },
    Case { name: "keep", text: &[TWO_LAYERS, PLAIN, KEEP], work: &[("keep.draws", 20_000)] },
    Case { name: "paths", text: &[TWO_LAYERS, PLAIN, VARIANTS, PATHS], work: &[("paths.bezier.steps", 1000)] },
    Case {
        name: "paths-three-layers",
        text: &[THREE_LAYERS, DROPOUT, PATHS_OF_THREE],
        work: &[("paths.bezier.steps", 200)],
    },
    Case { name: "convergence", text: &[TWO_LAYERS, PLAIN, VARIANTS, CONVERGENCE], work: &[("widths.seeds", 12)] },
    Case {
        name: "picard",
        text: &[include_str!("../../fuzz/bases/picard.toml")],
        work: &[("reference.particles", 512), ("picard.particles", 512), ("population.size", 60)],
    },
    Case {
        name: "radial",
        text: &[include_str!("../../fuzz/bases/radial.toml")],
        work: &[("reference.grid.nodes", 128)],
    },
    Case {
        name: "kinetic",
        text: &[include_str!("../../fuzz/bases/kinetic.toml")],
        work: &[("kinetic.particles", 8000), ("kinetic.nodes", 160)],
    },
    Case { name: "recover", text: &[RECOVERY, "[recover]\nproblems = 4\n"], work: &[("recover.problems", 60)] },
    Case {
        name: "noise",
        text: &[RECOVERY, "[noise]\nsnr_db = [20.0, 40.0]\nproblems = 4\n"],
        work: &[("noise.problems", 40)],
    },
    Case {
        name: "rates",
        text: &[RECOVERY, "[rates]\ntrials = 200\nproblems = 4\n"],
        work: &[("rates.trials", 40_000)],
    },
    Case {
        name: "phase",
        text: &[RECOVERY, "[phase]\nn_over_d = [0.5, 1.0]\nk_over_n = [0.1, 0.3, 0.6]\nproblems = 4\n"],
        work: &[("phase.problems", 24)],
    },
];

impl Case {
    /// Its file.
    pub fn file(&self) -> String {
        self.text.concat()
    }

    /// The keys replaced for experiments of this size. Grids are not made coarser than their experiments allow.
    pub fn set(&self, size: f64) -> Vec<String> {
        let key = |&(key, value): &(&str, usize)| {
            let least = if key.ends_with("nodes") { value } else { 4 };
            // Particles are a multiple of the number of clouds.
            let value = (((size * value as f64).round() as usize) / 4 * 4).max(least);
            format!("{key}={value}")
        };
        let mut set: Vec<String> = self.work.iter().map(key).collect();
        if self.name == "gap-single" || self.name == "picard" {
            set.push("precision=f32".into());
        }
        if self.name == "dropout" {
            set.push("run.states=ends".into());
        }
        // Sparse recovery has no key for its checkpoints, which are the results of tasks.
        if !self.file().contains("\"recovery\"") {
            set.push("run.checkpoint_seconds=0.02".into());
        }
        set
    }
}
