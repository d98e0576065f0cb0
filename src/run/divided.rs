//! One trajectory of a wide network whose neurons are divided into shares: on one rank or on several, each of which
//! holds whole shares.
//!
//! Every rank draws the start and the noise of its neurons from their addresses, draws the same batches, and takes the
//! same steps, whose predictions are sums over all ranks. What needs the parameters of all neurons at a recording time,
//! such as distances from a limit, is computed by every rank from all of them.

use super::checkpoint::{Checkpoint, Snapshot};
use super::context::{Outcome, RunContext, RunError};
use super::limit_path::LimitPath;
use super::plan::Trajectory;
use super::progress::Progress;
use super::series::{Measurement, Series};
use super::share_files::{self, EndFiles};
use super::trajectory_loop::{ended_name, time_loop, too_many_steps};
use super::trajectory_outcome::TrajectoryOutcome;
use crate::compute::Real;
use crate::dynamics::{Force, Observer, ResumePoint, Simulation, State, StopReason};
use crate::network::Portion;
use crate::record::{Measure, RunFolder, SavedPart};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Signals between ranks: one is interrupted; a checkpoint is due.
const INTERRUPT: u32 = 1;
const CHECKPOINT: u32 = 2;

/// Observes the neurons of this rank.
struct DividedRecorder<'a, R> {
    context: &'a RunContext<'a>,
    measurement: &'a Measurement<'a, R>,
    portion: &'a Portion,
    progress: &'a Progress,
    reported: f64,
    series: Series,
    path: Option<LimitPath<R>>,
}

impl<R: Real> Observer<R> for DividedRecorder<'_, R> {
    type Error = RunError;

    fn record(&mut self, index: usize, state: &State<R>, force: Option<&mut dyn Force<R>>) -> f64 {
        let predictions = force.and_then(|force| force.predictions_at(state));
        let measured = self.measurement.record_over(self.portion, index, (state, predictions), &mut self.series);
        let (evaluation, theta) = measured;
        let risk = evaluation.risk;
        if let (Some(path), Some(theta)) = (&mut self.path, theta) {
            path.push(self.measurement.problem, theta, evaluation);
        }
        risk
    }

    fn checkpoint(&mut self, state: &State<R>, memory: &[f64], next_record: usize) -> Result<(), RunError> {
        let Measurement { problem, run, .. } = self.measurement;
        let snapshot = Snapshot { state, memory, next_record, series: &self.series, path: self.path.as_ref() };
        share_files::save(self.context, problem, run, self.portion, &snapshot)
    }

    fn progress(&mut self, time: f64) {
        let horizon = self.measurement.problem.experiment.horizon.time;
        // Reports are limited to steps of one hundredth.
        if time - self.reported > 0.01 * horizon || time >= horizon {
            self.progress.advance(self.measurement.run.work(time - self.reported));
            self.reported = time;
        }
    }
}

/// `checkpoint/ID.json` of a divided trajectory.
#[derive(Serialize, Deserialize)]
struct DividedEnd {
    /// Why it stopped.
    stop: StopReason,
    /// Checksum of `checkpoint/ID/end.npz`.
    progress: String,
    /// Checksums of the files of `state/ID/`, by name.
    state: BTreeMap<String, String>,
}

/// Whether a divided trajectory has ended and everything that was saved of it is as it was written. Nothing is changed.
///
/// # Errors
/// Files that are not accessible.
pub fn is_complete(folder: &RunFolder, run: &Trajectory) -> Result<bool, RunError> {
    let SavedPart::Found(end) = folder.load_json::<DividedEnd>(&ended_name(run))? else { return Ok(false) };
    let SavedPart::Found(last) = folder.archive_checksum(&share_files::end_name(run))? else { return Ok(false) };
    Ok(last == end.progress && folder.first_altered(&end.state)?.is_none())
}

/// What was saved of a divided trajectory.
enum SavedDivided<R> {
    Nothing,
    Progress(Checkpoint<R>),
    End(StopReason, Checkpoint<R>),
}

