//! Every network and every limit of a run redone from its folder: the data, the initial states, the manifest, and the
//! draws that `widelimit draws` writes. The gradient is the naive one, the integrators are written out here.

use crate::common::experiment::{Run, arrays, json, tiny};
use crate::common::{Problem, naive};
use ndarray::{ArrayD, IxDyn};
use serde_json::Value;
use std::collections::BTreeMap;
use widelimit::choice::Choice;
use widelimit::config::Experiment;
use widelimit::network::{Activation, Batch, Loss, Network, ThreeLayer, TwoLayer};
use widelimit::run::draws;

/// Relative difference allowed after a few dozen steps; rounding is 1e-16 a step.
const ROUNDING: f64 = 1e-11;

/// A run folder, and nothing else.
struct Folder {
    run: Run,
    experiment: Experiment,
    manifest: Value,
    x: Vec<f64>,
    y: Vec<f64>,
}

/// Parameters and momenta, canonical.
struct Phase {
    theta: Vec<f64>,
    r: Vec<f64>,
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn named<T: Choice>(value: &Value) -> T {
    T::from_name(value.as_str().unwrap()).unwrap()
}

impl Folder {
    fn new(set: &[&str]) -> Self {
        let experiment = tiny(set);
        let run = Run::new(&experiment);
        let mut data = run.arrays("state/data.npz");
        let mut values = |name: &str| data.remove(name).unwrap().into_iter().collect();
        let (x, y) = (values("x"), values("y"));
        let manifest = json(&run.file("manifest.json"));
        Folder { run, experiment, manifest, x, y }
    }

    fn trajectories(&self) -> &[Value] {
        self.manifest["trajectories"].as_array().unwrap()
    }

    /// The network of a run of the time loop on the population it saw.
    fn problem(&self, run: &Value) -> Problem {
        let (spec, size) = (&self.manifest["experiment"]["network"], &self.manifest["population"]);
        let [inputs, outputs] = ["inputs", "outputs"].map(|name| number(&size[name]) as usize);
        let (bias, fixed_output) = (spec["bias"] == true, spec["fixed_output"] == true);
        let activation: Activation = named(&spec["activation"]);
        let network: Network = if spec["kind"] == "three-layer" {
            let activations = [activation, named(&spec["second_activation"])];
            let proportions = [0, 1].map(|layer| number(&spec["proportions"][layer]) as usize);
            ThreeLayer { inputs, outputs, bias, activations, fixed_output, proportions }.into()
        } else {
            TwoLayer { inputs, outputs, bias, activation, fixed_output }.into()
        };
        // The limit on half the sample is identified by its name alone.
        let half = run["id"] == "reference-half-sample";
        let part = |values: &[f64], columns: usize| {
            values[..values.len() / columns / if half { 2 } else { 1 } * columns].to_vec()
        };
        let population = Batch { x: part(&self.x, network.inputs()), y: part(&self.y, network.outputs()) };
        let loss: Loss = named(&spec["loss"]);
        let ridge = number(&self.manifest["experiment"]["dynamics"]["ridge"]);
        Problem { network, width: number(&run["width"]) as usize, population, loss, ridge }
    }

    /// Initial or final state: families of units one after the other, a row after the other.
    fn state(&self, id: &str, when: &str) -> Phase {
        let parts = self.run.arrays(&format!("state/{id}.npz"));
        let canonical = |kind: &str| {
            let families: &[&[&str]] =
                if parts.contains_key("u_final") { &[&["w", "b"], &["u"], &["c", "a"]] } else { &[&["w", "b", "a"]] };
            let rows = |names: &&[&str]| {
                let parts: Vec<&ArrayD<f64>> =
                    names.iter().filter_map(|part| parts.get(&format!("{part}_{kind}{when}"))).collect();
                let row = |i: usize| parts.iter().flat_map(move |part| part.index_axis(ndarray::Axis(0), i).to_owned());
                (0..parts[0].shape()[0]).flat_map(row).collect::<Vec<f64>>()
            };
            families.iter().flat_map(rows).collect()
        };
        Phase { theta: canonical(""), r: canonical("momentum_") }
    }

    /// What a run drew.
    fn draws(&self, id: &str) -> BTreeMap<String, ArrayD<f64>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("draws.npz");
        draws::write(&self.experiment, id, &path).unwrap();
        arrays(&path)
    }

