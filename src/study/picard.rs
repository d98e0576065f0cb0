//! The study of the trajectory map: how Picard's iterates come to their fixed point, and that it is the limit.
//!
//! Theory section 3 (WKM section 4). A cloud of the limit's particles is iterated over the whole horizon and over windows of it;
//! the differences of iterates are held against the form `A (C T)^n / n!`; the fixed point is reached from another first guess;
//! and it is the trajectory of the same particles under the ordinary solver, to the integrator's order.

use super::fixed_point::{noise_of, trajectory_map};
use super::pieces::{Piece, Pulse, work_through_watched};
use super::plan::{Plan, REFERENCE, Trajectory};
use super::problem::Problem;
use super::series::sup;
use super::{RunError, Setting};
use crate::analysis::contraction::{Envelope, local_constants};
use crate::analysis::verdict::Check;
use crate::compute::Threads;
use crate::config::{Experiment, PicardStudy, Route};
use crate::dynamics::picard::{Guess, Iteration, Outcome, Terms};
use crate::dynamics::{Force, State};
use crate::record::npz::Arrays;
use crate::record::{PicardRecord, PicardRun};
use serde::{Deserialize, Serialize};

/// Fixed points whose iterations stopped at a tolerance agree to so many multiples of it.
const AGREE: f64 = 10.0;

/// Differences below this are rounding: the study is in double precision, whatever the states are.
const ROUNDING: f64 = 1e-14;

/// One iteration.
struct Task {
    windows: usize,
    guess: Guess,
}

/// What it found.
#[derive(Serialize, Deserialize)]
struct Found {
    differences: Vec<Vec<f64>>,
    converged: bool,
    from_particles: f64,
    /// Predictions at recording times.
    predictions: Vec<f64>,
    /// Half-step error of the particle solver; NaN where it was not asked for.
    step_error: f64,
}

/// Writes the study's records into the folder and returns its checks; `None`: a person asked to stop.
pub fn study(
    problem: &Problem<'_, f64>,
    terms: &PicardStudy,
    plan: &Plan,
    setting: &Setting<'_>,
) -> Result<Option<Vec<Check>>, RunError> {
    let e = problem.experiment;
    let Some(reference) = plan.find(REFERENCE) else { return Ok(Some(Vec::new())) };
    let cloud = Trajectory { route: Route::Picard, width: terms.particles, first: 0, ..reference.clone() };
    let standing = terms.windows.iter().map(|&windows| Task { windows, guess: Guess::Standing });
    let tasks = standing.chain([Task { windows: terms.windows[0], guess: Guess::Labels }]);
    let pieces: Vec<Piece<Task>> =
        tasks.enumerate().map(|(i, task)| Piece { name: format!("picard-{i}"), size: 1, item: task }).collect();
    let Some(mut found) = work_through_watched(setting, "trajectory map", &pieces, |task, pulse| {
        Ok(iterate(problem, terms, &cloud, task, pulse))
    })?
    else {
        return Ok(None);
    };
    let Some(from_labels) = found.pop() else { return Ok(Some(Vec::new())) };
    let record = record(e, problem, terms, &found, &from_labels);
    write(&found, terms, setting)?;
    let checks = checks(terms, &record, &found);
    setting.folder.write_json("records/picard.json", &record)?;
    Ok(Some(checks))
}

/// `None`: a person asked to stop.
fn iterate(
    problem: &Problem<'_, f64>,
    terms: &PicardStudy,
    cloud: &Trajectory,
    task: &Task,
    pulse: &Pulse<'_>,
) -> Option<Found> {
    let e = problem.experiment;
    let steps = (e.horizon.time / cloud.motion.step).round() as usize;
    let noise = noise_of(problem, cloud);
    let map = trajectory_map(problem, cloud, &noise);
    let start = at_start(problem, cloud);
    let how =
        Terms { windows: task.windows, steps, iterates: terms.iterates, tolerance: terms.tolerance, guess: task.guess };
    let mut iteration = Iteration::new(&map, start, how);
    let converged = loop {
        if !pulse.go_on(iteration.done()) {
            return None;
        }
        match iteration.advance() {
            Outcome::Going => {}
            Outcome::Converged => break true,
            Outcome::NotConverged { .. } => break false,
        }
    };
    let per_node = map.len();
    let every = steps / e.horizon.records;
    let nodes = |f: &[f64]| f.chunks_exact(per_node).step_by(every).flatten().copied().collect::<Vec<f64>>();
    let (mut from_particles, mut step_error) = (f64::NAN, f64::NAN);
    if task.guess == Guess::Standing {
        let together = together(problem, cloud, steps, pulse)?;
        from_particles = apart(problem, &together, &iteration.predictions);
        if task.windows == terms.windows[0] {
            let mut finer = cloud.clone();
            finer.motion.step /= 2.0;
            finer.ticks /= 2;
            let finer = self::together(problem, &finer, 2 * steps, pulse)?;
            let shared: Vec<f64> = finer.chunks_exact(per_node).step_by(2).flatten().copied().collect();
            step_error = apart(problem, &together, &shared);
        }
    }
    let predictions = nodes(&iteration.predictions);
    Some(Found { differences: iteration.differences, converged, from_particles, predictions, step_error })
}

