//! Memory and time of an experiment of any kind, estimated before anything is run.

use super::context::RunError;
use super::cost::{self, Machine, RunCost, rate};
use super::memory;
use super::plan::{Plan, Trajectory};
use super::shared_limit::limit_parts;
use super::study::Registry;
use super::{pruning_run, recovery_run};
use crate::config::{AnyExperiment, BatchSize, Experiment, Precision, RecoveryExperiment, Route};
use crate::network::Network;
use serde::Serialize;
use std::collections::BTreeSet;

/// What an estimate assumes; threads are those of the present pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assumptions {
    /// Ranks, at least 1.
    pub ranks: usize,
    /// Multiplications and additions per second of one thread; measured on this machine where it is not given.
    pub rate: Option<f64>,
    /// Seconds of a message between ranks.
    pub latency: f64,
    /// Bytes per second that a rank receives from others.
    pub bandwidth: f64,
}

/// A purpose of memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemoryPurpose {
    /// The purpose, as in the manifest of a run.
    pub purpose: String,
    /// Bytes on the first rank.
    pub first: u64,
    /// Bytes on each other rank.
    pub others: u64,
    /// Whether a rank holds less on more ranks; otherwise every rank holds the same.
    pub divided: bool,
}

/// The estimated memory of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RankMemory {
    /// The purposes, in the order of the manifest.
    pub purposes: Vec<MemoryPurpose>,
    /// Most bytes at one time on the first rank.
    pub first: u64,
    /// Most bytes at one time on each other rank.
    pub others: u64,
}

/// The estimate of a point of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PointEstimate {
    /// Name of the point.
    pub point: String,
    /// Most bytes at one time.
    pub memory: u64,
    /// Wall seconds of all that is predicted, without limits that an earlier point has computed; `None` where no time is
    /// predicted.
    pub seconds: Option<f64>,
}

/// The estimated memory and time of an experiment, or of the points of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunEstimate {
    /// Number of experiments.
    pub points: usize,
    /// Every point of a sweep; none for a single experiment.
    pub of_points: Vec<PointEstimate>,
    /// Memory; of several experiments the largest.
    pub memory: RankMemory,
    /// What the time assumes; `None` where it is not predicted.
    pub machine: Option<Machine>,
    /// Whether the rates were measured.
    pub measured: bool,
    /// Time; `None` where it is not predicted. Of several experiments the sum, limits that they have in common counted once.
    pub cost: Option<RunCost>,
    /// What else the estimate assumes or leaves out.
    pub notes: Vec<String>,
}

/// Estimates memory and time of an experiment, or of the points of a sweep, which run one after the other; each with its
/// name.
///
/// # Errors
/// Data that cannot be read; more ranks than shares; several ranks for what runs on one.
///
/// # Panics
/// Without an experiment.
pub fn estimate(
    points: &[(&str, &AnyExperiment)],
    assumptions: Assumptions,
    registry: &'static Registry,
) -> Result<RunEstimate, RunError> {
    if points.len() > 1 {
        require_one_rank("an experiment with a table [vary]", assumptions)?;
    }
    let mut whole: Option<RunEstimate> = None;
    let mut seen = BTreeSet::new();
    for (name, point) in points {
        let machine = whole.as_ref().and_then(|whole| whole.machine);
        let mut found = match point {
            AnyExperiment::Training(e) => training(e, assumptions, machine, registry, &mut seen)?,
            AnyExperiment::Recovery(e) => recovery(e, assumptions, registry)?,
            AnyExperiment::Pruning(e) => {
                require_one_rank("an experiment of pruning", assumptions)?;
                let (memory, total) = pruning_run::estimate_memory(e, registry)?;
                let same = |(purpose, bytes)| MemoryPurpose { purpose, first: bytes, others: bytes, divided: false };
                let purposes = purposes(&memory).into_iter().map(same).collect();
                unpredicted(RankMemory { purposes, first: total, others: total }, "pruning")
            }
        };
        if points.len() > 1 {
            let (memory, seconds) = (found.memory.first, found.cost.as_ref().map(RunCost::seconds));
            found.of_points.push(PointEstimate { point: name.to_string(), memory, seconds });
        }
        whole = Some(match whole {
            None => found,
            Some(whole) => whole.with(found),
        });
    }
    Ok(whole.expect("a description has an experiment"))
}