    /// The final state by the method the manifest names.
    fn redo(&self, run: &Value) -> Phase {
        let id = run["id"].as_str().unwrap();
        let problem = self.problem(run);
        let dynamics = &self.manifest["experiment"]["dynamics"];
        let (h, gamma, tau) = (number(&run["step"]), number(&dynamics["friction"]), number(&dynamics["temperature"]));
        let first_order = dynamics["method"] == "gradient-descent";
        let steps = (number(&self.manifest["experiment"]["horizon"]["time"]) / h).round() as usize;
        let drawn = if run["batch"].is_null() && tau == 0.0 { BTreeMap::new() } else { self.draws(id) };
        let batch = |step: usize| -> Batch<f64> {
            let row = |name: &str| drawn[name].index_axis(ndarray::Axis(0), step).iter().copied().collect::<Vec<f64>>();
            let Some(size) = run["batch"].as_u64() else { return problem.population.clone() };
            if drawn.contains_key("x") {
                return Batch { x: row("x"), y: row("y") };
            }
            let (d, k, drawn) = (problem.network.inputs(), problem.network.outputs(), row("indices"));
            assert_eq!(drawn.len() as u64, size);
            let pick = |values: &[f64], columns: usize| -> Vec<f64> {
                drawn.iter().flat_map(|&i| values[i as usize * columns..][..columns].to_vec()).collect()
            };
            Batch { x: pick(&self.x, d), y: pick(&self.y, k) }
        };
        let gradient = |step: usize, theta: &[f64]| naive::gradient(&problem, theta, &batch(step)).0;
        // Standard normals of a step, zero where a parameter is not trained.
        let normals = |step: usize| -> Vec<f64> {
            let mut xi = vec![0.0; problem.network.parameters(problem.width)];
            let families = problem.network.families(problem.width);
            for family in families.iter().filter(|_| tau > 0.0) {
                let name = if families.len() > 1 { format!("normals_{}", family.name) } else { "normals".into() };
                for i in 0..family.rows {
                    for column in family.trained() {
                        xi[family.start + i * family.columns + column] = drawn[&name][IxDyn(&[step, i, column])];
                    }
                }
            }
            xi
        };
        let Phase { mut theta, mut r } = self.state(id, "initial");
        for step in 0..steps {
            match run["method"].as_str().unwrap() {
                "heavy-ball" => {
                    let (g, xi) = (gradient(step, &theta), normals(step));
                    for i in 0..theta.len() {
                        r[i] = (1.0 - gamma * h) * r[i] - h * g[i] + (2.0 * gamma * tau * h).sqrt() * xi[i];
                        theta[i] += h * r[i];
                    }
                }
                "gradient-descent" => {
                    let (g, xi) = (gradient(step, &theta), normals(step));
                    for i in 0..theta.len() {
                        theta[i] += -h * g[i] + (2.0 * tau * h).sqrt() * xi[i];
                    }
                }
                "kick-drift-kick" => {
                    let keep = (-0.5 * gamma * h).exp();
                    let g = gradient(step, &theta);
                    for i in 0..theta.len() {
                        r[i] = keep * r[i] - 0.5 * h * g[i];
                        theta[i] += h * r[i];
                    }
                    let g = gradient(step, &theta);
                    for i in 0..theta.len() {
                        r[i] = keep * (r[i] - 0.5 * h * g[i]);
                    }
                }
                "baoab" => {
                    let keep = (-gamma * h).exp();
                    let (g, xi) = (gradient(step, &theta), normals(step));
                    for i in 0..theta.len() {
                        r[i] -= 0.5 * h * g[i];
                        theta[i] += 0.5 * h * r[i];
                        r[i] = keep * r[i] + (tau * (1.0 - keep * keep)).sqrt() * xi[i];
                        theta[i] += 0.5 * h * r[i];
                    }
                    let g = gradient(step, &theta);
                    for i in 0..theta.len() {
                        r[i] -= 0.5 * h * g[i];
                    }
                }
                "rk4" => {
                    (theta, r) = rk4(&theta, &r, h, |theta, r| {
                        let g = gradient(step, theta);
                        if first_order {
                            return (g.iter().map(|g| -g).collect(), vec![0.0; g.len()]);
                        }
                        (r.to_vec(), r.iter().zip(&g).map(|(r, g)| -gamma * r - g).collect())
                    })
                }
                other => panic!("{other} is not redone here"),
            }
        }
        Phase { theta, r }
    }

