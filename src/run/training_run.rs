//! A run of training: networks and their mean-field limit.

use super::context::{Options, Outcome, Report, RunContext, RunError, on_all_ranks};
use super::groups;
use super::journal::PlannedPhase;
use super::lifecycle::{self, OpenRun, Opening, PartWork};
use super::machine_memory::bytes;
use super::memory;
use super::memory_estimate::MemoryEstimate;
use super::parts::{require_shards, run_shard, study_tasks};
use super::plan::{Plan, Stage, Trajectory};
use super::problem::Problem;
use super::profile::begin_phase;
use super::progress::note;
use super::shard::{LimitScope, Part, PartError, Shard, shards_of};
use super::shared_limit::SharedLimits;
use super::study::{Registry, TrainingSubject, studies_of};
use super::training::{self, Trained};
use super::trajectory::is_complete;
use super::{extend as extension, figures, grid_limit, kept::KeptTrajectories, results, routes, sanity};
use crate::compute::return_freed_memory;
use crate::config::study::ExperimentKind;
use crate::config::{BatchSize, Experiment, PopulationTable, Precision};
use crate::network::Loss;
use crate::population::{FileSpec, Population, PopulationSpec, Sample};
use crate::ranks::{Ranks, SingleRank};
use crate::record::npz::{ArrayField, Arrays, Storage};
use crate::record::{
    EXPERIMENT, Hyperparameters, KEPT_LIMITS, Manifest, PopulationRecord, RunFolder, RunKind, SAMPLES, TrajectoryRecord,
};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Runs an experiment that trains networks.
///
/// # Errors
/// See [`RunError`]: data that cannot be read or are too large, a folder in use or holding another run, files that
/// cannot be written. The folder is not changed before the data have been read and the memory checked.
pub fn run(
    experiment: &Experiment,
    part: (&Options, Part),
    ranks: &Ranks,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<Report, RunError> {
    run_in(experiment, part, (ranks, None), interrupt, registry, |resolved, sources| {
        lifecycle::open(part, ranks, resolved, sources)
    })
}

/// As [`run`], with limits that other runs have in common with this one, where there are some: all of these are those of the
/// part [`Part::Limit`].
///
/// # Errors
/// As [`run`].
pub(super) fn run_sharing(
    experiment: &Experiment,
    part: (&Options, Part),
    interrupt: &AtomicBool,
    registry: &'static Registry,
    shared: Option<&SharedLimits>,
) -> Result<Report, RunError> {
    let ranks = &SingleRank::ranks();
    run_in(experiment, part, (ranks, shared), interrupt, registry, |resolved, sources| {
        lifecycle::open(part, ranks, resolved, sources)
    })
}

/// Extends a complete run of training to an experiment; see [`super::extend_to`].
///
/// # Errors
/// See [`super::extend_to`].
pub(super) fn extend(
    experiment: &Experiment,
    options: &Options,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<Report, RunError> {
    let ranks = &SingleRank::ranks();
    run_in(experiment, (options, Part::Whole), (ranks, None), interrupt, registry, |resolved, sources| {
        Ok(Opening::Open(extension::open(options, resolved, sources)?))
    })
}

/// Runs an experiment in the folder that `open` opens for the resolved experiment and its data files.
fn run_in(
    experiment: &Experiment,
    part: (&Options, Part),
    (ranks, shared): (&Ranks, Option<&SharedLimits>),
    interrupt: &AtomicBool,
    registry: &'static Registry,
    open: impl FnOnce(&Value, &Value) -> Result<Opening, RunError>,
) -> Result<Report, RunError> {
    let started = Instant::now();
    begin_phase("population");
    let population = on_all_ranks(&**ranks, experiment.build_population().map_err(RunError::from))?;
    let data = RunData { population: &population, samples: None, shared, ranks, started };
    run_on(experiment, &data, part, interrupt, registry, open)
}

/// Runs an experiment that trains networks on a sample in memory, in the place of the data file of its population. The
/// sample is written to [`SAMPLES`] in the run folder, which becomes the path of that file, so that the run can be
/// resumed and made again without the caller.
///
/// # Errors
/// Those of `run`, and a population that is not a data file.
pub fn run_on_sample(
    experiment: &Experiment,
    sample: &Sample,
    options: &Options,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<Report, RunError> {
    let started = Instant::now();
    begin_phase("population");
    let PopulationSpec::File(spec) = &experiment.population.spec else {
        return Err(RunError::NoDataFile { kind: experiment.population.spec.name() });
    };
    let path = options.out.join(SAMPLES);
    let path = std::path::absolute(&path).unwrap_or(path);
    let mut arrays = Arrays::default();
    sample.x.push("x", &mut arrays);
    sample.y.push("y", &mut arrays);
    let bytes = arrays.archive(Storage::Plain, &path)?;
    let spec = FileSpec { path, ..spec.clone() };
    let test = experiment.population.test.as_ref();
    let population = experiment.scaled(spec.build_from(&bytes, test, experiment.seed)?)?;
    let table = PopulationTable { spec: PopulationSpec::File(spec), ..experiment.population.clone() };
    let experiment = Experiment { population: table, ..experiment.clone() };
    let (part, ranks) = ((options, Part::Whole), &SingleRank::ranks());
    let data = RunData { population: &population, samples: Some(&bytes), shared: None, ranks, started };
    let open = |resolved: &Value, sources: &Value| lifecycle::open(part, ranks, resolved, sources);
    run_on(&experiment, &data, part, interrupt, registry, open)
}

/// The data of a run.
struct RunData<'a> {
    population: &'a Population,
    /// The contents of [`SAMPLES`], where the folder is to hold it.
    samples: Option<&'a [u8]>,
    /// Limits that other runs have computed.
    shared: Option<&'a SharedLimits>,
    /// The ranks among which the work is divided.
    ranks: &'a Ranks,
    /// When the reading of the data began.
    started: Instant,
}

/// Runs an experiment on its population, in the folder that `open` opens.
fn run_on(
    experiment: &Experiment,
    &RunData { population, samples, shared, ranks, started }: &RunData<'_>,
    (options, part): (&Options, Part),
    interrupt: &AtomicBool,
    registry: &'static Registry,
    open: impl FnOnce(&Value, &Value) -> Result<Opening, RunError>,
) -> Result<Report, RunError> {
    let problem = Problem::<f64>::new(experiment, population).on(ranks);
    let estimate = on_all_ranks(&**ranks, check(&problem, population, registry))?;
    let plan = Plan::new(experiment);
    let resolved = experiment.resolved();
    let data = population_record(population);
    let OpenRun { folder, earlier } = match open(&resolved, &data.sources)? {
        Opening::Open(open) => open,
        Opening::Complete(report) => return Ok(report),
    };
    on_all_ranks(&**ranks, require_no_extension(ranks, earlier.as_deref()))?;
    let limit_scope = if shared.is_some() { LimitScope::All } else { LimitScope::Compared };
    let kept_limits = experiment.run.keep_limits.then(|| SharedLimits::new(&folder.file(KEPT_LIMITS)));
    let shared = shared.or(kept_limits.as_ref());
    let context =
        RunContext::on(Arc::clone(ranks), &folder, interrupt, options.quiet, part)?.sharing(shared, limit_scope);
    let of_plan = PlannedRun { problem: &problem, population, plan: &plan, limit_scope };
    match part {
        Part::Shard(shard) => return of_plan.shard(&context, shard, registry),
        Part::Finish => of_plan.require_parts(&folder)?,
        Part::Whole | Part::Limit => {}
    }
    if !options.quiet {
        note(format!("memory: about {}", bytes(estimate.total())));
    }
    let mut memory = json(serde_json::to_value(estimate));
    memory["total"] = estimate.total().into();
    let mut manifest = lifecycle::manifest(RunKind::Training, part, resolved, experiment.seed, data, memory, earlier);
    manifest.hyperparameters = Some(hyperparameters(experiment));
    manifest.warnings.clone_from(&plan.warnings);
    folder.write_json("manifest.json", &manifest)?;
    if let Ok(text) = experiment.to_toml() {
        folder.write_text(EXPERIMENT, &text)?;
    }
    if let Some(samples) = samples {
        folder.write_bytes(SAMPLES, samples)?;
    }
    if ranks.is_first() {
        write_data(&folder, population)?;
    }
    manifest.add_phase("population", started.elapsed().as_secs_f64());

    let kept = extension::prepare(&context, (&manifest.extends, manifest.states.as_ref()), &problem, &plan, registry)?;
    context.journal.plan(planned_phases(experiment, &plan), study_names(experiment));
    let trained = of_plan.train(&context, &kept)?;
    for phase in &trained.phases {
        manifest.add_phase(&phase.name, phase.seconds);
    }
    trained.exchanges.iter().cloned().for_each(|phase| manifest.add_exchanges(phase));
    manifest.trajectories = plan.trajectories().filter_map(|t| trajectory_record(t, &trained)).collect();
    // The paths of the limits are no longer needed.
    return_freed_memory();
    if trained.interrupted {
        return lifecycle::interrupted(&context, manifest);
    }
    let subject = TrainingSubject { problem: &problem, plan: &plan, trained: &trained };
    if part == Part::Limit {
        let shared = study_tasks(&context, registry.training, experiment, |study| study.run(subject, &context))?;
        return lifecycle::limit_done(&context, manifest, shared);
    }
    groups::write(&problem, &plan, &trained, &folder)?;
    lifecycle::first_figure(options, &context, figures::first)?;
    let mut checks = sanity::checks(&problem, &trained);
    checks.extend(routes::checks(subject));
    match lifecycle::run_studies(registry.training, experiment, subject, &context, &mut manifest, |_| Ok(()))? {
        Outcome::Complete(found) => {
            checks.extend(found);
            if ranks.is_first() {
                results::write(&folder, &problem, &plan, &trained, &kept)?;
                match &kept_limits {
                    Some(limits) => limits.retain(&problem, &plan)?,
                    None => folder.remove(KEPT_LIMITS)?,
                }
            }
            lifecycle::finish(options, &context, manifest, checks, registry)
        }
        Outcome::Interrupted => lifecycle::interrupted(&context, manifest),
    }
}

/// Refuses several ranks for a run that is being extended: what is kept of it is known to the first rank alone.
fn require_no_extension(ranks: &Ranks, earlier: Option<&Manifest>) -> Result<(), RunError> {
    let extended = earlier.is_some_and(|manifest| !manifest.extends.is_empty());
    match ranks.size() {
        ranks if ranks > 1 && extended => Err(RunError::OneRankOnly { what: "an extension of a run", ranks }),
        _ => Ok(()),
    }
}

/// Checks all that can be checked before anything is computed, as [`run`] does; returns the estimated memory in bytes.
///
/// # Errors
/// As [`run`], but for the folder.
pub(super) fn require_runnable(experiment: &Experiment, registry: &'static Registry) -> Result<u64, RunError> {
    let population = experiment.build_population()?;
    Ok(check(&Problem::<f64>::new(experiment, &population), &population, registry)?.total())
}

/// What an unfinished run lacks of its limit, and of some of its shards, by the ids of trajectories. Nothing is changed.
///
/// # Errors
/// Data that cannot be read, files that are not accessible.
pub(super) fn missing_of_parts(
    experiment: &Experiment,
    folder: &RunFolder,
    limit_scope: LimitScope,
    shards: &[Shard],
) -> Result<(Vec<String>, Vec<Vec<String>>), RunError> {
    let population = experiment.build_population()?;
    let problem = Problem::<f64>::new(experiment, &population);
    let plan = Plan::new(experiment);
    let of_plan = PlannedRun { problem: &problem, population: &population, plan: &plan, limit_scope };
    let folder = folder.of_experiment(&experiment.resolved());
    let of_shard = |shard: &Shard| of_plan.missing(&folder, of_plan.of_shard(*shard));
    Ok((of_plan.missing_limits(&folder)?, shards.iter().map(of_shard).collect::<Result<_, _>>()?))
}

/// The trajectories of a run, for the parts in which they are simulated.
#[derive(Clone, Copy)]
struct PlannedRun<'a> {
    problem: &'a Problem<'a, f64>,
    population: &'a Population,
    plan: &'a Plan,
    limit_scope: LimitScope,
}

impl PlannedRun<'_> {
    /// Simulates the trajectories of the context's part, or reads them where they have ended.
    fn train(self, context: &RunContext<'_>, kept: &KeptTrajectories) -> Result<Trained, RunError> {
        let experiment = self.problem.experiment;
        match experiment.precision {
            Precision::F64 => training::run_plan(context, self.problem, self.plan, kept),
            Precision::F32 => {
                let problem = Problem::<f32>::new(experiment, self.population).on(&context.ranks);
                training::run_plan(context, &problem, self.plan, kept)
            }
        }
    }

    /// The ids of those of some trajectories that have not ended.
    fn missing<'p>(
        self,
        folder: &RunFolder,
        among: impl Iterator<Item = &'p Trajectory>,
    ) -> Result<Vec<String>, RunError> {
        let mut missing = Vec::new();
        for run in among {
            if !is_complete(folder, self.problem, run)? {
                missing.push(run.id.clone());
            }
        }
        Ok(missing)
    }

    /// The ids of the trajectories of the limit that have not ended.
    fn missing_limits(self, folder: &RunFolder) -> Result<Vec<String>, RunError> {
        let limits = self.limit_scope.ids(self.plan);
        self.missing(folder, self.plan.trajectories().filter(|t| limits.contains(t.id.as_str())))
    }

    /// Checks that the limit is complete.
    fn require_limit(self, folder: &RunFolder) -> Result<(), RunError> {
        let missing = self.missing_limits(folder)?;
        if missing.is_empty() { Ok(()) } else { Err(PartError::Limit { path: folder.path().into(), missing }.into()) }
    }

    /// The trajectories of a shard.
    fn of_shard(&self, shard: Shard) -> impl Iterator<Item = &Trajectory> {
        let shards = shards_of(self.plan, self.limit_scope, self.problem.experiment.horizon.time, shard.count());
        self.plan.trajectories().filter(move |t| shards.get(t.id.as_str()) == Some(&shard))
    }

    /// Checks that the limit and all shards are complete.
    fn require_parts(self, folder: &RunFolder) -> Result<(), RunError> {
        self.require_limit(folder)?;
        require_shards(folder, |shard| self.missing(folder, self.of_shard(shard)))
    }

    /// Computes a shard: its trajectories, and then its part of the tasks of the studies.
    fn shard(self, context: &RunContext<'_>, shard: Shard, registry: &'static Registry) -> Result<Report, RunError> {
        self.require_limit(context.folder)?;
        let own = self.of_shard(shard).map(|t| t.id.clone()).collect();
        let missing = !self.missing(context.folder, self.of_shard(shard))?.is_empty();
        run_shard(context, shard, (own, missing), || {
            let trained = self.train(context, &KeptTrajectories::new())?;
            return_freed_memory();
            let mut phases = trained.phases.clone();
            if trained.interrupted {
                return Ok(PartWork { phases, complete: false });
            }
            let subject = TrainingSubject { problem: self.problem, plan: self.plan, trained: &trained };
            let experiment = self.problem.experiment;
            let tasks = study_tasks(context, registry.training, experiment, |study| study.run(subject, context))?;
            phases.extend(tasks.phases);
            Ok(PartWork { phases, complete: tasks.complete })
        })
    }
}

