//! An estimate of the memory of a run, before it starts: what is held throughout, and the largest of the phases that
//! follow each other.
//!
//! Every part counts the arrays that are alive at one time. Freed memory does not count: large arrays are returned to
//! the system at once, and the rest between phases ([`crate::compute::return_freed_memory`]). Sums are in floating-point
//! arithmetic, which does not overflow for sizes that are far too large.

use super::cost::ExchangeWork;
use super::grid_limit::ATOMS;
use super::memory_estimate::{LargestStudy, MemoryEstimate};
use super::planner::Planner;
use super::study::{Registry, StudyMemory, TrainingSizes, studies_of};
use crate::config::{BatchSize, Experiment, MemoryExcess, Route};
use crate::dynamics::picard::map::SHARES;
use crate::network::Shares;
use crate::network::kernel::LANES;
use crate::population::PopulationSpec;
use crate::record::Measure;
use std::collections::BTreeMap;

/// Bytes of the program's code, its constants and small allocations, before figures are drawn.
const PROGRAM: f64 = (22 << 20) as f64;

/// Bytes of code, fonts and small allocations that figures need beyond those of the program.
const FIGURES: f64 = (11 << 20) as f64;

/// Bytes of a figure that is being drawn: its elements as text, as a tree, as pixels and as an encoded file.
const FIGURE: f64 = (17 << 20) as f64;
/// Copies of the arrays of a file while it is written: the record, its arrays in the archive's order, and the archive.
const COPIES: f64 = 3.0;

/// Least number of files of a state that is divided into shares.
const FILES: f64 = 64.0;

/// Bytes of a number in a file of text, and of its copy while it is written.
pub const TEXT: f64 = 40.0;

/// Estimates the memory of an experiment on a population of shape (n, d, K) with `test` samples in its test part.
pub fn estimate(
    e: &Experiment,
    shape: (usize, usize, usize),
    test: usize,
    registry: &'static Registry,
) -> MemoryEstimate {
    estimate_on(e, shape, test, registry, 1)
}

/// The same for one of several ranks.
pub fn estimate_on(
    e: &Experiment,
    shape: (usize, usize, usize),
    test: usize,
    registry: &'static Registry,
    ranks: usize,
) -> MemoryEstimate {
    let network = e.network.model(shape.1, shape.2);
    let sizes = TrainingSizes::new(e, &network, shape);
    let phases = Phases {
        sizes,
        test: test as f64,
        records: e.horizon.records as f64 + 1.0,
        threads: rayon::current_num_threads() as f64,
        ranks: ranks as f64,
    };
    let (studies, largest_study) = phases.studies(registry);
    MemoryEstimate {
        program: PROGRAM as u64,
        population: phases.population() as u64,
        records: phases.series() as u64,
        data: phases.data() as u64,
        limit: phases.limits() as u64,
        networks: phases.networks() as u64,
        studies: studies as u64,
        largest_study,
        largest_networks: phases.key_of_networks(),
        limit_of_sample: phases.is_of_sample(Phases::limits),
        networks_of_sample: phases.is_of_sample(Phases::networks),
        figures: (FIGURES + phases.threads * FIGURE) as u64,
    }
}

/// Trajectories of one stage that are alike.
#[derive(Clone, Copy)]
struct Alike {
    count: f64,
    /// Work of each, up to a factor.
    work: f64,
    /// Bytes of each.
    bytes: f64,
}

/// The sizes of an experiment, from which those of its phases follow.
#[derive(Clone, Copy)]
struct Phases<'a> {
    sizes: TrainingSizes<'a>,
    /// Samples of the test part.
    test: f64,
    /// Number of recording times.
    records: f64,
    threads: f64,
    /// Ranks among which wide networks are divided.
    ranks: f64,
}

