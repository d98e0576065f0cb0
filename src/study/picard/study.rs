//! The study of the Picard iteration: the convergence of the iterates of the trajectory map, whose fixed point is the
//! limit.
//!
//! Theory section 3 (WKM section 4). The trajectory map of the limit's particles is iterated over the whole horizon and
//! over windows of it. The differences of iterates are compared with the form `A (C T)^n / n!`; another initial guess
//! must lead to the same fixed point; and the fixed point must agree with the trajectory of the same particles under
//! the time integrator, up to the error of its step.

use super::{Picard, PicardArrays, PicardRecord, PicardRun};
use crate::analysis::contraction::{Envelope, local_constants};
use crate::analysis::verdict::{Check, Verdict};
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

/// Multiple of the tolerance within which fixed points must agree. The iterates stop when they differ by at most one
/// tolerance, and later ones together by less than another, so that two fixed points differ by less than four tolerances at
/// the end of a window. The rest is for the growth of such a difference over the windows.
const AGREEMENT: f64 = 10.0;

/// Growth exponents of the local constants up to which they are those of the form, 0, and from which on those of a
/// geometric decay, 1. A shift of n by one, which the constants of a bound allow, gives 0.1 to 0.3.
const OF_THE_FORM: f64 = 1.0 / 3.0;
const GEOMETRIC: f64 = 2.0 / 3.0;

/// Size of differences due to rounding; the study is in double precision.
const ROUNDING: f64 = 1e-14;

/// An iteration to be run.
struct IterationTask {
    windows: usize,
    guess: Guess,
}

/// The result of an iteration.
#[derive(Serialize, Deserialize)]
struct FixedPointFound {
    /// Differences of successive iterates (windows, iterates).
    differences: Vec<Vec<f64>>,
    /// Whether every window converged.
    converged: bool,
    /// Distance of the predictions from those of the particle solver; NaN where it was not computed.
    from_particles: f64,
    /// Predictions at the recording times (times, n K).
    predictions: Vec<f64>,
    /// Distance of the particle solver from itself with half the step; NaN where it was not computed.
    step_error: f64,
    /// Largest root mean square of the predictions.
    size: f64,
}

/// Writes `records/picard.npz` and `records/picard.json`; returns the checks.
pub(super) fn run(
    spec: &Picard,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let TrainingSubject { problem, plan, .. } = subject;
    let Some(reference) = plan.find(LimitRun::Reference.id()) else {
        return Ok(Outcome::Complete(Findings::default()));
    };
    let cloud = Trajectory {
        route: Route::Picard,
        particles: Particles { width: spec.particles, first: 0, ..reference.particles.clone() },
        ..reference.clone()
    };
    let constant = spec.windows.iter().map(|&windows| IterationTask { windows, guess: Guess::Constant });
    let all = constant.chain([IterationTask { windows: spec.windows[0], guess: Guess::Labels }]);
    let tasks: Vec<Task<IterationTask>> =
        all.enumerate().map(|(i, item)| Task { name: format!("picard-{i}"), size: 1, item }).collect();
    let work = |item: &IterationTask, handle: &TaskHandle<'_>| iterate(problem, spec, &cloud, item, handle);
    let (steps, every) = steps(problem, &cloud);
    let predictions = (steps / every + 1) * problem.population_of(&cloud).y.len();
    let fits = |item: &IterationTask, found: &FixedPointFound| {
        let windows = found.differences.len();
        found.predictions.len() == predictions
            && (1..=item.windows).contains(&windows)
            && (!found.converged || windows == item.windows)
            && found.differences.iter().all(|window| (1..=spec.iterates).contains(&window.len()))
    };
    let mut found = complete!(run_tasks(context, "trajectory map", &tasks, fits, work)?);
    let Some(from_labels) = found.pop() else { return Ok(Outcome::Complete(Findings::default())) };
    let record = record(problem, spec, &found, &from_labels);
    arrays(&found, spec).write_to(context.folder)?;
    let interpolates = cloud.integration.scheme.method.gradients_per_step() > 1;
    let checks = checks(spec, &record, &found, interpolates);
    record.write(context.folder)?;
    Ok(Outcome::Complete(checks.into()))
}