/// Checks, before anything is computed, what depends on the data; returns the memory estimate.
fn check(
    problem: &Problem<'_, f64>,
    population: &Population,
    registry: &'static Registry,
) -> Result<MemoryEstimate, RunError> {
    let (experiment, shape) = (problem.experiment, population.shape());
    if experiment.network.loss == Loss::Logistic && shape.2 != 1 {
        return Err(RunError::Outputs { outputs: shape.2 });
    }
    let estimate = memory::estimate_on(experiment, shape, population.test_samples(), registry, problem.ranks.size());
    estimate.fits_available()?;
    grid_limit::check(problem).map_err(RunError::Grid)?;
    for (_, study) in studies_of(registry.training, experiment) {
        study.check(problem)?;
    }
    Ok(estimate)
}

/// The phases of training, with their work.
fn planned_phases(experiment: &Experiment, plan: &Plan) -> Vec<PlannedPhase> {
    let time = experiment.horizon.time;
    let work = |stage: &Stage| stage.trajectories.iter().map(|trajectory| trajectory.work(time)).sum();
    plan.stages.iter().map(|stage| PlannedPhase { name: stage.name.into(), total: work(stage) }).collect()
}

fn study_names(experiment: &Experiment) -> Vec<String> {
    experiment.studies.iter().map(|study| study.name.to_string()).collect()
}

