//! One trajectory: started or resumed, observed, and written.
//!
//! The checkpoint of a trajectory is `checkpoint/ID.npz`. When it has ended, `checkpoint/ID.json` contains the reason,
//! and the checkpoint contains its series, and its path where that is kept.

use super::checkpoint;
use super::context::{Outcome, RunContext, RunError, complete};
use super::fixed_point::{FixedPoint, fixed_point};
use super::grid_limit;
use super::limit_path::LimitPath;
use super::plan::Trajectory;
use super::problem::Problem;
use super::progress::Progress;
use super::series::{Measurement, Series};
use super::tasks::TaskHandle;
use super::trajectory_outcome::TrajectoryOutcome;
use crate::compute::Real;
use crate::config::{BatchSize, Route};
use crate::dynamics::picard::{FrozenForce, map::pack_inputs};
use crate::dynamics::{Force, Observer, ResumePoint, Simulation, State, StopReason, TimeLoop, attempt_budget};
use crate::record::Measure;
use crate::record::state::{CanonicalState, write_state};
use std::path::PathBuf;
use std::time::Duration;

/// Approximate share of the Picard iteration in the work of a trajectory: ten iterates and one integration.
const ITERATION_SHARE: f64 = 0.9;

/// Observes a trajectory: records, writes checkpoints, reports progress.
struct Recorder<'a, R> {
    measurement: Measurement<'a, R>,
    checkpoint: PathBuf,
    progress: &'a Progress,
    /// Share of the time loop in the work of the trajectory.
    share: f64,
    reported: f64,
    series: Series,
    path: Option<LimitPath<R>>,
}

impl<R: Real> Observer<R> for Recorder<'_, R> {
    type Error = RunError;

    fn record(&mut self, index: usize, state: &State<R>) -> f64 {
        let (evaluation, theta) = self.measurement.record(index, state, &mut self.series);
        let risk = evaluation.risk;
        if let Some(path) = &mut self.path {
            path.push(self.measurement.problem, theta, evaluation);
        }
        risk
    }

    fn checkpoint(&mut self, state: &State<R>, memory: &[f64], next_record: usize) -> Result<(), RunError> {
        self.save(state, memory, next_record)
    }

    fn progress(&mut self, time: f64) {
        let horizon = self.measurement.problem.experiment.horizon.time;
        // Reports are limited to steps of one hundredth.
        if time - self.reported > 0.01 * horizon || time >= horizon {
            self.progress.advance(self.share * self.measurement.run.work(time - self.reported));
            self.reported = time;
        }
    }
}

impl<R: Real> Recorder<'_, R> {
    fn save(&self, state: &State<R>, memory: &[f64], next_record: usize) -> Result<(), RunError> {
        let Measurement { problem, run, .. } = self.measurement;
        let (series, path) = (&self.series, self.path.as_ref());
        let snapshot = checkpoint::Snapshot { state, memory, next_record, series, path };
        checkpoint::save(&self.checkpoint, problem, run, &snapshot)
    }
}