/// Steps of the horizon, and of the interval between recording times.
fn steps(problem: &Problem<'_, f64>, cloud: &Trajectory) -> (usize, usize) {
    let horizon = &problem.experiment.horizon;
    let steps = (horizon.time / cloud.integration.scheme.motion.step).round() as usize;
    (steps, steps / horizon.records)
}

/// Runs one iteration and compares its fixed point with the particle solver.
fn iterate(
    problem: &Problem<'_, f64>,
    spec: &Picard,
    cloud: &Trajectory,
    task: &IterationTask,
    handle: &TaskHandle<'_>,
) -> Result<Outcome<FixedPointFound>, RunError> {
    let (steps, every) = steps(problem, cloud);
    let noise = noise_of(problem, cloud);
    let map = trajectory_map(problem, cloud, &noise).interrupted_by(handle.interrupt());
    let start = problem.start_state(cloud);
    let Picard { iterates, tolerance, .. } = *spec;
    let settings = IterationSettings { windows: task.windows, steps, iterates, tolerance, guess: task.guess };
    let mut iteration = PicardIteration::new(&map, start, settings);
    let converged = loop {
        if !handle.advance_to(iteration.fraction_done()) {
            return Ok(Outcome::Interrupted);
        }
        match iteration.advance() {
            IterationStatus::Continue => {}
            IterationStatus::Converged => break true,
            IterationStatus::Interrupted => return Ok(Outcome::Interrupted),
            IterationStatus::NotConverged { .. } => break false,
        }
    };
    let per_node = map.prediction_len();
    let nodes = |f: &[f64]| f.chunks_exact(per_node).step_by(every).flatten().copied().collect::<Vec<f64>>();
    let (mut from_particles, mut step_error) = (f64::NAN, f64::NAN);
    if task.guess == Guess::Constant {
        let particles = complete!(particle_solution(problem, cloud, steps, handle));
        from_particles = distance(problem, &particles, &iteration.predictions);
        if task.windows == spec.windows[0] {
            let mut finer = cloud.clone();
            finer.integration.scheme.motion.step /= 2.0;
            finer.integration.ticks /= 2;
            let finer = complete!(particle_solution(problem, &finer, 2 * steps, handle));
            let shared: Vec<f64> = finer.chunks_exact(per_node).step_by(2).flatten().copied().collect();
            step_error = distance(problem, &particles, &shared);
        }
    }
    let predictions = nodes(&iteration.predictions);
    let size = distance(problem, &predictions, &vec![0.0; predictions.len()]);
    let differences = iteration.differences;
    Ok(Outcome::Complete(FixedPointFound { differences, converged, from_particles, predictions, step_error, size }))
}

/// The trajectory of the particles under the time integrator: predictions (steps + 1, n, K).
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

/// `sup_t |f - f'|_{L2}` of predictions at the same times.
fn distance(problem: &Problem<'_, f64>, a: &[f64], b: &[f64]) -> f64 {
    let per_node = problem.population.y.len();
    let n = per_node as f64 / problem.network.outputs() as f64;
    let at_node = |(a, b): (&[f64], &[f64])| (a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / n).sqrt();
    sup(a.chunks_exact(per_node).zip(b.chunks_exact(per_node)).map(at_node))
}

/// The record of all iterations.
fn record(
    problem: &Problem<'_, f64>,
    spec: &Picard,
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
        particles: spec.particles,
        time: problem.experiment.horizon.time,
        tolerance: spec.tolerance,
        floor,
        runs: found.iter().zip(&spec.windows).map(run).collect(),
        unique: distance(problem, &found[0].predictions, &from_labels.predictions),
        from_labels: from_labels.differences.clone(),
        step_error: found[0].step_error,
    }
}