impl Phases<'_> {
    /// Whether a part is determined by the sample: whether half of it would need little more than half of the memory.
    fn is_of_sample(&self, part: fn(&Self) -> f64) -> bool {
        let sizes = TrainingSizes { samples: 0.5 * self.sizes.samples, ..self.sizes };
        part(&Phases { sizes, test: 0.5 * self.test, ..*self }) < 0.6 * part(self)
    }

    fn experiment(&self) -> &Experiment {
        self.sizes.experiment
    }

    /// Bytes of parameters, or of momenta, in the states' scalar type.
    fn state(&self, width: usize) -> f64 {
        self.sizes.network.state_len_f64(width) * self.sizes.scalar
    }

    /// Bytes of the samples in double precision.
    fn sample(&self) -> f64 {
        8.0 * self.sizes.samples * (self.sizes.inputs + self.sizes.outputs)
    }

    /// Bytes of the test part in double precision.
    fn test_sample(&self) -> f64 {
        8.0 * self.test * (self.sizes.inputs + self.sizes.outputs)
    }

    /// Samples on which a state is evaluated at a recording time.
    fn evaluated(&self) -> f64 {
        self.sizes.samples + self.test
    }

    /// The population, the problem in double precision with the first half of a sample that represents a law, and the
    /// problem in single precision, where states have it.
    fn population(&self) -> f64 {
        let half = if self.experiment().population.fresh() { 0.5 } else { 0.0 };
        let single = if self.sizes.scalar < 8.0 { (1.0 + half) * 0.6 } else { 0.0 };
        let single_test = if self.sizes.scalar < 8.0 { 0.6 } else { 0.0 };
        self.sample() * (2.0 + half + single) + self.test_sample() * (2.0 + single_test)
    }

    /// Writing `state/data.npz`: the arrays and the archive.
    fn data(&self) -> f64 {
        2.0 * (self.sample() + self.test_sample())
    }

    /// Series of every network: as recorded, and in the record of its group with its copies.
    fn series(&self) -> f64 {
        let e = self.experiment();
        let families = self.sizes.network.families(1).len() as f64;
        let test = if self.test > 0.0 { Measure::TEST.len() } else { 0 };
        let measures = (Measure::COMMON.len() + test) as f64 + 2.0 * families;
        let values = e.sweeps().map(|s| (s.values.len(), s.seeds)).chain(e.variants.iter().map(|v| (1, v.seeds)));
        let own = 1 + usize::from(e.trains_full_gradient());
        let widths = [(own * e.widths.values.len(), e.widths.seeds)];
        let networks = values.chain(widths).map(|(values, seeds)| values as f64 * seeds as f64);
        networks.sum::<f64>() * (self.records * measures * 8.0 * (1.0 + COPIES) + 500.0)
    }

    /// Predictions, and the projections of Wasserstein distances where `projected` numbers have them, at the recording
    /// times.
    fn predictions(&self, projected: f64) -> f64 {
        self.records * 8.0 * (self.evaluated() * self.sizes.outputs + projected)
    }

    /// The path of a limit by particles.
    fn path(&self, width: usize) -> f64 {
        let projected = self.sizes.network.projection_count(width, self.experiment().projections() as f64);
        self.records * self.state(width) + self.predictions(projected)
    }

    /// The path of the limit on a grid; the radial reduction has no law of neurons to project.
    fn grid_path(&self) -> f64 {
        let e = self.experiment();
        let radial = matches!(e.population.spec, PopulationSpec::Mixture(_));
        self.predictions(if radial { 0.0 } else { e.projections() as f64 * ATOMS as f64 })
    }

    /// The paths of the limits beside sweeps. Sweeps of equal width and distance between their particles share them.
    fn sweep_paths(&self) -> f64 {
        let e = self.experiment();
        let planner = Planner::new(e);
        let mut limits: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for sweep in e.sweeps() {
            let seeds = limits.entry((sweep.width, planner.stride(sweep.width, sweep.seeds))).or_default();
            *seeds = sweep.seeds.max(*seeds);
        }
        limits.into_iter().map(|((width, _), seeds)| seeds as f64 * self.path(width)).sum()
    }

    /// The buffers of a pass. For larger numbers the state alone exceeds the memory of every machine.
    fn pass(&self, width: usize, samples: f64) -> f64 {
        let (width, samples) = (width.min(1 << 28), (samples as usize).min(1 << 28));
        self.sizes.network.work_bytes(width, samples, self.sizes.scalar as usize)
    }

    /// A trajectory: parameters and momenta at the start, now and at the last record; work arrays; the buffers of a pass;
    /// predictions at a record with the copies of every thread; and the larger of its files, its final state or its last
    /// checkpoint, which is in double precision and holds the path where that is kept.
    fn trajectory(&self, width: usize, samples: f64, work_arrays: usize, keeps_path: bool) -> f64 {
        let state = self.state(width);
        if self.divided(width) {
            // What is compared with others is gathered, in both scalar types, with the places of its parameters.
            let gathered = (1.0 + 24.0 / self.sizes.scalar) * state;
            let path = if keeps_path { COPIES * self.records * 8.0 / self.sizes.scalar * state } else { 0.0 };
            return self.alone(width, samples, work_arrays) + gathered + path;
        }
        let path = if keeps_path { self.records } else { 0.0 };
        let checkpoint = COPIES * (2.0 + path) * 8.0 * self.sizes.network.state_len_f64(width);
        let predictions = (2.0 + 4.0 * self.threads) * 8.0 * self.evaluated() * self.sizes.outputs;
        (6.0 + work_arrays as f64) * state + self.pass(width, samples) + predictions + checkpoint.max(12.0 * state)
    }

    /// A network that is compared with no limit. Of one that is divided, a rank holds its shares of parameters and momenta
    /// once, with the buffers of a file of some of them.
    fn alone(&self, width: usize, samples: f64, work_arrays: usize) -> f64 {
        if !self.divided(width) {
            return self.trajectory(width, samples, work_arrays, false);
        }
        let predictions = (2.0 + 4.0 * self.threads) * 8.0 * self.sizes.samples * self.sizes.outputs;
        let own = self.state(width) / self.ranks;
        let file = 4.0 * COPIES * (self.state(width) / FILES).min(own);
        let exchanged = self.shares(width).map_or(0.0, |shares| {
            ExchangeWork::sum(shares, self.ranks as usize, samples * self.sizes.outputs).buffer_bytes()
        });
        (2.0 + work_arrays as f64) * own + self.pass(width, samples) + predictions + file + exchanged
    }

    /// Whether the neurons of a width are divided into shares: parameters and momenta are then held once, and written
    /// in files of some shares each.
    fn divided(&self, width: usize) -> bool {
        self.shares(width).is_some()
    }

    fn shares(&self, width: usize) -> Option<Shares> {
        self.sizes.network.as_two_layer()?;
        Shares::of(width, self.experiment().network.shares_from)
    }

    /// A limit by particles.
    fn limit(&self, width: usize, samples: f64, keeps_path: bool) -> f64 {
        self.trajectory(width, samples, self.experiment().reference.method.work_arrays(), keeps_path)
    }

    /// The limit on the grid with `nodes` per axis, if there is one.
    fn grid(&self, divisor: usize) -> f64 {
        let e = self.experiment();
        let rows = grid_rows(e, self.sizes.samples * self.sizes.outputs);
        e.reference
            .grid
            .as_ref()
            .map_or(0.0, |grid| grid_solution_bytes((grid.nodes / divisor) as f64, rows, self.records))
    }

    /// The paths that are kept until the networks have been compared with them: the reference and the limits of sweeps.
    fn kept_paths(&self) -> f64 {
        let e = self.experiment();
        let reference =
            if e.reference.kind == Route::Grid { self.grid_path() } else { self.path(e.reference.particles) };
        reference + self.sweep_paths()
    }

    /// The largest of the stages in which limits are computed.
    fn limits(&self) -> f64 {
        let e = self.experiment();
        let (m, n) = (e.reference.particles, self.sizes.samples);
        let by_grid = e.reference.kind == Route::Grid;
        let [iteration, finer] = [1.0, 0.5].map(|part| self.iteration(part * e.reference.step));
        // A trajectory is recorded when the iteration has found it.
        let iterated = |trajectory: f64, [whole, found]: [f64; 2]| match e.reference.kind {
            Route::Picard => whole.max(trajectory + found),
            Route::Particles | Route::Grid => trajectory,
        };
        let (reference, own) =
            if by_grid { (self.grid_path(), self.grid(1)) } else { (self.path(m), self.limit(m, n, true)) };
        let first = iterated(reference + own, iteration);
        let sweeps = e.sweeps().map(|s| iterated(self.limit(s.width, n, true), iteration)).fold(0.0, f64::max);
        let kept = self.kept_paths();
        // The limit by another route: its path is kept where the reference has no particles.
        let others = e.reference.against.iter().map(|route| match route {
            Route::Grid => self.grid(1),
            Route::Picard | Route::Particles if by_grid => self.path(m) + self.limit(m, n, true) + iteration[0],
            Route::Picard => self.limit(m, n, false) + iteration[0],
            Route::Particles => self.limit(m, n, false),
        });
        let whole = if by_grid && !e.reference.against.is_empty() { self.path(m) } else { 0.0 };
        let half = iterated(self.path(m / 2) + self.limit(m / 2, n, true), iteration) + whole;
        let half_sample = if e.population.fresh() { n / 2.0 } else { n };
        // With half the step, with half the sample, which stores activations where the whole sample may not, and with the
        // networks' step.
        let gradients = e.reference.method.gradients_per_step() as f64 / e.reference.step;
        let (fresh, full) = (e.population.fresh(), e.dynamics.batch == BatchSize::Full || e.trains_full_gradient());
        let one = |present: bool| f64::from(u8::from(present));
        let finer_runs = [
            Alike { count: 1.0, work: 2.0 * gradients, bytes: self.limit(m / 2, n, false) },
            Alike { count: one(fresh), work: gradients, bytes: self.limit(m / 2, half_sample, false) },
            Alike { count: one(full), work: 1.0 / e.dynamics.step, bytes: self.trajectory(m / 2, n, 1, false) },
        ];
        let steps = self.path(m / 2) + iterated(self.stage(&finer_runs), finer);
        let later = others.chain([self.threads * sweeps, half, steps, self.grid(1)]).fold(0.0, f64::max);
        first.max(kept + later)
    }

    /// The trajectories of a stage that are held at one time: the largest alone, as one with more than half of a thread's
    /// share of the work is run on all threads, or the small ones that are run side by side.
    fn stage(&self, all: &[Alike]) -> f64 {
        let share = all.iter().map(|alike| alike.count * alike.work).sum::<f64>() / self.threads;
        let small = || all.iter().filter(|alike| alike.work <= 0.5 * share);
        let side_by_side = small().map(|alike| alike.count).sum::<f64>().min(self.threads);
        let largest = |bytes: f64, alike: &Alike| if alike.count > 0.0 { bytes.max(alike.bytes) } else { bytes };
        all.iter().fold(0.0, largest).max(side_by_side * small().fold(0.0, largest))
    }

    /// The iteration of a limit with this step, and its result.
    fn iteration(&self, step: f64) -> [f64; 2] {
        let e = self.experiment();
        let width = e.reference.particles;
        e.reference.picard.map_or([0.0; 2], |picard| {
            let (windows, per_node) = (picard.windows, self.sizes.samples * self.sizes.outputs);
            let (state, scalar) = (self.state(width), self.sizes.scalar);
            let sizes = IterationSizes { windows, step, width, state, per_node, scalar, ranks: self.ranks };
            [picard_iteration_bytes(e, sizes), per_node * (e.horizon.time / step + 1.0) * (8.0 + scalar)]
        })
    }

    /// The networks in training, with the paths of the limits with which they are compared.
    fn networks(&self) -> f64 {
        let e = self.experiment();
        let alike = |count: f64, width: usize, step: f64, batch: BatchSize| {
            let (samples, drawn) = match batch {
                BatchSize::Full => (self.sizes.samples, 0.0),
                BatchSize::Size(size) => (size as f64, size as f64),
            };
            // A batch and the next one. Predictions on the whole sample are made in parts.
            let drawn = 2.0 * drawn * (self.sizes.inputs + self.sizes.outputs) * (8.0 + self.sizes.scalar);
            let work = e.network.work(width) / step * samples.min(1000.0);
            Alike { count, work, bytes: self.trajectory(width, samples, 1, false) + drawn }
        };
        let (step, batch) = (e.dynamics.step, e.dynamics.batch);
        let own = [batch].into_iter().chain(e.trains_full_gradient().then_some(BatchSize::Full));
        let widths = own
            .flat_map(|batch| e.widths.values.iter().map(move |&width| (width, batch)))
            .map(|(width, batch)| alike(e.widths.seeds as f64, width, step, batch));
        let swept =
            e.sweeps().flat_map(|sweep| sweep.values.iter().map(move |&value| (sweep, sweep.at(value, &e.dynamics))));
        let swept = swept.map(|(sweep, (step, batch))| alike(sweep.seeds as f64, sweep.width, step, batch));
        let variants = e.variants.iter().map(|v| {
            let own = alike(v.seeds as f64, v.width, v.step, batch);
            // The fused steps need no gradient.
            let fused = usize::from(self.sizes.network.fixed_inputs() > 0);
            let samples = if let BatchSize::Size(size) = batch { size as f64 } else { self.sizes.samples };
            Alike { bytes: own.bytes.min(self.alone(v.width, samples, fused)), ..own }
        });
        self.kept_paths() + self.stage(&widths.chain(swept).chain(variants).collect::<Vec<_>>())
    }

    /// The key that determines the largest networks in training: a batch larger than the sample, or a width.
    fn key_of_networks(&self) -> &'static str {
        let e = self.experiment();
        let size = |batch: BatchSize| if let BatchSize::Size(size) = batch { size as f64 } else { 0.0 };
        let swept = e.sweeps().flat_map(|sweep| sweep.values.iter().map(|&value| size(sweep.at(value, &e.dynamics).1)));
        let (own, swept) = (size(e.dynamics.batch), swept.fold(0.0, f64::max));
        if own.max(swept) > self.sizes.samples {
            return if own >= swept { "dynamics.batch" } else { "gap.sweep" };
        }
        let of_variants = e.variants.iter().map(|variant| variant.width).max().unwrap_or(0);
        let of_sweeps = e.sweeps().map(|sweep| sweep.width).max().unwrap_or(0);
        let keys = [(e.widths.largest(), "widths.values"), (of_sweeps, "gap.sweep"), (of_variants, "variants")];
        keys.into_iter().rev().max_by_key(|(width, _)| *width).map_or("widths.values", |(_, key)| key)
    }

    /// The largest study, with the keys that determine it, and whether threads do.
    fn studies(&self, registry: &'static Registry) -> (f64, Option<LargestStudy>) {
        let bytes = |memory: &StudyMemory| self.threads * memory.per_thread + memory.shared;
        let studies = studies_of(registry.training, self.experiment());
        let largest = studies
            .map(|(name, study)| (name, study.memory(self.sizes)))
            .max_by(|(_, a), (_, b)| bytes(a).total_cmp(&bytes(b)));
        largest.map_or((0.0, None), |(table, memory)| {
            let of_threads = self.threads > 1.0 && self.threads * memory.per_thread > memory.shared;
            (bytes(&memory), Some(LargestStudy { table, keys: memory.keys, of_threads }))
        })
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
    /// Ranks among which the particles are divided.
    pub ranks: f64,
}