/// The cloud at time 0.
fn at_start(problem: &Problem<'_, f64>, cloud: &Trajectory) -> State<f64> {
    let e = problem.experiment;
    let theta = problem.network.start(&e.network.start, e.seed, cloud.first, cloud.width);
    State { theta, momentum: problem.start_momenta(cloud), step: 0, time: 0.0 }
}

/// The same particles under the ordinary solver: predictions (steps + 1, n, K).
fn together(problem: &Problem<'_, f64>, cloud: &Trajectory, steps: usize, pulse: &Pulse<'_>) -> Option<Vec<f64>> {
    let mut state = at_start(problem, cloud);
    let coordinates = problem.network.coordinates(cloud.width);
    let mut integrator = cloud.motion.integrator::<f64>(cloud.method, coordinates, state.theta.len());
    let mut force = problem.force(cloud, Threads::Pool);
    let force: &mut dyn Force<f64> = &mut force;
    let mut noise = problem.noise(cloud);
    let predict = |state: &State<f64>| {
        problem.network.predict(cloud.width, &state.theta, &problem.population_of(cloud).x, Threads::Pool)
    };
    let mut all = predict(&state);
    for _ in 0..steps {
        if !pulse.go_on(0.0) {
            return None;
        }
        integrator.step(force, noise.as_mut(), &mut state);
        all.extend(predict(&state));
    }
    Some(all)
}

/// `sup_t |f - f'|_{L2}` of predictions on the same nodes.
fn apart(problem: &Problem<'_, f64>, a: &[f64], b: &[f64]) -> f64 {
    let per_node = problem.population.y.len();
    let n = per_node as f64 / problem.network.outputs() as f64;
    let distance = |(a, b): (&[f64], &[f64])| (a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / n).sqrt();
    sup(a.chunks_exact(per_node).zip(b.chunks_exact(per_node)).map(distance))
}

fn record(
    e: &Experiment,
    problem: &Problem<'_, f64>,
    terms: &PicardStudy,
    found: &[Found],
    from_labels: &Found,
) -> PicardRecord {
    let floor = ROUNDING;
    let run = |(found, &windows): (&Found, &usize)| PicardRun {
        windows,
        sweeps: found.differences.iter().map(Vec::len).sum::<usize>() as f64 / windows as f64,
        envelope: Envelope::of(&found.differences[0], floor),
        from_particles: found.from_particles,
        converged: found.converged,
    };
    PicardRecord {
        particles: terms.particles,
        time: e.horizon.time,
        tolerance: terms.tolerance,
        floor,
        runs: found.iter().zip(&terms.windows).map(run).collect(),
        unique: apart(problem, &found[0].predictions, &from_labels.predictions),
        from_labels: from_labels.differences.clone(),
        step_error: found[0].step_error,
    }
}

/// `records/picard.npz`: differences (numbers of windows, windows, iterates), NaN beyond the last.
fn write(found: &[Found], terms: &PicardStudy, setting: &Setting<'_>) -> Result<(), RunError> {
    let windows = terms.windows.iter().copied().max().unwrap_or(1);
    let iterates = found.iter().flat_map(|f| &f.differences).map(Vec::len).max().unwrap_or(0);
    let mut arrays = Arrays::default();
    arrays.push("windows", &[terms.windows.len()], terms.windows.iter().map(|&w| w as f64).collect());
    let padded = found.iter().flat_map(|f| {
        (0..windows).flat_map(move |w| {
            (0..iterates).map(move |n| f.differences.get(w).and_then(|d| d.get(n)).copied().unwrap_or(f64::NAN))
        })
    });
    arrays.push("differences", &[found.len(), windows, iterates], padded.collect());
    Ok(arrays.write(&setting.folder.file("records/picard.npz"))?)
}

fn checks(terms: &PicardStudy, record: &PicardRecord, found: &[Found]) -> Vec<Check> {
    let stuck = record.runs.iter().filter(|run| !run.converged).count();
    let mut converged = Check::at_most(
        "picard-converges",
        format!("the iterates come to rest, to {:.0e}, with every number of windows", terms.tolerance),
        stuck as f64,
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

/// The constant that an iterate needs, `c_n = n d_n / d_{n-1}`, does not grow with n: what a merely geometric decay contradicts.
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