fn require_one_rank(what: &'static str, assumptions: Assumptions) -> Result<(), RunError> {
    let ranks = assumptions.ranks;
    if ranks > 1 { Err(RunError::OneRankOnly { what, ranks }) } else { Ok(()) }
}

impl RunEstimate {
    /// The estimate with that of a further experiment.
    fn with(mut self, other: RunEstimate) -> Self {
        self.points += other.points;
        self.of_points.extend(other.of_points);
        if other.memory.first > self.memory.first {
            self.memory = other.memory;
        }
        if let (Some(cost), Some(found)) = (&mut self.cost, other.cost) {
            cost.add(found);
        }
        for note in other.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        self
    }
}

/// The memory of a run on one rank, by the names and numbers of its record; `total` is the most at one time.
fn purposes(memory: &impl Serialize) -> Vec<(String, u64)> {
    let value = serde_json::to_value(memory).unwrap_or_default();
    let bytes = |(name, bytes): (&String, &serde_json::Value)| Some((name.replace('_', " "), bytes.as_u64()?));
    value.as_object().into_iter().flatten().filter_map(bytes).collect()
}

/// The estimate of a run whose time is not predicted.
fn unpredicted(memory: RankMemory, kind: &str) -> RunEstimate {
    RunEstimate {
        points: 1,
        of_points: Vec::new(),
        memory,
        machine: None,
        measured: false,
        cost: None,
        notes: vec![format!(
            "The time of an experiment of {kind} is not predicted: it depends on the data, by the number of iterations."
        )],
    }
}

/// The estimate of an experiment of sparse recovery, whose tasks are divided among the ranks.
fn recovery(
    e: &RecoveryExperiment,
    assumptions: Assumptions,
    registry: &'static Registry,
) -> Result<RunEstimate, RunError> {
    let ranks = assumptions.ranks;
    let (first, tasks) = recovery_run::estimate_memory(e, registry, ranks)?;
    let (more, _) = recovery_run::estimate_memory(e, registry, ranks.saturating_mul(2))?;
    let others = first.of_other_ranks();
    let memory =
        RankMemory { purposes: by_rank([&first, &others, &more]), first: first.total(), others: others.total() };
    let mut estimate = unpredicted(memory, "sparse recovery");
    if ranks > 1 {
        estimate.notes.push(format!(
            "A rank does whole tasks, each a problem or a cell of a study, and exchanges nothing while it does: the time falls in proportion to the ranks at most, up to the {tasks} tasks of the largest study."
        ));
        if ranks as f64 > tasks {
            estimate.notes.push(format!("At least {} of the ranks have nothing to do.", ranks as f64 - tasks));
        }
    }
    Ok(estimate)
}

/// Purposes of memory on the first rank, on each other, and on the first of more ranks.
fn by_rank(memory: [&impl Serialize; 3]) -> Vec<MemoryPurpose> {
    let [first, others, more] = memory.map(purposes);
    let bytes = |all: &[(String, u64)], k: usize| all[k].1;
    let of = |(k, (purpose, first)): (usize, (String, u64))| MemoryPurpose {
        purpose,
        first,
        others: bytes(&others, k),
        divided: bytes(&more, k) < first,
    };
    first.into_iter().enumerate().map(of).collect()
}

/// The estimate of an experiment of training. `known` are the rates, where they were determined before; limits in `seen`
/// have been counted.
fn training(
    e: &Experiment,
    assumptions: Assumptions,
    known: Option<Machine>,
    registry: &'static Registry,
    seen: &mut BTreeSet<String>,
) -> Result<RunEstimate, RunError> {
    let (shape, test) = shape(e)?;
    let plan = Plan::new(e);
    let machine = known.unwrap_or_else(|| machine(e, shape, &plan, assumptions));
    let limits = limit_parts(e);
    let mut counted = |run: &Trajectory| !run.is_limit() || seen.insert(format!("{limits} {shape:?} {run:?}"));
    let cost = cost::predict((e, shape, test), &plan, &machine, registry, &mut counted)?;
    Ok(RunEstimate {
        points: 1,
        of_points: Vec::new(),
        memory: rank_memory(e, shape, test, assumptions.ranks, registry),
        machine: Some(machine),
        measured: assumptions.rate.is_none(),
        cost: Some(cost),
        notes: notes(e, &plan),
    })
}