/// Bytes of a Picard iteration: predictions and residuals at every step of the horizon; the larger of the partial sums
/// over a window and the copies of a checkpoint; the particles at both ends of a window. On several ranks, the partial sums of
/// one, those that it sends, and those that it receives.
pub fn picard_iteration_bytes(e: &Experiment, sizes: IterationSizes) -> f64 {
    let IterationSizes { windows, step, width, state, per_node, scalar, ranks } = sizes;
    let nodes = e.horizon.time / step + 1.0;
    let window = nodes / windows.max(1) as f64 + 1.0;
    let shares = (width as f64 / LANES as f64).ceil().min(SHARES as f64);
    let own = (shares / ranks).ceil();
    let shares = if ranks > 1.0 { own + 2.0 * own + 1.0 } else { own };
    let transient = (window * (shares + 2.0)).max(nodes * COPIES) * 8.0;
    per_node * (nodes * (8.0 + scalar) + transient) + 6.0 * state
}

/// Bytes of a solution on a grid of `nodes` per axis, whose field is an average over `rows` numbers, with `records`
/// recording times: two densities and the copies of a checkpoint; features and their derivatives at the nodes, and as
/// much to compute them; laws and predictions at the recording times, and their text.
pub fn grid_solution_bytes(nodes: f64, rows: f64, records: f64) -> f64 {
    let densities = 8.0 * (2.0 + COPIES) * nodes * nodes;
    densities + 32.0 * rows * nodes + (8.0 + TEXT) * records * (nodes + rows)
}

/// Number of terms of which a grid's field is an average: the samples and outputs, or the nodes of the radial
/// quadrature.
pub fn grid_rows(e: &Experiment, per_node: f64) -> f64 {
    if matches!(e.population.spec, PopulationSpec::Mixture(_)) {
        crate::kinetic::Radial::NODES as f64
    } else {
        per_node
    }
}

/// The error where an experiment needs more memory than this machine has, as far as its file determines it.
pub fn exceeds_memory(e: &Experiment, registry: &'static Registry) -> Option<MemoryExcess> {
    let shape = e.shape_hint()?;
    estimate(e, shape, e.population.test_hint(shape.0), registry).excess(e)
}
