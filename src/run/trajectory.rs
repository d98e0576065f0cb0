//! One trajectory: started or resumed, observed, and written.
//!
//! The checkpoint of a trajectory is `checkpoint/ID.npz`. When it has ended, `checkpoint/ID.json` contains the reason
//! and the checksums of `state/ID.npz` and of the last checkpoint, which contains its series, and its path where that is
//! kept. The last checkpoint is written after `ID.json`: a process that is killed between the two leaves an earlier
//! checkpoint, from which the trajectory continues.

use super::checkpoint::{self, Checkpoint};
use super::context::{Outcome, RunContext, RunError, complete};
use super::divided::{self, run_divided};
use super::fixed_point::{FixedPoint, fixed_point, fixed_point_name};
use super::grid_limit;
use super::limit_path::LimitPath;
use super::plan::Trajectory;
use super::problem::Problem;
use super::progress::Progress;
use super::series::{Measurement, Series};
use super::tasks::TaskHandle;
use super::trajectory_loop::{ended_name, time_loop, too_many_steps};
use super::trajectory_outcome::{Ended, TrajectoryOutcome};
use crate::compute::profile::{self, WorkKind};
use crate::compute::{Real, Threads};
use crate::config::Route;
use crate::dynamics::picard::{FrozenForce, map::pack_inputs};
use crate::dynamics::{Force, Observer, ResumePoint, Simulation, State, StopReason};
use crate::record::state::{CanonicalState, write_state};
use crate::record::{Measure, RunFolder, SavedPart, SealedArchive};
use std::time::Duration;

/// Approximate share of the Picard iteration in the work of a trajectory: ten iterates and one integration.
pub(super) const ITERATION_SHARE: f64 = 0.9;

/// Observes a trajectory: records, writes checkpoints, reports progress.
struct Recorder<'a, R> {
    folder: &'a RunFolder,
    measurement: Measurement<'a, R>,
    progress: &'a Progress,
    /// Share of the time loop in the work of the trajectory.
    share: f64,
    reported: f64,
    series: Series,
    path: Option<LimitPath<R>>,
}

impl<R: Real> Observer<R> for Recorder<'_, R> {
    type Error = RunError;

    fn record(&mut self, index: usize, state: &State<R>, force: Option<&mut dyn Force<R>>) -> f64 {
        // The forward pass of the next step, and not counted as recording.
        let predictions = force.and_then(|force| force.predictions_at(state));
        let _timed = profile::time(WorkKind::Recording);
        let (evaluation, theta) = self.measurement.record(index, state, predictions, &mut self.series);
        let risk = evaluation.risk;
        if let Some(path) = &mut self.path {
            path.push(self.measurement.problem, theta, evaluation);
        }
        risk
    }

    fn checkpoint(&mut self, state: &State<R>, memory: &[f64], next_record: usize) -> Result<(), RunError> {
        Ok(self.seal(state, memory, next_record)?.write()?)
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
    fn seal(&self, state: &State<R>, memory: &[f64], next_record: usize) -> Result<SealedArchive, RunError> {
        let Measurement { problem, run, .. } = self.measurement;
        let (series, path) = (&self.series, self.path.as_ref());
        let snapshot = checkpoint::Snapshot { state, memory, next_record, series, path };
        checkpoint::seal(self.folder, problem, run, &snapshot)
    }
}

/// What was saved of a trajectory.
enum Saved<R> {
    /// Nothing that can be used.
    Nothing,
    /// Its progress.
    Progress(Checkpoint<R>),
    /// Its end.
    End(StopReason, Checkpoint<R>),
}