    /// Redoes every run of the time loop; `methods` are those that must be among them.
    fn redo_all(&self, methods: &[&str]) {
        let mut seen = Vec::new();
        for run in self.trajectories() {
            assert_eq!(run["stop"]["reason"], "horizon");
            let id = run["id"].as_str().unwrap();
            let (found, again) = (self.state(id, "final"), self.redo(run));
            let gap = |a: &[f64], b: &[f64]| {
                assert_eq!(a.len(), b.len());
                a.iter().zip(b).fold(0.0, |worst: f64, (a, b)| worst.max((a - b).abs() / b.abs().max(1.0)))
            };
            let worst = gap(&found.theta, &again.theta).max(gap(&found.r, &again.r));
            assert!(worst < ROUNDING, "{id}: {worst:e}");
            let start = self.state(id, "initial");
            assert!(start.r.iter().all(|&r| r == 0.0));
            assert!(gap(&start.theta, &found.theta) > 1e-3, "{id} went nowhere");
            seen.push(run["method"].as_str().unwrap());
        }
        assert!(methods.iter().all(|method| seen.contains(method)), "{methods:?} are not all in {seen:?}");
    }

    /// Recomputes what is recorded of the widths at the first and the last time from the states.
    fn remeasure(&self) {
        let table = self.run.arrays("records/widths.npz");
        let limit_table = self.run.arrays("records/reference.npz");
        let times = table["times"].len();
        let limit_run = &self.trajectories()[0];
        assert_eq!(limit_run["id"], "reference");
        let limit_problem = self.problem(limit_run);
        for (when, at) in [("initial", 0), ("final", times - 1)] {
            let limit = self.state("reference", when);
            let (limit_f, limit_risk) = measure(&limit_problem, &limit);
            close(limit_table["risk"][IxDyn(&[at])], limit_risk, "risk of the limit");
            close(limit_table["kinetic"][IxDyn(&[at])], 0.5 * naive::mean_square(&limit_problem, &limit.r), "kinetic");
            for (v, n) in table["values"].iter().enumerate() {
                for seed in 0..self.experiment.widths.seeds {
                    let id = format!("n{n}-s{seed}");
                    let run = self.trajectories().iter().find(|run| run["id"] == id).unwrap();
                    let (problem, state) = (self.problem(run), self.state(&id, when));
                    let k = problem.network.outputs();
                    let (f, risk) = measure(&problem, &state);
                    let twin = window(&limit_problem, &problem, &limit.theta, number(&run["first"]) as usize);
                    let distances = distances(&problem, &state.theta, &twin);
                    if when == "initial" {
                        assert_eq!(state.theta, twin, "{id} does not start from the limit's particles");
                    }
                    let square: f64 = f.iter().zip(&limit_f).map(|(a, b)| (a - b).powi(2)).sum();
                    for (measure, expected) in [
                        ("risk", risk),
                        ("loss", naive::loss(&problem, &f)),
                        ("kinetic", 0.5 * naive::mean_square(&problem, &state.r)),
                        ("coupling_max", distances.iter().map(|d| d.1).fold(0.0, f64::max)),
                        ("coupling_rms", distances.iter().map(|d| d.2 * d.2).sum::<f64>().sqrt()),
                        ("function", (square / (f.len() / k) as f64).sqrt()),
                        ("risk_gap", (risk - limit_risk).abs()),
                    ] {
                        close(table[measure][IxDyn(&[v, seed, at])], expected, &format!("{measure} of {id}, {when}"));
                    }
                    for (name, max, rms) in distances.iter().filter(|_| distances.len() > 1) {
                        for (kind, expected) in [("max", max), ("rms", rms)] {
                            let found = table[&format!("coupling_{kind}_{name}")][IxDyn(&[v, seed, at])];
                            close(found, *expected, &format!("coupling_{kind}_{name} of {id}"));
                        }
                    }
                    self.accuracy(&problem, &f, table["accuracy"][IxDyn(&[v, seed, at])]);
                    for measure in ["coupling_max", "coupling_rms", "function", "risk_gap", "wasserstein"] {
                        let row = (0..times).map(|at| table[measure][IxDyn(&[v, seed, at])]);
                        let sup = row.fold(f64::NEG_INFINITY, f64::max);
                        assert_eq!(table[&format!("sup_{measure}")][IxDyn(&[v, seed])], sup);
                    }
                }
            }
        }
    }

