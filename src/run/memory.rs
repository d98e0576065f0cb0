//! What a run will hold in memory, before it starts.

use super::machine_memory::{MemoryShortage, require};
use super::study::{Registry, StudyMemory, TrainingSizes, studies_of};
use crate::config::{BatchSize, Experiment, Precision, Route};
use crate::dynamics::picard::map::SHARES;
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
    /// What is recorded of every run.
    pub records: u64,
    /// What studies hold, the largest of them on every thread.
    pub studies: u64,
}

/// Estimates an experiment on a population of shape (n, d, K). In floating point, so that sizes typed by mistake are reported as
/// large and do not wrap.
pub fn estimate(e: &Experiment, (n, d, outputs): (usize, usize, usize), registry: &'static Registry) -> Estimate {
    let scalar = if e.precision == Precision::F64 { 8.0 } else { 4.0 };
    let model = e.network.model(d, outputs);
    let (n, d, outputs) = (n as f64, d as f64, outputs as f64);
    let sizes = TrainingSizes { experiment: e, network: &model, samples: n, inputs: d, outputs, scalar };
    let records = e.horizon.records as f64 + 1.0;
    let sweeps = || e.sweeps();
    let state = |width: usize| model.state_len_f64(width) * scalar;
    // Numbers beyond these are refused for the state alone.
    let pass = |width: usize, samples: f64| {
        model.work_bytes(width.min(1 << 28), (samples as usize).min(1 << 28), scalar as usize)
    };
    let path = |width: usize| records * (state(width) + n * outputs * 8.0);
    let projections = e.projections() as f64;
    let m = e.reference.particles;
    let work = e.reference.method.work_arrays() as f64;
    let sorted = |width: usize| records * model.projection_count(width, projections) * 8.0;
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
    // A checkpoint is put together in double precision, path included, and held twice when it is written.
    let integration =
        |m: usize, n: f64| (3.0 + work) * state(m) + pass(m, n) + 2.0 * (records + 2.0) * model.state_len_f64(m) * 8.0;
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
        grid: e
            .reference
            .grid
            .as_ref()
            .map_or(0.0, |grid| on_a_grid(grid.nodes as f64, grid_rows(e, n * outputs), records)) as u64,
        sweeps: twins as u64,
        networks: (threads * ((8.0 + 2.0) * state(widest) + pass(widest, step_samples(n)) + batch)) as u64,
        records: series as u64,
        studies: studies(sizes, registry) as u64,
    }
}

/// Bytes of an iteration of the trajectory map beyond the particles: predictions and residuals at every node of the horizon,
/// with the step asked for, twice more for its checkpoint; the shares' sums over a window; the cloud at a window's two ends.
/// The cloud is given by its width and the bytes of its state, the sample by the numbers per node and the bytes of a scalar.
pub fn picard_iteration(
    e: &Experiment,
    windows: usize,
    step: f64,
    (width, state): (usize, f64),
    (per_node, scalar): (f64, f64),
) -> f64 {
    let nodes = e.horizon.time / step + 1.0;
    let window = nodes / windows.max(1) as f64 + 1.0;
    let shares = (width as f64 / LANES as f64).ceil().min(SHARES as f64);
    per_node * (nodes * (3.0 * 8.0 + scalar) + window * (shares + 3.0) * 8.0) + 6.0 * state
}

/// Bytes of the limit by the trajectory map, in the run with the finest step; beside a sweep every thread has an iteration.
fn trajectory_map(e: &Experiment, width: usize, per_node: f64, state: f64, scalar: f64) -> f64 {
    e.reference.picard.map_or(0.0, |picard| {
        let swept = e.sweeps().count() > 0 && e.reference.kind == Route::Picard;
        let beside = if swept { rayon::current_num_threads() as f64 } else { 1.0 };
        beside * picard_iteration(e, picard.windows, 0.5 * e.reference.step, (width, state), (per_node, scalar))
    })
}

/// Bytes of a solution on a grid: the density at the start, at the last record and the present one, and once more where it is
/// written or its moments are taken; features and slopes at the nodes, both, and together when they are made; laws and
/// predictions at recording times, held and written.
pub fn on_a_grid(nodes: f64, rows: f64, records: f64) -> f64 {
    8.0 * (4.0 * nodes * nodes + 4.0 * rows * nodes + 4.0 * records * (nodes + rows))
}

/// Numbers that a grid's field is an average over: the samples', or the quadrature's of the radial reduction.
pub fn grid_rows(e: &Experiment, per_node: f64) -> f64 {
    if matches!(e.population, PopulationSpec::Mixture(_)) { crate::kinetic::Radial::NODES as f64 } else { per_node }
}

/// What the studies hold, after the states in training are gone: the largest on every thread, and what each holds once.
fn studies(sizes: TrainingSizes<'_>, registry: &'static Registry) -> f64 {
    let all: Vec<StudyMemory> =
        studies_of(registry.training, sizes.experiment).map(|(_, study)| study.memory(sizes)).collect();
    let largest = all.iter().map(|memory| memory.per_thread).fold(0.0, f64::max);
    let shared: f64 = all.iter().map(|memory| memory.shared).sum();
    8.0 * sizes.samples * sizes.inputs + rayon::current_num_threads() as f64 * largest + shared
}

/// Why an experiment does not fit this machine's memory, as far as its file alone can tell.
pub fn exceeds_memory(e: &Experiment, registry: &'static Registry) -> Option<String> {
    let estimate = estimate(e, e.shape_hint()?, registry);
    estimate.fits_machine().err().map(|shortage| shortage.to_string())
}

impl Estimate {
    /// The most at one time, in bytes: what stays, and the largest of what follows one another.
    pub fn total(&self) -> u64 {
        let in_turn = self.reference.max(self.networks).max(self.studies);
        [self.program, self.population, self.path, self.grid, self.sweeps, self.records, in_turn]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Refuses an estimate above the machine's memory.
    ///
    /// # Errors
    /// [`MemoryShortage`] with all parts of the estimate.
    pub fn fits_machine(&self) -> Result<(), MemoryShortage> {
        let parts = vec![
            ("population", self.population),
            ("limit", self.reference),
            ("its path", self.path),
            ("grid", self.grid),
            ("sweeps", self.sweeps),
            ("networks", self.networks),
            ("records", self.records),
            ("studies", self.studies),
        ];
        let advice = "fewer particles, fewer records, fewer seeds, a smaller population or precision = \"f32\"";
        require(self.total(), parts, advice)
    }
}
