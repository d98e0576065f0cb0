//! The study of the trajectory map: how Picard's iterates converge to their fixed point, and that it is the limit.
//!
//! Theory section 3 (WKM section 4). A cloud of the limit's particles is iterated over the whole horizon and over
//! windows of it; the differences of iterates are compared with the form `A (C T)^n / n!`; the fixed point is reached
//! from another first guess; and it is the trajectory of the same particles under the ordinary solver, to the
//! integrator's order.

use super::{Picard, PicardArrays, PicardRecord, PicardRun};
use crate::analysis::contraction::{Envelope, local_constants};
use crate::analysis::verdict::Check;
use crate::compute::Threads;
use crate::config::Route;
use crate::dynamics::picard::{Guess, IterationSettings, IterationStatus, PicardIteration};
use crate::dynamics::{State, StopReason, TimeLoop};
use crate::record::LimitRun;
use crate::record::npz::{shaped, whole};
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::fixed_point::{noise_of, trajectory_map};
use crate::run::plan::{Particles, Trajectory};
use crate::run::problem::Problem;
use crate::run::series::sup;
use crate::run::study::TrainingSubject;
use crate::run::tasks::{Task, TaskHandle, run_tasks};
use serde::{Deserialize, Serialize};

/// Fixed points whose iterations stopped at a tolerance agree to so many multiples of it.
const AGREE: f64 = 10.0;

/// Differences below this are rounding: the study is in double precision, whatever the states are.
const ROUNDING: f64 = 1e-14;

/// One iteration.
struct IterationTask {
    windows: usize,
    guess: Guess,
}

/// The result of an iteration.
#[derive(Serialize, Deserialize)]
struct FixedPointFound {
    differences: Vec<Vec<f64>>,
    converged: bool,
    from_particles: f64,
    /// Predictions at recording times.
    predictions: Vec<f64>,
    /// Half-step error of the particle solver; NaN where it was not asked for.
    step_error: f64,
}

/// Writes `records/picard.npz` and `records/picard.json`; returns the checks.
pub(super) fn run(
    terms: &Picard,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let TrainingSubject { problem, plan, .. } = subject;
    let Some(reference) = plan.find(LimitRun::Reference.id()) else {
        return Ok(Outcome::Complete(Findings::default()));
    };
    let cloud = Trajectory {
        route: Route::Picard,
        particles: Particles { width: terms.particles, first: 0, ..reference.particles.clone() },
        ..reference.clone()
    };
    let constant = terms.windows.iter().map(|&windows| IterationTask { windows, guess: Guess::Constant });
    let all = constant.chain([IterationTask { windows: terms.windows[0], guess: Guess::Labels }]);
    let tasks: Vec<Task<IterationTask>> =
        all.enumerate().map(|(i, item)| Task { name: format!("picard-{i}"), size: 1, item }).collect();
    let work = |item: &IterationTask, handle: &TaskHandle<'_>| iterate(problem, terms, &cloud, item, handle);
    let mut found = complete!(run_tasks(context, "trajectory map", &tasks, work)?);
    let Some(from_labels) = found.pop() else { return Ok(Outcome::Complete(Findings::default())) };
    let record = record(problem, terms, &found, &from_labels);
    arrays(&found, terms).write_to(context.folder)?;
    let checks = checks(terms, &record, &found);
    record.write(context.folder)?;
    Ok(Outcome::Complete(checks.into()))
}

fn iterate(
    problem: &Problem<'_, f64>,
    terms: &Picard,
    cloud: &Trajectory,
    task: &IterationTask,
    handle: &TaskHandle<'_>,
) -> Result<Outcome<FixedPointFound>, RunError> {
    let e = problem.experiment;
    let steps = (e.horizon.time / cloud.integration.scheme.motion.step).round() as usize;
    let noise = noise_of(problem, cloud);
    let map = trajectory_map(problem, cloud, &noise);
    let start = problem.start_state(cloud);
    let Picard { iterates, tolerance, .. } = *terms;
    let settings = IterationSettings { windows: task.windows, steps, iterates, tolerance, guess: task.guess };
    let mut iteration = PicardIteration::new(&map, start, settings);
    let converged = loop {
        if !handle.advance_to(iteration.fraction_done()) {
            return Ok(Outcome::Interrupted);
        }
        match iteration.advance() {
            IterationStatus::Continue => {}
            IterationStatus::Converged => break true,
            IterationStatus::NotConverged { .. } => break false,
        }
    };
    let per_node = map.prediction_len();
    let every = steps / e.horizon.records;
    let nodes = |f: &[f64]| f.chunks_exact(per_node).step_by(every).flatten().copied().collect::<Vec<f64>>();
    let (mut from_particles, mut step_error) = (f64::NAN, f64::NAN);
    if task.guess == Guess::Constant {
        let together = complete!(particle_solution(problem, cloud, steps, handle));
        from_particles = distance(problem, &together, &iteration.predictions);
        if task.windows == terms.windows[0] {
            let mut finer = cloud.clone();
            finer.integration.scheme.motion.step /= 2.0;
            finer.integration.ticks /= 2;
            let finer = complete!(particle_solution(problem, &finer, 2 * steps, handle));
            let shared: Vec<f64> = finer.chunks_exact(per_node).step_by(2).flatten().copied().collect();
            step_error = distance(problem, &together, &shared);
        }
    }
    let predictions = nodes(&iteration.predictions);
    let differences = iteration.differences;
    Ok(Outcome::Complete(FixedPointFound { differences, converged, from_particles, predictions, step_error }))
}