    fn accuracy(&self, problem: &Problem, f: &[f64], found: f64) {
        let k = problem.network.outputs();
        if self.manifest["experiment"]["population"]["kind"] == "teacher" {
            return assert!(found.is_nan(), "real labels have no accuracy");
        }
        let largest = |v: &[f64]| (0..k).max_by(|&i, &j| v[i].total_cmp(&v[j])).unwrap();
        let right = f.chunks_exact(k).zip(problem.population.y.chunks_exact(k)).filter(|(f, y)| match k {
            1 => f[0] * y[0] > 0.0,
            _ => largest(f) == largest(y),
        });
        assert_eq!(found, right.count() as f64 / (f.len() / k) as f64);
    }
}

/// The limit's parameters that a network beginning at particle `first` holds: those of its own indices.
fn window(limit: &Problem, problem: &Problem, theta: &[f64], first: usize) -> Vec<f64> {
    let (whole, own) = (limit.network.families(limit.width), problem.network.families(problem.width));
    let mut out = Vec::new();
    for (whole, own) in whole.iter().zip(&own) {
        let (rows, columns) = (own.rows / problem.width * first, own.columns / problem.width * first);
        for i in 0..own.rows {
            for k in 0..own.columns {
                // Weights between hidden layers have two indices; of other families only the row is one.
                let column = if own.name == "u" { columns + k } else { k };
                out.push(theta[whole.start + (rows + i) * whole.columns + column]);
            }
        }
    }
    out
}

/// Largest and root mean square distance of units, by family.
fn distances(problem: &Problem, a: &[f64], b: &[f64]) -> Vec<(&'static str, f64, f64)> {
    let families = problem.network.families(problem.width);
    let distance = |family: &widelimit::network::Family| {
        let unit = if family.name == "u" { 1 } else { family.columns };
        let (a, b) = (&a[family.range()], &b[family.range()]);
        let square = |(a, b): (&[f64], &[f64])| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let squares: Vec<f64> = a.chunks_exact(unit).zip(b.chunks_exact(unit)).map(square).collect();
        let mean = squares.iter().sum::<f64>() / squares.len() as f64;
        (family.name, squares.iter().copied().fold(0.0, f64::max).sqrt(), mean.sqrt())
    };
    families.iter().map(distance).collect()
}

/// Predictions on the whole sample, and the risk.
fn measure(problem: &Problem, state: &Phase) -> (Vec<f64>, f64) {
    let f = naive::predict(problem, &state.theta, &problem.population.x);
    let risk = naive::loss(problem, &f) + 0.5 * problem.ridge * naive::mean_square(problem, &state.theta);
    (f, risk)
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{what}: {found} recorded, {expected} redone");
}

/// One step of the classical method.
fn rk4(
    theta: &[f64],
    r: &[f64],
    h: f64,
    velocity: impl Fn(&[f64], &[f64]) -> (Vec<f64>, Vec<f64>),
) -> (Vec<f64>, Vec<f64>) {
    let add = |y: &[f64], c: f64, k: &[f64]| -> Vec<f64> { y.iter().zip(k).map(|(y, k)| y + c * k).collect() };
    let (a1, b1) = velocity(theta, r);
    let (a2, b2) = velocity(&add(theta, 0.5 * h, &a1), &add(r, 0.5 * h, &b1));
    let (a3, b3) = velocity(&add(theta, 0.5 * h, &a2), &add(r, 0.5 * h, &b2));
    let (a4, b4) = velocity(&add(theta, h, &a3), &add(r, h, &b3));
    let sum = |y: &[f64], k: [&[f64]; 4]| {
        (0..y.len()).map(|i| y[i] + h / 6.0 * (k[0][i] + 2.0 * k[1][i] + 2.0 * k[2][i] + k[3][i])).collect()
    };
    (sum(theta, [&a1, &a2, &a3, &a4]), sum(r, [&b1, &b2, &b3, &b4]))
}

#[test]
fn heavy_ball_under_the_full_gradient_and_the_runge_kutta_limit() {
    let sweep = "gap.sweep=[{over=\"step\", values=[0.0625, 0.015625], width=6, seeds=2}]";
    let folder = Folder::new(&["dynamics.ridge=0.1", sweep]);
    folder.redo_all(&["heavy-ball", "rk4"]);
    folder.remeasure();
}