/// Reads what was saved of a trajectory. Collective: where a file is damaged on one rank, all of its files are removed
/// and all ranks start over.
fn saved<R: Real>(
    context: &RunContext<'_>,
    measurement: &Measurement<'_, R>,
    portion: &Portion,
) -> Result<SavedDivided<R>, RunError> {
    let Measurement { problem, run, threads, .. } = *measurement;
    let ended = ended_name(run);
    let end = || -> Result<SavedPart<(StopReason, Checkpoint<R>)>, RunError> {
        match context.folder.load_json::<DividedEnd>(&ended)? {
            SavedPart::Absent => Ok(SavedPart::Absent),
            SavedPart::Damaged(reason) => Ok(SavedPart::Damaged(reason)),
            SavedPart::Found(DividedEnd { stop, progress, state }) => {
                let files = EndFiles { progress, state };
                let found = share_files::load_end(context, problem, run, threads, &files)?;
                Ok(match found {
                    SavedPart::Absent => SavedPart::Damaged("its series are missing".into()),
                    SavedPart::Damaged(reason) => SavedPart::Damaged(reason),
                    SavedPart::Found(checkpoint) => SavedPart::Found((stop, checkpoint)),
                })
            }
        }
    };
    if let Some((stop, checkpoint)) = usable(context, measurement, &ended, end())? {
        return Ok(SavedDivided::End(stop, checkpoint));
    }
    let index = share_files::index_name(run);
    let progress = share_files::load(context, problem, run, portion, threads);
    Ok(usable(context, measurement, &index, progress)?.map_or(SavedDivided::Nothing, SavedDivided::Progress))
}

/// The value of a saved part, where all ranks have found it; where one has found it damaged, the files of the trajectory
/// are removed. Collective.
fn usable<R: Real, T>(
    context: &RunContext<'_>,
    measurement: &Measurement<'_, R>,
    name: &str,
    found: Result<SavedPart<T>, RunError>,
) -> Result<Option<T>, RunError> {
    let (found, failed) = match found {
        Ok(found) => (Some(found), Ok(false)),
        Err(error) => (None, Err(error)),
    };
    context.agree(failed)?;
    let (value, message) = match found {
        Some(SavedPart::Found(value)) => (Some(value), "+".to_string()),
        Some(SavedPart::Damaged(reason)) => (None, format!("!{reason}")),
        Some(SavedPart::Absent) | None => (None, String::new()),
    };
    let all = context.ranks.all_gather_bytes(message.as_bytes());
    let damage = all.iter().find_map(|message| message.strip_prefix(b"!"));
    let absent = all.iter().position(Vec::is_empty);
    if let (None, Some(rank), true) = (damage, absent, all.iter().any(|message| !message.is_empty())) {
        return Err(RunError::NotShared { rank, path: context.folder.file(name) });
    }
    let Some(reason) = damage else { return Ok(value) };
    let run = measurement.run;
    let (checkpoints, state) = (share_files::folder_name(run), share_files::state_folder(run));
    let removed = if context.ranks.is_first() {
        let files = [&ended_name(run), &share_files::index_name(run), &checkpoints, &state];
        context.redo(name, &String::from_utf8_lossy(reason), &files.map(String::as_str))
    } else {
        Ok(())
    };
    context.agree(removed.map(|()| false))?;
    Ok(None)
}