/// The same particles under the ordinary solver: predictions (steps + 1, n, K).
fn particle_solution(
    problem: &Problem<'_, f64>,
    cloud: &Trajectory,
    steps: usize,
    handle: &TaskHandle<'_>,
) -> Outcome<Vec<f64>> {
    let mut simulation = problem.simulation(cloud, Threads::Pool);
    let times: Vec<f64> = (0..=steps).map(|step| step as f64 * cloud.integration.scheme.motion.step).collect();
    let mut predictions = Vec::new();
    let mut record = |_: usize, state: &State<f64>| {
        let x = &problem.population_of(cloud).x;
        predictions.extend(problem.network.predict(cloud.width(), &state.theta, x, Threads::Pool));
        f64::NAN
    };
    let interrupted = |_: f64| handle.interrupted();
    let Ok(stop) = TimeLoop::over(&times).interrupted_when(&interrupted).run(&mut simulation, &mut record);
    if stop == StopReason::Horizon { Outcome::Complete(predictions) } else { Outcome::Interrupted }
}

/// `sup_t |f - f'|_{L2}` of predictions on the same nodes.
fn distance(problem: &Problem<'_, f64>, a: &[f64], b: &[f64]) -> f64 {
    let per_node = problem.population.y.len();
    let n = per_node as f64 / problem.network.outputs() as f64;
    let at_node = |(a, b): (&[f64], &[f64])| (a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / n).sqrt();
    sup(a.chunks_exact(per_node).zip(b.chunks_exact(per_node)).map(at_node))
}

fn record(
    problem: &Problem<'_, f64>,
    terms: &Picard,
    found: &[FixedPointFound],
    from_labels: &FixedPointFound,
) -> PicardRecord {
    let floor = ROUNDING;
    let run = |(found, &windows): (&FixedPointFound, &usize)| PicardRun {
        windows,
        sweeps: found.differences.iter().map(Vec::len).sum::<usize>() as f64 / windows as f64,
        envelope: Envelope::of(&found.differences[0], floor),
        from_particles: found.from_particles,
        converged: found.converged,
    };
    PicardRecord {
        particles: terms.particles,
        time: problem.experiment.horizon.time,
        tolerance: terms.tolerance,
        floor,
        runs: found.iter().zip(&terms.windows).map(run).collect(),
        unique: distance(problem, &found[0].predictions, &from_labels.predictions),
        from_labels: from_labels.differences.clone(),
        step_error: found[0].step_error,
    }
}

fn arrays(found: &[FixedPointFound], terms: &Picard) -> PicardArrays {
    let windows = terms.windows.iter().copied().max().unwrap_or(1);
    let iterates = found.iter().flat_map(|f| &f.differences).map(Vec::len).max().unwrap_or(0);
    let padded = found.iter().flat_map(|f| {
        (0..windows).flat_map(move |w| {
            (0..iterates).map(move |n| f.differences.get(w).and_then(|d| d.get(n)).copied().unwrap_or(f64::NAN))
        })
    });
    PicardArrays {
        windows: whole(terms.windows.iter().copied()),
        differences: shaped((found.len(), windows, iterates), padded.collect()),
    }
}

fn checks(terms: &Picard, record: &PicardRecord, found: &[FixedPointFound]) -> Vec<Check> {
    let not_converged = record.runs.iter().filter(|run| !run.converged).count();
    let mut converged = Check::at_most(
        "picard-converges",
        format!("the iterates converge, to {:.0e}, with every number of windows", terms.tolerance),
        not_converged as f64,
        0.0,
    );
    let counts: Vec<String> = record.runs.iter().map(|run| format!("{:.1} with {}", run.sweeps, run.windows)).collect();
    converged.detail = format!("iterates of the whole horizon, by windows: {}", counts.join(", "));
    let far = |of: f64| AGREE * terms.tolerance * of.max(1.0);
    let worst = sup(record.runs.iter().map(|run| run.from_particles));
    let mut particles = Check::at_most(
        "picard-particles",
        "the fixed point is the particle solver's trajectory: sup_t distance of predictions, to the error of the step",
        worst,
        record.step_error + far(1.0),
    );
    particles.detail += &format!("; the step's error is that of half the step, {:.1e}", record.step_error);
    let unique =
        Check::at_most("picard-unique", "another first guess leads to the same fixed point", record.unique, far(1.0));
    vec![converged, form(record, &found[0].differences[0]), unique, particles]
}

/// The constant that an iterate needs, `c_n = n d_n / d_{n-1}`, does not grow with n: what a merely geometric decay
/// contradicts.
fn form(record: &PicardRecord, differences: &[f64]) -> Check {
    let (name, statement) = (
        "picard-form",
        "sup_t |f^(n+1) - f^n| <= A (C T)^n / n!: the constant needed late is not above the one needed early",
    );
    let constants = local_constants(differences, record.floor.max(record.tolerance));
    if constants.len() < 4 {
        let why = format!("only {} iterates before the tolerance: a longer horizon would tell", constants.len());
        return Check::not_measured(name, statement, Some(1.0), why);
    }
    let (early, late) = constants.split_at(constants.len() / 2);
    let mut check = Check::at_most(name, statement, sup(late.iter().copied()) / sup(early.iter().copied()), 1.0);
    if let Some(envelope) = record.runs.first().and_then(|run| run.envelope.as_ref()) {
        check.detail = format!(
            "largest n d_n / d_(n-1): {:.3} early, {:.3} late; fitted C T = {:.3}, C = {:.3}; a geometric decay would grow in proportion to n",
            sup(early.iter().copied()),
            sup(late.iter().copied()),
            envelope.constant,
            envelope.constant * record.runs[0].windows as f64 / record.time
        );
    }
    check
}