/// Shape (n, d, K) of the population and samples of its test part. Data are read where the file does not determine them.
fn shape(e: &Experiment) -> Result<((usize, usize, usize), usize), RunError> {
    match e.shape_hint().filter(|_| e.population.test.is_none()) {
        Some(shape) => Ok((shape, 0)),
        None => {
            let population = e.build_population()?;
            Ok((population.shape(), population.test_samples()))
        }
    }
}

/// The machine of an estimate, whose rates are given or measured.
fn machine(e: &Experiment, shape: (usize, usize, usize), plan: &Plan, assumptions: Assumptions) -> Machine {
    let [full_rate, batch_rate] = assumptions.rate.map_or_else(|| rates(e, shape, plan), |rate| [rate; 2]);
    Machine {
        full_rate,
        batch_rate,
        threads: rayon::current_num_threads(),
        ranks: assumptions.ranks,
        latency: assumptions.latency,
        bandwidth: assumptions.bandwidth,
        addition: Machine::ADDITION,
    }
}

/// Measured rates of one thread on the whole sample and on mini-batches, of the most costly trajectory of either kind.
fn rates(e: &Experiment, shape: (usize, usize, usize), plan: &Plan) -> [f64; 2] {
    let network = e.network.model(shape.1, shape.2);
    let time = e.horizon.time;
    let largest = |full: bool| {
        let own = plan.trajectories().filter(|run| run.route == Route::Particles);
        own.filter(|run| (run.integration.batch == BatchSize::Full) == full)
            .max_by(|a, b| a.work(time).total_cmp(&b.work(time)))
    };
    let measured = |run: &Trajectory| {
        let samples = if let BatchSize::Size(size) = run.integration.batch { size } else { shape.0 };
        on_processors(|| measure(e.precision, &network, run.width(), samples))
    };
    let [full, batch] = [true, false].map(|full| largest(full).map(measured));
    let any = full.or(batch).unwrap_or_else(|| on_processors(|| measure(e.precision, &network, 1024, shape.0)));
    [full.unwrap_or(any), batch.unwrap_or(any)]
}

fn measure(precision: Precision, network: &Network, width: usize, samples: usize) -> f64 {
    match precision {
        Precision::F64 => rate::measure::<f64>(network, width, samples),
        Precision::F32 => rate::measure::<f32>(network, width, samples),
    }
}

/// Measures on as many threads as an estimate is for, at most one for each processor of this machine.
fn on_processors(measure: impl FnOnce() -> f64 + Send) -> f64 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = rayon::current_num_threads().min(processors);
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(measure),
        Err(_) => measure(),
    }
}

/// The memory of the first and of the other ranks, which write no samples and draw no figures.
fn rank_memory(
    e: &Experiment,
    shape: (usize, usize, usize),
    test: usize,
    ranks: usize,
    registry: &'static Registry,
) -> RankMemory {
    let first = memory::estimate_on(e, shape, test, registry, ranks);
    let others = first.of_other_ranks();
    let more = memory::estimate_on(e, shape, test, registry, ranks.saturating_mul(2));
    RankMemory { purposes: by_rank([&first, &others, &more]), first: first.total(), others: others.total() }
}

/// What the prediction of the time of an experiment leaves open.
fn notes(e: &Experiment, plan: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(run) = plan.trajectories().find(|run| run.integration.scheme.method.is_adaptive()) {
        notes.push(format!(
            "{} chooses its steps: it is counted with steps of the length of the first it tries.",
            run.integration.scheme.method
        ));
    }
    if plan.trajectories().any(|run| run.route != Route::Particles) {
        notes.push("Limits by Picard iteration and on a grid are not predicted.".into());
    }
    if e.dynamics.temperature > 0.0 {
        notes.push("The draws of Brownian increments are not counted.".into());
    }
    notes
}