/// The arrays of all iterations.
fn arrays(found: &[FixedPointFound], spec: &Picard) -> PicardArrays {
    let windows = spec.windows.iter().copied().max().unwrap_or(1);
    let iterates = found.iter().flat_map(|f| &f.differences).map(Vec::len).max().unwrap_or(0);
    let padded = found.iter().flat_map(|f| {
        (0..windows).flat_map(move |w| {
            (0..iterates).map(move |n| f.differences.get(w).and_then(|d| d.get(n)).copied().unwrap_or(f64::NAN))
        })
    });
    PicardArrays {
        windows: whole(spec.windows.iter().copied()),
        differences: shaped((found.len(), windows, iterates), padded.collect()),
    }
}

/// `interpolates`: whether the method takes gradients between the nodes, where residuals are interpolated.
fn checks(spec: &Picard, record: &PicardRecord, found: &[FixedPointFound], interpolates: bool) -> Vec<Check> {
    let not_converged = record.runs.iter().filter(|run| !run.converged).count();
    let mut converged = Check::at_most(
        "picard-converges",
        format!("the iterates converge, to {:.0e}, with every number of windows", spec.tolerance),
        not_converged as f64,
        0.0,
    );
    let counts: Vec<String> = record.runs.iter().map(|run| format!("{:.1} with {}", run.sweeps, run.windows)).collect();
    converged.detail = format!("iterates of the whole horizon, by windows: {}", counts.join(", "));
    let (unique_statement, particles_statement) = (
        "another initial guess leads to the same fixed point",
        "the fixed point is the trajectory of the particle solver: sup_t distance of predictions, up to the error of the step",
    );
    let form = form_check(record, &found[0].differences[0]);
    if not_converged > 0 {
        let reason = "an iteration did not converge: there is no fixed point to compare";
        let unique = Check::not_measured("picard-unique", unique_statement, None, reason);
        let particles = Check::not_measured("picard-particles", particles_statement, None, reason);
        return vec![converged, form, unique.about_program(), particles.about_program()];
    }
    // The criterion of convergence is relative to the predictions where these exceed 1.
    let size = found.iter().map(|found| found.size).fold(1.0, f64::max);
    let allowed = AGREEMENT * spec.tolerance * size;
    let worst = sup(record.runs.iter().map(|run| run.from_particles));
    // Where gradients are taken at nodes only, the two have the same discrete solution. Otherwise both have errors of the
    // method's order, each at most twice the distance from half the step.
    let step = if interpolates { 4.0 * record.step_error } else { 0.0 };
    let mut particles = Check::at_most("picard-particles", particles_statement, worst, step + allowed);
    particles.detail += &format!("; the distance from half the step is {:.1e}", record.step_error);
    let unique = Check::at_most("picard-unique", unique_statement, record.unique, allowed);
    vec![converged, form, unique.about_program(), particles.about_program()]
}

