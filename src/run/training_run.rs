//! A run of training: networks and their mean-field limit.

use super::context::{Findings, Options, Outcome, Report, RunContext, RunError, on_all_ranks};
use super::groups;
use super::lifecycle::{self, OpenRun, Opening};
use super::machine_memory::bytes;
use super::memory;
use super::memory_estimate::MemoryEstimate;
use super::plan::{Plan, Trajectory};
use super::problem::Problem;
use super::progress::note;
use super::study::{Registry, TrainingSubject, studies_of};
use super::training::{self, Trained};
use super::{grid_limit, routes, sanity};
use crate::analysis::verdict::Check;
use crate::compute::return_freed_memory;
use crate::config::study::ExperimentKind;
use crate::config::{BatchSize, Experiment, Precision};
use crate::network::Loss;
use crate::population::Population;
use crate::ranks::Ranks;
use crate::record::npz::{ArrayField, Arrays};
use crate::record::{Hyperparameters, Manifest, PopulationRecord, RunFolder, RunKind, TrajectoryRecord};
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
    options: &Options,
    ranks: &Ranks,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<Report, RunError> {
    let started = Instant::now();
    let population = on_all_ranks(&**ranks, experiment.build_population().map_err(RunError::from))?;
    let problem = Problem::<f64>::new(experiment, &population).on(ranks);
    let estimate = on_all_ranks(&**ranks, check(&problem, &population, registry))?;
    let plan = Plan::new(experiment);
    let resolved = experiment.resolved();
    let data = population_record(&population);
    let OpenRun { folder, earlier } = match lifecycle::open(options, ranks, &resolved, &data.sources)? {
        Opening::Open(open) => open,
        Opening::Complete(report) => return Ok(report),
    };
    if !options.quiet {
        note(format!("memory: about {}", bytes(estimate.total())));
    }
    let mut memory = json(serde_json::to_value(estimate));
    memory["total"] = estimate.total().into();
    let mut manifest = lifecycle::manifest(RunKind::Training, resolved, experiment.seed, data, memory, earlier);
    manifest.hyperparameters = Some(hyperparameters(experiment));
    manifest.warnings.clone_from(&plan.warnings);
    folder.write_json("manifest.json", &manifest)?;
    if let Ok(text) = experiment.to_toml() {
        folder.write_text("experiment.toml", &text)?;
    }
    if ranks.is_first() {
        write_data(&folder, &population)?;
    }
    manifest.add_phase("population", started.elapsed().as_secs_f64());

    let context = RunContext::on(Arc::clone(ranks), &folder, interrupt, options.quiet)?;
    let trained = match experiment.precision {
        Precision::F64 => training::run_plan(&context, &problem, &plan),
        Precision::F32 => training::run_plan(&context, &Problem::<f32>::new(experiment, &population).on(ranks), &plan),
    }?;
    for phase in &trained.phases {
        manifest.add_phase(&phase.name, phase.seconds);
    }
    manifest.trajectories = plan.trajectories().filter_map(|t| trajectory_record(t, &trained)).collect();
    // The paths of the limits are no longer needed.
    return_freed_memory();
    if trained.interrupted {
        return lifecycle::interrupted(&context, manifest);
    }
    groups::write(&problem, &plan, &trained, &folder)?;
    let subject = TrainingSubject { problem: &problem, plan: &plan, trained: &trained };
    match studies(experiment, subject, &context, registry, &mut manifest)? {
        Outcome::Complete(checks) => lifecycle::finish(options, &context, manifest, checks, registry),
        Outcome::Interrupted => lifecycle::interrupted(&context, manifest),
    }
}

/// Runs every study; returns the checks of every run and of the studies.
fn studies(
    experiment: &Experiment,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
    registry: &'static Registry,
    manifest: &mut Manifest,
) -> Result<Outcome<Vec<Check>>, RunError> {
    let mut checks = sanity::checks(subject.problem, subject.trained);
    checks.extend(routes::checks(subject));
    for (name, study) in studies_of(registry.training, experiment) {
        let started = Instant::now();
        match context.settle(study.run(subject, context))? {
            Outcome::Complete(Findings { checks: found, warnings }) => {
                checks.extend(found);
                manifest.warnings.extend(warnings);
            }
            Outcome::Interrupted => return Ok(Outcome::Interrupted),
        }
        return_freed_memory();
        manifest.add_study(name);
        manifest.add_phase(&format!("study: {name}"), started.elapsed().as_secs_f64());
    }
    Ok(Outcome::Complete(checks))
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
    let estimate = memory::estimate_on(experiment, shape, registry, problem.ranks.size());
    estimate.fits_available()?;
    grid_limit::check(problem).map_err(RunError::Grid)?;
    for (_, study) in studies_of(registry.training, experiment) {
        study.check(problem)?;
    }
    Ok(estimate)
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
        standardisation: json(serde_json::to_value(&population.standardisation)),
        sources: json(serde_json::to_value(&population.sources)),
    }
}

/// Writes `state/data.npz`: the fixed sample after standardisation, inputs `x` (n, d) and labels `y` (n, K).
fn write_data(folder: &RunFolder, population: &Population) -> Result<(), RunError> {
    let mut arrays = Arrays::default();
    population.sample.x.push("x", &mut arrays);
    population.sample.y.push("y", &mut arrays);
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