/// Reads what was saved of a trajectory. Where a file is damaged, all of its files are removed.
fn saved<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    threads: Threads,
) -> Result<Saved<R>, RunError> {
    let (progress, ended, state) = (checkpoint::name(run), ended_name(run), state_name(run));
    let all = [progress.as_str(), &state, &ended];
    let end: Option<Ended> = match context.folder.load_json(&ended)? {
        SavedPart::Absent => None,
        found => match context.usable(found, &ended, &all)? {
            Some(end) => Some(end),
            None => return Ok(Saved::Nothing),
        },
    };
    let own = |end: &Ended| end.state.keys().eq([&state]);
    if end.as_ref().is_some_and(|end| !own(end)) {
        context.redo(&ended, "it names other files than that of the state", &all)?;
        return Ok(Saved::Nothing);
    }
    if let Some(end) = &end
        && let Some((altered, reason)) = context.folder.first_altered(&end.state)?
    {
        context.redo(&altered, &reason, &all)?;
        return Ok(Saved::Nothing);
    }
    let found = checkpoint::load(context.folder, problem, run, threads)?;
    // The path up to the horizon, with which others are compared, has every recording time.
    let ends = |stop: StopReason, checkpoint: &Checkpoint<R>| {
        let times = problem.times.len();
        let whole = stop != StopReason::Horizon || checkpoint.path.as_ref().is_none_or(|path| path.len() == times);
        checkpoint.next_record == times && whole
    };
    match (context.usable(found, &progress, &all)?, end) {
        (Some((checkpoint, sha256)), Some(end)) if sha256 == end.checkpoint && !ends(end.stop, &checkpoint) => {
            context.redo(&progress, "it is not that of a trajectory that has ended", &all)?;
            Ok(Saved::Nothing)
        }
        (Some((checkpoint, sha256)), Some(end)) if sha256 == end.checkpoint => Ok(Saved::End(end.stop, checkpoint)),
        // Killed before the last checkpoint was written.
        (found, Some(_)) => {
            context.folder.remove(&ended)?;
            Ok(found.map_or(Saved::Nothing, |(checkpoint, _)| Saved::Progress(checkpoint)))
        }
        // The last checkpoint does not tell why the trajectory has ended.
        (Some((checkpoint, _)), None) if checkpoint.next_record >= problem.times.len() => {
            context.redo(&ended, "it is missing", &all)?;
            Ok(Saved::Nothing)
        }
        (Some((checkpoint, _)), None) => Ok(Saved::Progress(checkpoint)),
        (None, None) => Ok(Saved::Nothing),
    }
}

/// The checksum of the state of a trajectory that has ended, by the file of its end; `None` where there is none, and where
/// the state is in the files of shares.
///
/// # Errors
/// A file that is not accessible.
pub(super) fn state_checksum(folder: &RunFolder, run: &Trajectory) -> Result<Option<String>, RunError> {
    Ok(match folder.load_json::<Ended>(&ended_name(run))? {
        SavedPart::Found(end) => end.state.get(&state_name(run)).cloned(),
        SavedPart::Absent | SavedPart::Damaged(_) => None,
    })
}

/// Whether a trajectory has ended and everything that was saved of it is as it was written. Nothing is changed.
///
/// # Errors
/// Files that are not accessible.
pub fn is_complete<R: Real>(folder: &RunFolder, problem: &Problem<'_, R>, run: &Trajectory) -> Result<bool, RunError> {
    if run.route == Route::Grid {
        return grid_limit::is_solved(folder, problem, run);
    }
    if problem.portion(run).is_some() {
        return divided::is_complete(folder, run);
    }
    let SavedPart::Found(end) = folder.load_json::<Ended>(&ended_name(run))? else { return Ok(false) };
    let SavedPart::Found(last) = folder.archive_checksum(&checkpoint::name(run))? else { return Ok(false) };
    let iterated =
        run.route != Route::Picard || matches!(folder.archive_checksum(&fixed_point_name(run))?, SavedPart::Found(_));
    Ok(last == end.checkpoint && iterated && folder.first_altered(&end.state)?.is_none())
}

/// The last file that a trajectory that has ended has written.
pub(super) fn last_name(run: &Trajectory) -> String {
    if run.route == Route::Grid { grid_limit::index_name(run) } else { ended_name(run) }
}

/// The file of the state of a trajectory.
pub(super) fn state_name(run: &Trajectory) -> String {
    format!("state/{}.npz", run.id)
}

/// Runs or resumes a trajectory, or reads its results where it has ended. A limit that another run has computed is read
/// from there.
///
/// # Errors
/// Files that cannot be written or read, a trajectory map that does not converge, a grid that cannot hold the problem.
pub fn run_trajectory<R: Real>(
    context: &RunContext<'_>,
    measurement: Measurement<'_, R>,
    progress: &Progress,
) -> Result<Outcome<TrajectoryOutcome<R>>, RunError> {
    let Measurement { problem, run, .. } = measurement;
    // The files of a limit that is divided into shares are those of its shares; it is computed by every run.
    let alike = run.is_limit() && problem.portion(run).is_none();
    let shared = context.shared.filter(|_| alike).map(|shared| shared.place(problem, run));
    if let Some(shared) = &shared {
        shared.fetch(context.folder)?;
    }
    let outcome = run_own(context, measurement, progress)?;
    if let (Some(shared), Outcome::Complete(_)) = (&shared, &outcome) {
        shared.keep(context.folder)?;
    }
    Ok(outcome)
}