/// Runs or resumes a divided trajectory, or reads its results where it has ended. Collective.
///
/// # Errors
/// Files that cannot be written or read, more ranks than shares.
pub fn run_divided<R: Real>(
    context: &RunContext<'_>,
    measurement: Measurement<'_, R>,
    portion: &Portion,
    progress: &Progress,
) -> Result<Outcome<TrajectoryOutcome<R>>, RunError> {
    let Measurement { problem, run, threads, .. } = measurement;
    let (e, size) = (problem.experiment, context.ranks.size());
    let (width, shares) = (run.width(), portion.shares().count());
    if size > shares {
        return Err(RunError::TooManyRanks { width, shares, ranks: size });
    }
    let saved = match saved(context, &measurement, portion)? {
        SavedDivided::End(stop, Checkpoint { series, path, .. }) => {
            progress.restore(run.work(e.horizon.time));
            return Ok(Outcome::Complete(TrajectoryOutcome { stop, series, path, unconverged: 0.0 }));
        }
        SavedDivided::Progress(checkpoint) => Some(checkpoint),
        SavedDivided::Nothing => None,
    };
    let own = run.of_neurons(portion.neurons());
    let (series, path) = (Series::empty(problem), run.recording.keep_path.then(|| LimitPath::new(width)));
    let mut recorder =
        DividedRecorder { context, measurement: &measurement, portion, progress, reported: 0.0, series, path };
    let from = saved.map(|saved| {
        (recorder.series, recorder.path) = (saved.series, saved.path);
        recorder.reported = saved.state.time;
        progress.restore(run.work(saved.state.time));
        let start_risk = recorder.series.row(Measure::Risk)[0];
        (saved.state, saved.memory, ResumePoint { next_record: saved.next_record, start_risk })
    });
    let (state, memory, from) = match from {
        Some((state, memory, from)) => (state, memory, Some(from)),
        None => (problem.start_state(&own), Vec::new(), None),
    };
    let (coordinates, len) = (problem.network.coordinates(width), state.theta.len());
    let mut integrator = run.integration.scheme.integrator_over(portion.clone(), coordinates, len);
    let force = Box::new(problem.force(run, threads).over(portion.clone()));
    if from.is_some() {
        integrator.restore(&memory);
    }
    let mut simulation = Simulation { state, integrator, force, noise: problem.noise(&own) };

    let every = Duration::try_from_secs_f64(e.run.checkpoint_seconds).unwrap_or(Duration::MAX);
    let (signals, last) = (portion.signals(), Cell::new(Instant::now()));
    // Ranks must stop and save at the same step: they tell each other with the sums of a step.
    let interrupted = |_: f64| {
        if size == 1 {
            return context.interrupted();
        }
        if context.interrupted() {
            signals.raise(INTERRUPT);
        }
        signals.agreed() & INTERRUPT != 0
    };
    let due = || {
        let own = context.ranks.is_first() && last.get().elapsed() >= every;
        let agreed = if size == 1 { own } else { signals.agreed() & CHECKPOINT != 0 };
        if agreed {
            signals.take(CHECKPOINT);
            last.set(Instant::now());
        } else if own {
            signals.raise(CHECKPOINT);
        }
        agreed
    };
    let time_loop = time_loop(problem, run).interrupted_when(&interrupted).checkpoint_when(&due);
    let stop = match from {
        Some(from) => time_loop.resume(&mut simulation, from, &mut recorder)?,
        None => time_loop.run(&mut simulation, &mut recorder)?,
    };
    let Simulation { state, integrator, .. } = simulation;
    match stop {
        StopReason::Interrupted { .. } => return Ok(Outcome::Interrupted),
        StopReason::TooManySteps { attempts, time } => return Err(too_many_steps(problem, run, attempts, time)),
        StopReason::Horizon | StopReason::Diverged { .. } => {}
    }
    recorder.progress(e.horizon.time);
    let DividedRecorder { series, path, .. } = recorder;
    let snapshot = Snapshot {
        state: &state,
        memory: &integrator.memory(),
        next_record: problem.times.len(),
        series: &series,
        path: path.as_ref(),
    };
    let EndFiles { progress: checksum, state } = share_files::write_end(context, problem, run, portion, &snapshot)?;
    let finish = || -> Result<bool, RunError> {
        context.folder.save_json(&ended_name(run), &DividedEnd { stop, progress: checksum, state })?;
        share_files::remove_checkpoint(context, run)?;
        Ok(false)
    };
    context.agree(if context.ranks.is_first() { finish() } else { Ok(false) })?;
    Ok(Outcome::Complete(TrajectoryOutcome { stop, series, path, unconverged: 0.0 }))
}
