//! An estimate of the memory of a run, before it starts.

use super::machine_memory::{MemoryShortage, require};
use super::study::{Registry, StudyMemory, TrainingSizes, studies_of};
use crate::config::{BatchSize, Experiment, Precision, Route};
use crate::dynamics::picard::map::SHARES;
use crate::network::kernel::LANES;
use crate::population::PopulationSpec;

/// Bytes of code, fonts and threads.
const PROGRAM: u64 = 12 << 20;

/// Bytes by purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MemoryEstimate {
    /// Code, fonts and threads.
    pub program: u64,
    /// The samples, in double precision and in the states' scalar type.
    pub population: u64,
    /// The recorded path of the limit, kept to the end.
    pub path: u64,
    /// Integration of the limit: states, work arrays of the integrator, activations, the limit with half the particles, the
    /// checkpoint.
    pub reference: u64,
    /// The limit on a grid, if any: densities, features at the nodes, laws at the recording times.
    pub grid: u64,
    /// Recorded paths of the limits of sweeps.
    pub sweeps: u64,
    /// Networks in training at the same time.
    pub networks: u64,
    /// Recorded series.
    pub records: u64,
    /// Studies: the largest on every thread, and what they share.
    pub studies: u64,
}

/// Estimates the memory of an experiment on a population of shape (n, d, K). Floating-point arithmetic avoids overflow for
/// sizes that are far too large.
pub fn estimate(e: &Experiment, (n, d, outputs): (usize, usize, usize), registry: &'static Registry) -> MemoryEstimate {
    let scalar = if e.precision == Precision::F64 { 8.0 } else { 4.0 };
    let model = e.network.model(d, outputs);
    let (n, d, outputs) = (n as f64, d as f64, outputs as f64);
    let sizes = TrainingSizes { experiment: e, network: &model, samples: n, inputs: d, outputs, scalar };
    let records = e.horizon.records as f64 + 1.0;
    let sweeps = || e.sweeps();
    let state = |width: usize| model.size(width) * scalar;
    // For larger numbers the state alone exceeds the memory of every machine.
    let pass = |width: usize, samples: f64| {
        model.work_bytes(width.min(1 << 28), (samples as usize).min(1 << 28), scalar as usize)
    };
    let path = |width: usize| records * (state(width) + n * outputs * 8.0);
    let projections = e.projections() as f64;
    let m = e.reference.particles;
    let work = e.reference.method.work_arrays() as f64;
    let sorted = |width: usize| records * model.projected(width, projections) * 8.0;
    let sweep_limits: f64 = sweeps().map(|s| s.seeds as f64 * (path(s.width) + sorted(s.width))).sum();
    let variants = || e.variants.iter().map(|v| v.width);
    let widest = sweeps().map(|s| s.width).chain(variants()).chain([e.widths.largest()]).max().unwrap_or(0);
    let batches = || sweeps().flat_map(|s| s.values.iter().map(|&v| s.at(v, &e.dynamics).1)).chain([e.dynamics.batch]);
    // The largest number of samples of a step, where a full gradient has `all`. Under mini-batches predictions on the whole sample
    // are made in parts.
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
    // Eleven measures per recording time and the names of a run, twice: as recorded, and in the series of its group.
    let series: f64 =
        values.map(|(values, seeds)| values as f64 * seeds as f64 * (records * 11.0 * 16.0 + 500.0)).sum();
    // A checkpoint is assembled in double precision, with the path, and held twice while it is written.
    let integration =
        |m: usize, n: f64| (3.0 + work) * state(m) + pass(m, n) + 2.0 * (records + 2.0) * model.size(m) * 8.0;
    let full = integration(m, n);
    // The limit with half the particles keeps its path while it is compared with that with all particles, as does that on half the sample; a smaller
    // one may store activations where a larger one cannot.
    let half_sample = if e.population.fresh() { n / 2.0 } else { n };
    let half = integration(m / 2, n).max(integration(m / 2, half_sample)) + path(m / 2) + sorted(m / 2);
    MemoryEstimate {
        program: PROGRAM,
        population: (n * (d * (8.0 + scalar) + 2.0 * outputs * 8.0)) as u64,
        path: (path(m) + sorted(m)) as u64,
        reference: (full.max(half) + trajectory_map(e, m, n * outputs, state(m), scalar)) as u64,
        grid: e
            .reference
            .grid
            .as_ref()
            .map_or(0.0, |grid| grid_solution_bytes(grid.nodes as f64, grid_rows(e, n * outputs), records))
            as u64,
        sweeps: sweep_limits as u64,
        networks: (threads * ((8.0 + 2.0) * state(widest) + pass(widest, step_samples(n)) + batch)) as u64,
        records: series as u64,
        studies: studies(sizes, registry) as u64,
    }
}

