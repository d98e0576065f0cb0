//! What a run will hold in memory, before it starts.

use super::experiment::{BatchSize, Experiment, Precision, Route};
use crate::dynamics::picard::map::SHARES;
use crate::network::Network;
use crate::network::kernel::LANES;
use crate::population::PopulationSpec;

/// Bytes of the program itself: its code, fonts and threads.
const PROGRAM: u64 = 12 << 20;

/// Bytes by purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Estimate {
    /// The program itself.
    pub program: u64,
    /// The samples, in double precision and in the states' scalar type.
    pub population: u64,
    /// The limit's recorded path, which stays to the end.
    pub path: u64,
    /// What integrating the limit takes beside it: states, the integrator's work arrays, activations, the half of it that it is
    /// held against, the checkpoint.
    pub reference: u64,
    /// The limit's grid, where one is asked for: densities, features at nodes, laws at recording times.
    pub grid: u64,
    /// The limits beside sweeps: their recorded paths.
    pub sweeps: u64,
    /// The networks in training at one time.
    pub networks: u64,
    /// What is recorded of every run, and the bootstrap's resamples.
    pub records: u64,
    /// What studies hold of the networks they take apart or join.
    pub studies: u64,
}

/// Estimates an experiment on a population of shape (n, d, K). In floating point: sizes that a person typed by mistake
/// must come out as large, not wrapped.
pub fn estimate(e: &Experiment, (n, d, outputs): (usize, usize, usize)) -> Estimate {
    let scalar = if e.precision == Precision::F64 { 8.0 } else { 4.0 };
    let model = e.network.model(d, outputs);
    let (n, d, outputs) = (n as f64, d as f64, outputs as f64);
    let records = e.horizon.records as f64 + 1.0;
    let sweeps = || e.gap.iter().flat_map(|gap| &gap.sweep);
    let state = |width: usize| model.size(width) * scalar;
    // Numbers beyond these are refused for the state alone.
    let pass = |width: usize, samples: f64| {
        model.work_bytes(width.min(1 << 28), (samples as usize).min(1 << 28), scalar as usize)
    };
    let path = |width: usize| records * (state(width) + n * outputs * 8.0);
    let gap = e.gap.as_ref();
    let projections = gap.map_or(0.0, |gap| gap.projections as f64);
    let m = e.reference.particles;
    let work = e.reference.method.work_arrays() as f64;
    let sorted = |width: usize| records * model.projected(width, projections) * 8.0;
    let twins: f64 = sweeps().map(|s| s.seeds as f64 * (path(s.width) + sorted(s.width))).sum();
    let variants = || e.variants.iter().map(|v| v.width);
    let widest = sweeps().map(|s| s.width).chain(variants()).chain([e.widths.largest()]).max().unwrap_or(0);
    let batches = || sweeps().flat_map(|s| s.values.iter().map(|&v| s.at(v, &e.dynamics).1)).chain([e.dynamics.batch]);
    // The most samples of a step, where a full gradient has `all`. Under mini-batches the whole sample is only predicted on, a part at
    // a time.
    let step_samples = |all: f64| {
        let samples = batches().map(|batch| if let BatchSize::Size(size) = batch { size as f64 } else { all });
        samples.fold(0.0, f64::max)
    };
    let batch = step_samples(0.0) * (d + outputs) * (8.0 + scalar);
    let threads = rayon::current_num_threads() as f64;
    let values = sweeps()
        .map(|s| (s.values.len(), s.seeds))
        .chain(e.variants.iter().map(|v| (1, v.seeds)))
        .chain([(e.widths.values.len(), e.widths.seeds)]);
    // Eleven measures per recording time and the names of a run, twice: as recorded, and in its group's table.
    let series: f64 =
        values.map(|(values, seeds)| values as f64 * seeds as f64 * (records * 11.0 * 16.0 + 500.0)).sum();
    let resamples = gap.map_or(0.0, |gap| gap.resamples as f64 * 8.0 * e.widths.values.len() as f64);
    // A checkpoint is put together in double precision, path included, and held twice when it is written.
    let integration =
        |m: usize, n: f64| (3.0 + work) * state(m) + pass(m, n) + 2.0 * (records + 2.0) * model.size(m) * 8.0;
    let whole = integration(m, n);
    // The halved reference keeps its path too, while it is compared with the whole one, as does that on half the sample; the smaller
    // may keep activations where the larger cannot.
    let half_sample = if e.population.fresh() { n / 2.0 } else { n };
    let half = integration(m / 2, n).max(integration(m / 2, half_sample)) + path(m / 2) + sorted(m / 2);
    Estimate {
        program: PROGRAM,
        population: (n * (d * (8.0 + scalar) + 2.0 * outputs * 8.0)) as u64,
        path: (path(m) + sorted(m)) as u64,
        reference: (whole.max(half) + trajectory_map(e, m, n * outputs, state(m), scalar)) as u64,
        grid: e.reference.grid.as_ref().map_or(0.0, |grid| on_a_grid(grid.nodes as f64, rows(e, n * outputs), records))
            as u64,
        sweeps: twins as u64,
        networks: (threads * ((8.0 + 2.0) * state(widest) + pass(widest, step_samples(n)) + batch)) as u64,
        records: (series + resamples) as u64,
        studies: (studies(e, (n, d, outputs), &model) + iterates(e, n * outputs, &model, scalar)) as u64,
    }
}