/// Runs or resumes a trajectory, or reads its results from the folder of the run.
fn run_own<R: Real>(
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
    if let Some(portion) = problem.portion(run) {
        return run_divided(context, measurement, &portion, progress);
    }
    let share = if run.route == Route::Picard { 1.0 - ITERATION_SHARE } else { 1.0 };
    let start = {
        let _timed = profile::time(WorkKind::Random);
        problem.start_state(run)
    };
    let fixed = match run.route {
        Route::Picard => {
            // On several ranks all of them have iterated, and reported that.
            let own = if context.ranks.size() == 1 { ITERATION_SHARE } else { 0.0 };
            let handle = TaskHandle::new(context.interrupt, progress, own * run.work(e.horizon.time));
            let found = complete!(fixed_point(context, problem, run, &start, &handle)?);
            handle.advance_to(1.0);
            Some(found)
        }
        Route::Particles | Route::Grid => None,
    };
    let unconverged = fixed.as_ref().map_or(0.0, FixedPoint::last_difference);
    let progress_so_far = match saved(context, problem, run, threads)? {
        Saved::End(stop, Checkpoint { series, path, .. }) => {
            progress.restore(share * run.work(e.horizon.time));
            return Ok(Outcome::Complete(TrajectoryOutcome { stop, series, path, unconverged }));
        }
        Saved::Progress(checkpoint) => Some(checkpoint),
        Saved::Nothing => None,
    };

    let samples;
    let force: Box<dyn Force<R> + '_> = match &fixed {
        None => Box::new(problem.force(run, threads)),
        Some(FixedPoint { path, .. }) => {
            let ensemble = problem.independent_ensemble(run);
            samples = pack_inputs(ensemble.network, ensemble.population);
            Box::new(FrozenForce::new(ensemble, &samples, path, threads))
        }
    };
    let integrator = problem.integrator(run, threads);
    let mut simulation = Simulation { state: start.clone(), integrator, force, noise: problem.noise(run) };
    let mut recorder = Recorder {
        folder: context.folder,
        measurement,
        progress,
        share,
        reported: 0.0,
        series: Series::empty(problem),
        path: run.recording.keep_path.then(|| LimitPath::new(run.width())),
    };
    let interrupted = |_: f64| context.interrupted();
    // An interval that exceeds the range of a duration means that no checkpoint is written.
    let every = Duration::try_from_secs_f64(e.run.checkpoint_seconds).unwrap_or(Duration::MAX);
    let time_loop = time_loop(problem, run).checkpoint_every(every).interrupted_when(&interrupted);
    let timed = profile::time(WorkKind::Kernels);
    let stop = match progress_so_far {
        Some(saved) => {
            simulation.integrator.restore(&saved.memory);
            simulation.state = saved.state;
            (recorder.series, recorder.path) = (saved.series, saved.path);
            recorder.reported = simulation.state.time;
            progress.restore(share * run.work(simulation.state.time));
            let start_risk = recorder.series.row(Measure::Risk)[0];
            let from = ResumePoint { next_record: saved.next_record, start_risk };
            time_loop.resume(&mut simulation, from, &mut recorder)?
        }
        None => time_loop.run(&mut simulation, &mut recorder)?,
    };
    drop(timed);
    let Simulation { state, integrator, .. } = simulation;
    match stop {
        StopReason::Interrupted { .. } => return Ok(Outcome::Interrupted),
        StopReason::TooManySteps { attempts, time } => return Err(too_many_steps(problem, run, attempts, time)),
        StopReason::Horizon | StopReason::Diverged { .. } => {}
    }
    recorder.progress(e.horizon.time);
    write_final_state(context, problem, run, &start, &state)?;
    let last = recorder.seal(&state, &integrator.memory(), problem.times.len())?;
    let state = context.folder.checksums([state_name(run)])?;
    context.folder.save_json(&ended_name(run), &Ended { stop, checkpoint: last.sha256.clone(), state })?;
    last.write()?;
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
    let _timed = profile::time(WorkKind::Files);
    let (network, width) = (&problem.network, run.width());
    let canonical = |state: &State<R>| [&state.theta, &state.momentum].map(|part| network.to_canonical(width, part));
    let (initial, last) = (canonical(start), canonical(end));
    let path = context.folder.file(&state_name(run));
    let initial = CanonicalState { parameters: &initial[0], momenta: &initial[1] };
    let last = CanonicalState { parameters: &last[0], momenta: &last[1] };
    Ok(write_state(&path, network, width, initial, last)?)
}