#[test]
fn mini_batches_of_classes_and_the_splitting_limit() {
    let folder = Folder::new(&[
        "population={kind=\"digits\", labels=\"classes\", limit=30}",
        "network.loss=softmax",
        "network.activation=gelu",
        "network.start.w.std=0.125",
        "dynamics.batch=5",
        "reference.method=kick-drift-kick",
        "gap.sweep=[{over=\"batch\", values=[1, 3], width=5, seeds=2, step=0.0625}]",
    ]);
    folder.redo_all(&["heavy-ball", "kick-drift-kick"]);
    folder.remeasure();
}

#[test]
fn fresh_draws_with_fixed_outputs_and_signs() {
    let folder = Folder::new(&[
        "population={kind=\"mixture\", dimension=4, delta=0.5, size=20, draws=\"fresh\"}",
        "network={activation=\"sigmoid\", loss=\"logistic\", bias=false, fixed_output=true}",
        "network.start={w={law=\"gaussian\", std=1.0}, a={law=\"sphere\", radius=2.0}}",
        "dynamics.batch=3",
    ]);
    folder.redo_all(&["heavy-ball", "rk4"]);
    folder.remeasure();
}

#[test]
fn gradient_descent_and_its_flow() {
    let set = ["dynamics={method=\"gradient-descent\", step=0.03125, batch=4, temperature=0.0}", "horizon.time=2.0"];
    Folder::new(&set).redo_all(&["gradient-descent", "rk4"]);
    let folder = Folder::new(&["dynamics={method=\"gradient-descent\", step=0.03125}", "horizon.time=2.0"]);
    folder.redo_all(&["gradient-descent", "rk4"]);
    folder.remeasure();
}

#[test]
fn noise_on_a_common_clock() {
    let folder = Folder::new(&[
        "dynamics.temperature=0.05",
        "dynamics.ridge=0.1",
        "dynamics.batch=6",
        "reference.method=baoab",
        "reference.step=0.0625",
        "gap.sweep=[{over=\"step\", values=[0.125, 0.015625], width=6, seeds=2}]",
    ]);
    assert!(folder.trajectories().iter().any(|run| number(&run["ticks"]) == 8.0));
    folder.redo_all(&["heavy-ball", "baoab"]);
    folder.remeasure();
}

#[test]
fn noisy_gradient_descent() {
    let set = [
        "dynamics={method=\"gradient-descent\", step=0.03125, temperature=0.05}",
        "reference.method=gradient-descent",
        "network.fixed_output=true",
    ];
    let folder = Folder::new(&set);
    folder.redo_all(&["gradient-descent"]);
    folder.remeasure();
}

/// Keys that make the experiment one of three layers.
const DEEP: [&str; 3] = [
    "network={kind=\"three-layer\", activation=\"tanh\", second_activation=\"gelu\", proportions=[2, 1]}",
    "network.start={w={law=\"gaussian\", std=1.0}, b={law=\"gaussian\", std=0.5}, u={law=\"gaussian\", mean=0.5, std=1.0}, c={law=\"gaussian\", std=0.5}, a={law=\"uniform\", low=-1.0, high=1.0}}",
    "reference.particles=32",
];

#[test]
fn three_layers_under_the_full_gradient() {
    let sweep = "gap.sweep=[{over=\"step\", values=[0.0625, 0.015625], width=6, seeds=2}]";
    let folder = Folder::new(&[&DEEP[..], &["dynamics.ridge=0.1", sweep]].concat());
    folder.redo_all(&["heavy-ball", "rk4"]);
    folder.remeasure();
}

#[test]
fn three_layers_with_noise_batches_and_fixed_outputs() {
    let set = [
        "network.fixed_output=true",
        "dynamics.temperature=0.05",
        "dynamics.batch=6",
        "reference.method=baoab",
        "reference.step=0.0625",
    ];
    let folder = Folder::new(&[&DEEP[..], &set].concat());
    folder.redo_all(&["heavy-ball", "baoab"]);
    folder.remeasure();
}

#[test]
fn three_layers_of_classes_without_bias() {
    let set = [
        "population={kind=\"digits\", labels=\"classes\", limit=30}",
        "network.bias=false",
        "network.loss=softmax",
        "network.proportions=[1, 2]",
        "network.start={w={law=\"gaussian\", std=0.125}, u={law=\"gaussian\", mean=1.0, std=1.0}, a={law=\"sphere\", radius=2.0}}",
        "dynamics={method=\"gradient-descent\", step=0.03125}",
    ];
    let folder = Folder::new(&[&DEEP[..], &set].concat());
    folder.redo_all(&["gradient-descent", "rk4"]);
    folder.remeasure();
}