/// What an iteration of the trajectory map holds beyond the particles: predictions and residuals at every node of the horizon, with
/// the step asked for, twice more for its checkpoint; the shares' sums over a window; the cloud at a window's two ends.
fn iteration(e: &Experiment, windows: usize, step: f64, cloud: (usize, f64), (per_node, scalar): (f64, f64)) -> f64 {
    let (width, state) = cloud;
    let nodes = e.horizon.time / step + 1.0;
    let window = nodes / windows.max(1) as f64 + 1.0;
    let shares = (width as f64 / LANES as f64).ceil().min(SHARES as f64);
    per_node * (nodes * (3.0 * 8.0 + scalar) + window * (shares + 3.0) * 8.0) + 6.0 * state
}

/// What the limit by the trajectory map holds, in the run with the finest step; beside a sweep every thread has an iteration.
fn trajectory_map(e: &Experiment, width: usize, per_node: f64, state: f64, scalar: f64) -> f64 {
    e.reference.picard.map_or(0.0, |picard| {
        let swept = e.gap.iter().flat_map(|gap| &gap.sweep).count() > 0 && e.reference.kind == Route::Picard;
        let beside = if swept { rayon::current_num_threads() as f64 } else { 1.0 };
        beside * iteration(e, picard.windows, 0.5 * e.reference.step, (width, state), (per_node, scalar))
    })
}

/// What the study of Picard's iteration holds. Its first iterations have the longest windows; they are under way side by side, each
/// with the trajectories that it is held against.
fn iterates(e: &Experiment, per_node: f64, model: &Network, scalar: f64) -> f64 {
    e.picard.as_ref().map_or(0.0, |study| {
        let cloud = (study.particles, model.size(study.particles) * scalar);
        let held = 4.0 * (e.horizon.time / e.reference.step + 1.0) * per_node * 8.0;
        let first = study.windows.iter().take(rayon::current_num_threads());
        first.map(|&windows| iteration(e, windows, e.reference.step, cloud, (per_node, scalar)) + held).sum()
    })
}

/// Bytes of a solution on a grid: the density at the start, at the last record and in hand, and once more where it is written or its
/// moments are taken; features and slopes at the nodes, both, and together when they are made; laws and predictions at recording
/// times, held and written.
fn on_a_grid(nodes: f64, rows: f64, records: f64) -> f64 {
    8.0 * (4.0 * nodes * nodes + 4.0 * rows * nodes + 4.0 * records * (nodes + rows))
}