/// Sizes of a Picard iteration.
#[derive(Clone, Copy, Debug)]
pub struct IterationSizes {
    /// Number of time windows.
    pub windows: usize,
    /// Step.
    pub step: f64,
    /// Number of particles.
    pub width: usize,
    /// Bytes of the particles' parameters.
    pub state: f64,
    /// Numbers of a prediction at one time, n K.
    pub per_node: f64,
    /// Bytes of a scalar.
    pub scalar: f64,
}

/// Bytes of a Picard iteration beyond the particles: predictions and residuals at every step of the horizon, twice more for its
/// checkpoint; partial sums over a window; the particles at both ends of a window.
pub fn picard_iteration_bytes(e: &Experiment, sizes: IterationSizes) -> f64 {
    let IterationSizes { windows, step, width, state, per_node, scalar } = sizes;
    let nodes = e.horizon.time / step + 1.0;
    let window = nodes / windows.max(1) as f64 + 1.0;
    let shares = (width as f64 / LANES as f64).ceil().min(SHARES as f64);
    per_node * (nodes * (3.0 * 8.0 + scalar) + window * (shares + 3.0) * 8.0) + 6.0 * state
}

/// Bytes of the limit by Picard iteration with half the step, the smallest in use; the limits of a sweep are iterated on all threads.
fn trajectory_map(e: &Experiment, width: usize, per_node: f64, state: f64, scalar: f64) -> f64 {
    e.reference.picard.map_or(0.0, |picard| {
        let swept = e.sweeps().count() > 0 && e.reference.kind == Route::Picard;
        let iterations = if swept { rayon::current_num_threads() as f64 } else { 1.0 };
        let (windows, step) = (picard.windows, 0.5 * e.reference.step);
        iterations * picard_iteration_bytes(e, IterationSizes { windows, step, width, state, per_node, scalar })
    })
}

/// Bytes of a solution on a grid of `nodes` per axis, whose field is an average over `rows` numbers, with `records` recording
/// times: four densities (at the start, at the last record, the present one and a copy for writing and moments); features and
/// their derivatives at the nodes, and as much to compute them; laws and predictions at the recording times, and as much to
/// write them.
pub fn grid_solution_bytes(nodes: f64, rows: f64, records: f64) -> f64 {
    8.0 * (4.0 * nodes * nodes + 4.0 * rows * nodes + 4.0 * records * (nodes + rows))
}

/// Number of terms of which a grid's field is an average: the samples and outputs, or the nodes of the radial quadrature.
pub fn grid_rows(e: &Experiment, per_node: f64) -> f64 {
    if matches!(e.population, PopulationSpec::Mixture(_)) { crate::kinetic::Radial::NODES as f64 } else { per_node }
}

/// Bytes of the studies: the largest on every thread, and what they share.
fn studies(sizes: TrainingSizes<'_>, registry: &'static Registry) -> f64 {
    let all: Vec<StudyMemory> =
        studies_of(registry.training, sizes.experiment).map(|(_, study)| study.memory(sizes)).collect();
    let largest = all.iter().map(|memory| memory.per_thread).fold(0.0, f64::max);
    let shared: f64 = all.iter().map(|memory| memory.shared).sum();
    8.0 * sizes.samples * sizes.inputs + rayon::current_num_threads() as f64 * largest + shared
}

/// The message of the error where an experiment needs more memory than this machine has, as far as its file determines it.
pub fn exceeds_memory(e: &Experiment, registry: &'static Registry) -> Option<String> {
    let estimate = estimate(e, e.shape_hint()?, registry);
    estimate.fits_machine().err().map(|shortage| shortage.to_string())
}

impl MemoryEstimate {
    /// Largest memory at one time, in bytes: the permanent parts, and the largest of the successive phases.
    pub fn total(&self) -> u64 {
        let largest_phase = self.reference.max(self.networks).max(self.studies);
        [self.program, self.population, self.path, self.grid, self.sweeps, self.records, largest_phase]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Checks that the machine has enough memory.
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
