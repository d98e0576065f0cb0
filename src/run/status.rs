//! The status of a run, from the files of its folder alone: while it runs in another process, and afterwards. Nothing is
//! written, and the run is not disturbed.

use super::journal::{PhaseProgress, ProgressRecord, unix_time};
use crate::record::{Manifest, RecordError, RunFolder, RunKind, Shard, ShardState, Status};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// What a run does at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It is finished.
    Complete,
    /// A process works on it.
    Running,
    /// It was interrupted and can be resumed.
    Interrupted,
    /// It ended with an error.
    Failed,
    /// Its process was killed, or its machine stopped; it can be resumed.
    Killed,
}

/// The progress of a phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseStatus {
    /// Its name.
    pub name: String,
    /// The completed part, from 0 to 1.
    pub done: f64,
    /// Wall time so far; of a complete run that of all its processes, otherwise that of the last one.
    pub seconds: f64,
    /// Estimated wall time to its end; absent where it is not known.
    pub left_seconds: Option<f64>,
}

/// The status of a shard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShardStatus {
    /// The shard, I/N.
    pub shard: String,
    /// How far it is.
    pub state: ShardState,
    /// Of a sweep, the pieces of points that it has completed, and all of its pieces; absent where they are not known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces: Option<(usize, usize)>,
}

/// The status of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunStatus {
    /// The run folder.
    pub folder: PathBuf,
    /// The kind of experiment.
    pub kind: RunKind,
    /// The state.
    pub state: RunState,
    /// Id of the last process that worked on it; absent of a complete run.
    pub process: Option<u32>,
    /// When that process started, in UTC (RFC 3339); of a complete run the process that completed it.
    pub started: Option<String>,
    /// When the progress was last written, in UTC (RFC 3339); absent of a complete run.
    pub updated: Option<String>,
    /// Wall time of the process so far; of a complete run the sum of all phases.
    pub elapsed_seconds: f64,
    /// Estimated wall time to the end of the training phases and of the present phase, where the run is running and that
    /// is known. Studies that follow are not included.
    pub left_seconds: Option<f64>,
    /// The phases that have begun, and those of training that follow.
    pub phases: Vec<PhaseStatus>,
    /// The present study.
    pub study: Option<String>,
    /// Studies that follow.
    pub remaining_studies: Vec<String>,
    /// The shards by which an unfinished run is computed; none where it has none.
    pub shards: Vec<ShardStatus>,
    /// Number of times the run was resumed.
    pub resumed: u32,
    /// Why the run failed.
    pub error: Option<String>,
}

/// The status of the run in a folder.
///
/// # Errors
/// A folder without a run, a manifest that is damaged or of another format.
pub fn of(path: &Path) -> Result<RunStatus, RecordError> {
    let folder = RunFolder::existing(path)?;
    let alone = folder.in_use();
    // Read after the lock was seen: a run that completes between the two is complete.
    let manifest = folder.manifest()?;
    let shards = match manifest.status {
        Status::Complete => Vec::new(),
        _ => shards(&folder.of_experiment(&manifest.experiment))?,
    };
    let held = alone || shards.iter().any(|shard| shard.state == ShardState::Running);
    let progress = if manifest.status == Status::Complete { None } else { ProgressRecord::read(path) };
    let state = match (manifest.status, held, &progress) {
        (Status::Complete, ..) => RunState::Complete,
        (_, true, _) => RunState::Running,
        (Status::Interrupted, ..) => RunState::Interrupted,
        (Status::Running, false, Some(progress)) if progress.failed => RunState::Failed,
        (Status::Running, false, _) => RunState::Killed,
    };
    // Shards write no progress: what there is, is that of another part.
    let progress = progress.filter(|_| shards.is_empty() || alone);
    let status = match progress {
        Some(progress) => unfinished(path, &manifest, state, &progress, unix_time()),
        None => from_manifest(path, &manifest, state),
    };
    Ok(RunStatus { shards, ..status })
}

/// The shards by which a run is computed.
fn shards(folder: &RunFolder) -> Result<Vec<ShardStatus>, RecordError> {
    let count = folder.shard_count()?.unwrap_or(0);
    let of =
        |shard: Shard| Ok(ShardStatus { shard: shard.to_string(), state: folder.shard_state(shard)?, pieces: None });
    Shard::all(count).map(of).collect()
}