/// Numbers that a grid's field is an average over: the samples', or the quadrature's of the radial reduction.
fn rows(e: &Experiment, per_node: f64) -> f64 {
    if matches!(e.population, PopulationSpec::Mixture(_)) { crate::kinetic::Radial::NODES as f64 } else { per_node }
}

/// What the studies hold, a network or a pair on every thread, after the states in training are gone.
fn studies(e: &Experiment, (n, d, outputs): (f64, f64, f64), model: &Network) -> f64 {
    let widest = e.widths.largest();
    let up_to = |limit: usize| widest.min(limit) as f64;
    // Greedy choice: features and their inner products, with the products of output weights.
    let dropout = e.dropout.as_ref().map_or(0.0, |terms| {
        let greedy = up_to(terms.greedy_up_to);
        8.0 * (greedy * n * outputs.min(2.0) + 3.0 * greedy * greedy + terms.draws as f64 * widest as f64)
    });
    // Six waypoints and what is interpolated between them; features of both networks and the costs of matching.
    let connect = e.connect.as_ref().map_or(0.0, |terms| {
        let matched = up_to(terms.match_up_to);
        8.0 * (16.0 * model.size(widest) + 2.0 * matched * n + 5.0 * matched * matched)
    });
    let records = e.horizon.records as f64 + 1.0;
    // A grid on every thread, or a cloud.
    let kinetic = e.kinetic.as_ref().map_or(0.0, |terms| {
        let nodes = terms.nodes as f64;
        let width = terms.particles / terms.clouds.max(1);
        let cloud = (6.0 + e.reference.method.work_arrays() as f64) * model.size(width);
        let pass = model.work_bytes(width.min(1 << 28), (n as usize).min(1 << 28), 8);
        // Beside the density and its copy in a step: the Gibbs law's.
        let at_rest = if terms.frictions.is_empty() { 0.0 } else { 8.0 * nodes * nodes };
        (on_a_grid(nodes, n * outputs, records) + at_rest).max(pass + 8.0 * cloud)
    });
    let radial = e
        .radial
        .as_ref()
        .zip(e.reference.grid.as_ref())
        .map_or(0.0, |(_, grid)| on_a_grid(grid.nodes as f64, rows(e, n * outputs), records));
    8.0 * n * d + rayon::current_num_threads() as f64 * dropout.max(connect).max(kinetic).max(radial)
}

impl Estimate {
    /// The most at one time, in bytes: what stays, and the largest of what follows one another.
    pub fn total(&self) -> u64 {
        let in_turn = self.reference.max(self.networks).max(self.studies);
        [self.program, self.population, self.path, self.grid, self.sweeps, self.records, in_turn]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Refuses an estimate above the machine's memory, in words that say what would do.
    pub fn fits_machine(&self) -> Result<(), String> {
        let machine = machine_memory();
        if machine == 0 || self.total() <= machine {
            return Ok(());
        }
        Err(format!(
            "the run would hold about {} (population {}, limit {}, its path {}, grid {}, sweeps {}, networks {}, records {}, studies {}) and this machine has {}: expected fewer particles, fewer records, fewer seeds, a smaller population or precision = \"f32\"",
            bytes(self.total()),
            bytes(self.population),
            bytes(self.reference),
            bytes(self.path),
            bytes(self.grid),
            bytes(self.sweeps),
            bytes(self.networks),
            bytes(self.records),
            bytes(self.studies),
            bytes(machine)
        ))
    }
}

/// The machine's memory in bytes, or a control group's limit where that is lower; 0 where it cannot be told.
pub fn machine_memory() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let total = system.total_memory();
    system.cgroup_limits().map_or(total, |limits| limits.total_memory.min(total))
}

/// Bytes for people: `1.5 GiB`.
pub fn bytes(n: u64) -> String {
    indicatif::BinaryBytes(n).to_string()
}