/// Runs or resumes a trajectory, or reads its results where it has ended.
///
/// # Errors
/// Files that cannot be written or read, a trajectory map that does not converge, a grid that cannot hold the problem.
pub fn run_trajectory<R: Real>(
    context: &RunContext<'_>,
    measurement: Measurement<'_, R>,
    progress: &Progress,
) -> Result<Outcome<TrajectoryOutcome<R>>, RunError> {
    let Measurement { problem, run, threads, against } = measurement;
    let e = problem.experiment;
    if run.route == Route::Grid {
        let handle = TaskHandle::new(context.interrupt, progress, run.work(e.horizon.time));
        return grid_limit::solve(context, problem, run, against.map(|(limit, _)| limit), &handle);
    }
    let share = if run.route == Route::Picard { 1.0 - ITERATION_SHARE } else { 1.0 };
    let file = context.folder.file(&format!("checkpoint/{}.npz", run.id));
    let ended = format!("checkpoint/{}.json", run.id);
    let start = problem.start_state(run);
    let fixed = match run.route {
        Route::Picard => {
            let handle = TaskHandle::new(context.interrupt, progress, ITERATION_SHARE * run.work(e.horizon.time));
            let found = complete!(fixed_point(context, problem, run, &start, &handle)?);
            handle.advance_to(1.0);
            Some(found)
        }
        Route::Particles | Route::Grid => None,
    };
    let unconverged = fixed.as_ref().map_or(0.0, FixedPoint::last_difference);
    if context.folder.file(&ended).is_file() {
        let stop = context.folder.read_json(&ended)?;
        let checkpoint::Checkpoint { series, path, .. } = checkpoint::load(&file, problem, run, threads)?;
        progress.advance(share * run.work(e.horizon.time));
        return Ok(Outcome::Complete(TrajectoryOutcome { stop, series, path, unconverged }));
    }

    let samples;
    let force: Box<dyn Force<R> + '_> = match &fixed {
        None => Box::new(problem.force(run, threads)),
        Some(FixedPoint { path, .. }) => {
            let ensemble = problem.independent_ensemble(run);
            samples = pack_inputs(ensemble.network, ensemble.population);
            Box::new(FrozenForce::new(ensemble, &samples, path, threads))
        }
    };
    let mut simulation =
        Simulation { state: start.clone(), integrator: problem.integrator(run), force, noise: problem.noise(run) };
    let mut recorder = Recorder {
        measurement,
        checkpoint: file,
        progress,
        share,
        reported: 0.0,
        series: Series::empty(problem),
        path: run.recording.keep_path.then(|| LimitPath::new(run.width())),
    };
    let interrupted = |_: f64| context.interrupted();
    // An interval that exceeds the range of a duration means that no checkpoint is written.
    let every = Duration::try_from_secs_f64(e.run.checkpoint_seconds).unwrap_or(Duration::MAX);
    let mut time_loop = TimeLoop::over(&problem.times)
        .checkpoint_every(every)
        .diverged_above(e.dynamics.diverged_above)
        .exact_loss(run.integration.batch == BatchSize::Full)
        .interrupted_when(&interrupted);
    let scheme = run.integration.scheme;
    let kinked = e.network.activations().find(|activation| activation.has_kink());
    if scheme.method.is_adaptive() && kinked.is_some() {
        time_loop = time_loop.attempts_at_most(attempt_budget(e.horizon.time, scheme.motion.tolerance));
    }
    let saved = recorder
        .checkpoint
        .is_file()
        .then(|| checkpoint::load(&recorder.checkpoint, problem, run, threads))
        .transpose()?;
    let stop = match saved {
        Some(saved) => {
            simulation.integrator.restore(&saved.memory);
            simulation.state = saved.state;
            (recorder.series, recorder.path) = (saved.series, saved.path);
            let start_risk = recorder.series.row(Measure::Risk)[0];
            let from = ResumePoint { next_record: saved.next_record, start_risk };
            time_loop.resume(&mut simulation, from, &mut recorder)?
        }
        None => time_loop.run(&mut simulation, &mut recorder)?,
    };
    let Simulation { state, integrator, .. } = simulation;
    match stop {
        StopReason::Interrupted { .. } => return Ok(Outcome::Interrupted),
        StopReason::TooManySteps { attempts, time } => {
            let (id, horizon) = (run.id.clone(), e.horizon.time);
            let activation = kinked.unwrap_or(e.network.activation);
            return Err(RunError::TooManySteps { id, attempts, time, horizon, activation });
        }
        StopReason::Horizon | StopReason::Diverged { .. } => {}
    }
    recorder.progress(e.horizon.time);
    write_final_state(context, problem, run, &start, &state)?;
    recorder.save(&state, &integrator.memory(), problem.times.len())?;
    context.folder.write_json(&ended, &stop)?;
    Ok(Outcome::Complete(TrajectoryOutcome { stop, series: recorder.series, path: recorder.path, unconverged }))
}

/// Writes `state/ID.npz`.
fn write_final_state<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    start: &State<R>,
    end: &State<R>,
) -> Result<(), RunError> {
    let (network, width) = (&problem.network, run.width());
    let canonical = |state: &State<R>| [&state.theta, &state.momentum].map(|part| network.to_canonical(width, part));
    let (initial, last) = (canonical(start), canonical(end));
    let path = context.folder.file(&format!("state/{}.npz", run.id));
    let initial = CanonicalState { parameters: &initial[0], momenta: &initial[1] };
    let last = CanonicalState { parameters: &last[0], momenta: &last[1] };
    Ok(write_state(&path, network, width, initial, last)?)
}