/// The status of a run without a journal.
fn from_manifest(path: &Path, manifest: &Manifest, state: RunState) -> RunStatus {
    let done = if state == RunState::Complete { 1.0 } else { 0.0 };
    let phase = |phase: &crate::record::PhaseTime| PhaseStatus {
        name: phase.name.clone(),
        done,
        seconds: phase.seconds,
        left_seconds: None,
    };
    RunStatus {
        folder: path.into(),
        kind: manifest.kind,
        state,
        process: None,
        started: manifest.invocations.last().map(|last| last.started.clone()),
        updated: None,
        elapsed_seconds: manifest.phases.iter().map(|phase| phase.seconds).sum(),
        left_seconds: None,
        phases: manifest.phases.iter().map(phase).collect(),
        study: None,
        remaining_studies: Vec::new(),
        shards: Vec::new(),
        resumed: manifest.resumed,
        error: None,
    }
}

/// The status of a run with a journal, at the time `now`.
fn unfinished(path: &Path, manifest: &Manifest, state: RunState, progress: &ProgressRecord, now: f64) -> RunStatus {
    let running = state == RunState::Running;
    // Since the journal was written.
    let since = if running { (now - progress.updated).max(0.0) } else { 0.0 };
    let mut phases: Vec<PhaseStatus> =
        progress.phases.iter().map(|phase| begun(phase, running.then_some(since))).collect();
    let rate = progress.rate();
    phases.extend(progress.planned.iter().map(|phase| PhaseStatus {
        name: phase.name.clone(),
        done: 0.0,
        seconds: 0.0,
        left_seconds: rate.filter(|_| running).map(|rate| phase.total / rate),
    }));
    let left: Option<f64> = phases.iter().filter(|phase| phase.done < 1.0).map(|phase| phase.left_seconds).sum();
    let study = progress.study.and_then(|index| progress.studies.get(index)).cloned();
    let after = progress.study.map_or(0, |index| index + 1);
    RunStatus {
        folder: path.into(),
        kind: manifest.kind,
        state,
        process: Some(progress.process),
        started: Some(timestamp(progress.started)),
        updated: Some(timestamp(progress.updated)),
        elapsed_seconds: progress.updated - progress.started + since,
        left_seconds: left.filter(|_| running && phases.iter().any(|phase| phase.done < 1.0)),
        phases,
        study,
        remaining_studies: progress.studies.iter().skip(after).cloned().collect(),
        shards: Vec::new(),
        resumed: manifest.resumed,
        error: progress.error.clone(),
    }
}

/// A phase that has begun; `since` are the seconds since the journal was written, where the run is running.
fn begun(phase: &PhaseProgress, since: Option<f64>) -> PhaseStatus {
    let done = if phase.complete { 1.0 } else { (phase.done / phase.total).clamp(0.0, 1.0) };
    let ending = since.filter(|_| !phase.complete);
    let left = ending.and_then(|since| Some((phase.left()? - since).max(0.0)));
    let seconds = phase.seconds + ending.unwrap_or(0.0);
    PhaseStatus { name: phase.name.clone(), done, seconds, left_seconds: left }
}

/// A time in seconds since 1970 as RFC 3339.
fn timestamp(seconds: f64) -> String {
    let since = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::journal::PlannedPhase;

    fn phase(total: f64, done: f64, restored: f64, seconds: f64) -> PhaseProgress {
        PhaseProgress { name: "networks".into(), total, done, restored, seconds, complete: done == total }
    }

    #[test]
    fn the_time_left_is_that_of_the_work_of_this_process() {
        // 30 of 100 in 60 seconds, 40 were there before: 30 remain, which take 60 seconds, of which 5 have passed.
        let status = begun(&phase(100.0, 70.0, 40.0, 60.0), Some(5.0));
        assert_eq!((status.done, status.seconds, status.left_seconds), (0.7, 65.0, Some(55.0)));
        assert_eq!(begun(&phase(100.0, 70.0, 70.0, 60.0), Some(5.0)).left_seconds, None);
        let complete = begun(&phase(100.0, 100.0, 0.0, 60.0), Some(5.0));
        assert_eq!((complete.done, complete.seconds, complete.left_seconds), (1.0, 60.0, None));
        assert_eq!(begun(&phase(100.0, 70.0, 40.0, 60.0), None).left_seconds, None, "it is not running");
        let phases = vec![phase(100.0, 100.0, 40.0, 10.0), phase(50.0, 20.0, 0.0, 10.0)];
        // 30 remain at 2 a second, and 40 follow at the 4 a second of both.
        let planned = vec![PlannedPhase { name: "networks".into(), total: 40.0 }];
        let record = ProgressRecord { phases, planned, ..ProgressRecord::default() };
        assert_eq!((record.rate(), record.planned_left()), (Some(4.0), Some(25.0)));
        assert_eq!(timestamp(0.0), "1970-01-01T00:00:00Z");
    }
}