/// Checks that the local constant `c_n = n d_n / d_{n-1}` of the form does not grow with n. Under a geometric decay it
/// grows in proportion to n: the growth exponent between the halves of the iterates is 1. The thirds between the two
/// exponents give the verdict.
fn form_check(record: &PicardRecord, differences: &[f64]) -> Check {
    let (name, statement) = (
        "picard-form",
        "sup_t |f^(n+1) - f^n| <= A (C T)^n / n!: growth exponent of the local constants from early to late iterates, 1 under geometric decay",
    );
    let constants = local_constants(differences, record.floor.max(record.tolerance));
    if constants.len() < 4 {
        let reason = format!("only {} iterates above the tolerance; a longer horizon has more", constants.len());
        return Check::not_measured(name, statement, Some(OF_THE_FORM), reason);
    }
    let half = constants.len() / 2;
    let (early, late) = constants.split_at(half);
    let (early, late) = (sup(early.iter().copied()), sup(late.iter().copied()));
    let exponent = (late / early).ln() / (constants.len() as f64 / half as f64).ln();
    if !exponent.is_finite() {
        let reason = format!("local constants of {early:.1e} and {late:.1e}: the decay ends at once");
        return Check::not_measured(name, statement, Some(OF_THE_FORM), reason);
    }
    let mut check = Check::at_most(name, statement, exponent, OF_THE_FORM);
    if check.verdict == Verdict::Fails && exponent < GEOMETRIC {
        check.verdict = Verdict::NotResolved;
    }
    check.detail = format!("largest n d_n / d_(n-1): {early:.3} early, {late:.3} late, growth exponent {exponent:.2}");
    if let Some(envelope) = record.runs.first().and_then(|run| run.envelope.as_ref()) {
        check.detail += &format!(
            "; fitted C T = {:.3}, C = {:.3}",
            envelope.constant,
            envelope.constant * record.runs[0].windows as f64 / record.time
        );
    }
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(differences: Vec<f64>) -> FixedPointFound {
        FixedPointFound {
            differences: vec![differences],
            converged: true,
            from_particles: 0.0,
            predictions: Vec::new(),
            step_error: 1e-4,
            size: 1.0,
        }
    }

    fn record(converged: bool, unique: f64, from_particles: f64) -> PicardRecord {
        let run = PicardRun { windows: 1, sweeps: 9.0, envelope: None, from_particles, converged };
        let (tolerance, floor, step_error) = (1e-11, 1e-14, 1e-4);
        PicardRecord {
            particles: 9,
            time: 1.0,
            tolerance,
            floor,
            runs: vec![run],
            unique,
            from_labels: Vec::new(),
            step_error,
        }
    }

    fn spec() -> Picard {
        Picard { particles: 9, windows: vec![1], iterates: 60, tolerance: 1e-11 }
    }

    fn verdicts(record: &PicardRecord, decay: impl Fn(usize) -> f64, interpolates: bool) -> [Verdict; 4] {
        let mut d = 1.0;
        let differences = (1..14).map(|n| {
            d *= decay(n);
            d
        });
        let all = checks(&spec(), record, &[found(differences.collect())], interpolates);
        all.iter().map(|check| check.verdict).collect::<Vec<_>>().try_into().unwrap()
    }

    #[test]
    fn every_check_can_fail() {
        use Verdict::{Fails, Holds, NotResolved};
        let factorial = |n: usize| 2.0 / n as f64;
        let right = record(true, 1e-12, 1e-12);
        assert_eq!(verdicts(&right, factorial, false), [Holds; 4]);
        // Geometric decay, and one between: d_n = 1 / sqrt(n!).
        assert_eq!(verdicts(&right, |_| 0.3, false), [Holds, Fails, Holds, Holds]);
        assert_eq!(verdicts(&right, |n| 0.5 * (n as f64).powf(-0.5), false), [Holds, NotResolved, Holds, Holds]);
        assert_eq!(verdicts(&record(true, 1e-9, 1e-12), factorial, false), [Holds, Holds, Fails, Holds]);
        // Below the error of the step: a contradiction where the discrete solutions are the same.
        assert_eq!(verdicts(&record(true, 1e-12, 1e-5), factorial, false), [Holds, Holds, Holds, Fails]);
        assert_eq!(verdicts(&record(true, 1e-12, 1e-5), factorial, true), [Holds; 4]);
        assert_eq!(verdicts(&record(true, 1e-12, 1e-3), factorial, true), [Holds, Holds, Holds, Fails]);
        assert_eq!(verdicts(&record(false, 1.0, 1.0), factorial, true), [Fails, Holds, NotResolved, NotResolved]);
    }

    #[test]
    fn too_few_iterates_are_not_resolved() {
        let check = form_check(&record(true, 0.0, 0.0), &[1.0, 0.1, 0.0]);
        assert!(check.verdict == Verdict::NotResolved && check.measured.is_nan());
    }
}