fn json(value: Result<serde_json::Value, serde_json::Error>) -> serde_json::Value {
    value.unwrap_or(serde_json::Value::Null)
}

fn hyperparameters(experiment: &Experiment) -> Hyperparameters {
    let (learning_rate, momentum) = experiment.dynamics.learning_rate_and_momentum();
    Hyperparameters { step: experiment.dynamics.step, friction: experiment.dynamics.friction, learning_rate, momentum }
}

fn population_record(population: &Population) -> PopulationRecord {
    let (samples, inputs, outputs) = population.shape();
    PopulationRecord {
        description: population.description.clone(),
        samples,
        inputs,
        outputs,
        test_samples: population.test.as_ref().map(|test| test.shape().0),
        standardisation: json(serde_json::to_value(&population.standardisation)),
        sources: json(serde_json::to_value(&population.sources)),
    }
}

/// Writes `state/data.npz`: the fixed sample after standardisation, inputs `x` (n, d) and labels `y` (n, K), and the test
/// part, if there is one, `x_test` and `y_test`.
fn write_data(folder: &RunFolder, population: &Population) -> Result<(), RunError> {
    let mut arrays = Arrays::default();
    population.sample.x.push("x", &mut arrays);
    population.sample.y.push("y", &mut arrays);
    if let Some(test) = &population.test {
        test.x.push("x_test", &mut arrays);
        test.y.push("y_test", &mut arrays);
    }
    Ok(arrays.write(&folder.file("state/data.npz"))?)
}

fn trajectory_record(t: &Trajectory, trained: &Trained) -> Option<TrajectoryRecord> {
    let stop = trained.runs.get(&t.id)?.stop;
    Some(TrajectoryRecord {
        id: t.id.clone(),
        width: t.width(),
        first: t.particles.first,
        replica: t.particles.replica,
        route: t.route.name().into(),
        method: t.integration.scheme.method.name().into(),
        step: t.integration.scheme.motion.step,
        batch: if let BatchSize::Size(size) = t.integration.batch { Some(size) } else { None },
        ticks: t.integration.ticks,
        stop,
    })
}
