//! The progress of a run in its folder, `progress.json`, from which [`super::status`] reports it in another process.
//!
//! The file is written when a phase begins, and at most once in two seconds otherwise. It changes no result: no other part
//! of a run reads it, it is in no checksum, and a failure to write it is ignored.

use crate::record::{PROGRESS, RunFolder, replace_quickly};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Least time between two writes, except where a phase begins.
const EVERY: Duration = Duration::from_secs(2);

/// `progress.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProgressRecord {
    /// Id of the process.
    pub process: u32,
    /// When it began or continued the run, in seconds since 1970 (UTC).
    pub started: f64,
    /// When the file was written, in seconds since 1970 (UTC).
    pub updated: f64,
    /// The phases that this process has begun, in order.
    pub phases: Vec<PhaseProgress>,
    /// Phases of training that follow, with their work in the unit of [`PhaseProgress::total`].
    pub planned: Vec<PlannedPhase>,
    /// All studies, in the order in which they run.
    pub studies: Vec<String>,
    /// Index of the present study.
    pub study: Option<usize>,
    /// Whether the process has ended without completing or interrupting the run.
    pub failed: bool,
    /// Why.
    pub error: Option<String>,
}

/// The progress of a phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseProgress {
    /// Its name.
    pub name: String,
    /// Its work, in a unit of its own; phases of training share theirs.
    pub total: f64,
    /// The completed work.
    pub done: f64,
    /// What of this was completed by earlier processes.
    pub restored: f64,
    /// Wall time in this process.
    pub seconds: f64,
    /// Whether it is complete.
    pub complete: bool,
}

/// A phase that has not begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedPhase {
    /// Its name.
    pub name: String,
    /// Its work.
    pub total: f64,
}

impl ProgressRecord {
    /// The progress of a run; `None` where the file is missing or cannot be read.
    pub fn read(folder: &Path) -> Option<Self> {
        RunFolder::plain(folder).read_json(PROGRESS).ok()
    }

    /// Work per second over all phases so far; `None` where nothing was computed.
    pub(super) fn rate(&self) -> Option<f64> {
        let fresh: f64 = self.phases.iter().map(|phase| phase.done - phase.restored).sum();
        let seconds: f64 = self.phases.iter().map(|phase| phase.seconds).sum();
        (fresh > 0.0 && seconds > 0.0).then(|| fresh / seconds)
    }

    /// The time to the end of the phases that have begun and of those that are planned, at the time of the record; `None`
    /// where it is not known.
    pub(super) fn planned_left(&self) -> Option<f64> {
        let unfinished = self.phases.iter().filter(|phase| !phase.complete);
        let present: f64 = unfinished.map(PhaseProgress::left).sum::<Option<f64>>()?;
        let planned: f64 = self.planned.iter().map(|phase| phase.total).sum();
        Some(present + planned / self.rate()?)
    }
}

impl PhaseProgress {
    /// The time to its end at the rate of this process; `None` where it has computed nothing yet.
    pub(super) fn left(&self) -> Option<f64> {
        let fresh = self.done - self.restored;
        (fresh > 0.0).then(|| self.seconds * (self.total - self.done) / fresh)
    }
}

/// The journal of a running experiment; copies share their contents.
#[derive(Clone)]
pub struct Journal(Arc<SharedJournal>);

struct SharedJournal {
    /// The file; none where nothing is recorded.
    path: Option<PathBuf>,
    state: Mutex<JournalState>,
}

struct JournalState {
    record: ProgressRecord,
    /// When each phase began.
    begun: Vec<Instant>,
    written: Option<Instant>,
    closed: bool,
}

/// The present time in seconds since 1970.
pub(super) fn unix_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

impl Journal {
    /// The journal of a run in a folder. Nothing is written yet.
    pub(super) fn new(folder: &Path) -> Self {
        Self::at(Some(folder.join(PROGRESS)))
    }

    /// A journal that is not written.
    pub(super) fn none() -> Self {
        Self::at(None)
    }

    fn at(path: Option<PathBuf>) -> Self {
        let record = ProgressRecord { process: std::process::id(), started: unix_time(), ..ProgressRecord::default() };
        let state = JournalState { record, begun: Vec::new(), written: None, closed: false };
        Journal(Arc::new(SharedJournal { path, state: Mutex::new(state) }))
    }

    /// Enters what the run consists of.
    pub(super) fn plan(&self, phases: Vec<PlannedPhase>, studies: Vec<String>) {
        self.0.change(true, |state| {
            state.record.planned = phases;
            state.record.studies = studies;
        });
    }

    /// Enters that a study begins.
    pub(super) fn begin_study(&self, name: &str) {
        self.0.change(true, |state| {
            state.record.study = state.record.studies.iter().position(|study| study == name);
        });
    }

    /// Enters that a phase begins.
    pub(super) fn begin(&self, name: &str, total: f64) -> PhaseEntry {
        let mut index = 0;
        self.0.change(true, |state| {
            index = state.record.phases.len();
            state.record.planned.retain(|planned| planned.name != name);
            let name = name.to_string();
            state.record.phases.push(PhaseProgress {
                name,
                total,
                done: 0.0,
                restored: 0.0,
                seconds: 0.0,
                complete: false,
            });
            state.begun.push(Instant::now());
        });
        PhaseEntry { journal: self.clone(), index }
    }

    /// Enters that the run was completed or interrupted.
    pub(super) fn close(&self) {
        self.0.change(true, |state| state.closed = true);
    }
}

/// The time to the end of all phases of which the work is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PlannedRest {
    /// Estimated wall seconds.
    pub seconds: f64,
    /// Whether studies follow, which are not included.
    pub studies: bool,
}

/// A phase in a journal.
pub(super) struct PhaseEntry {
    journal: Journal,
    index: usize,
}

impl PhaseEntry {
    /// Adds completed work.
    pub(super) fn advance(&self, work: f64) {
        self.change(false, |phase| phase.done = (phase.done + work).min(phase.total));
    }

    /// Adds work that an earlier process has completed.
    pub(super) fn restore(&self, work: f64) {
        self.change(false, |phase| {
            phase.done = (phase.done + work).min(phase.total);
            phase.restored = (phase.restored + work).min(phase.total);
        });
    }

    /// The time to the end of the phases that are planned; `None` where none follows this phase, or nothing is known yet.
    pub(super) fn left(&self) -> Option<PlannedRest> {
        let state = self.journal.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let record = &state.record;
        if record.planned.is_empty() {
            return None;
        }
        let seconds = record.planned_left()?;
        Some(PlannedRest { seconds, studies: !record.studies.is_empty() })
    }

    /// Enters that the phase is complete.
    pub(super) fn complete(&self) {
        self.change(false, |phase| (phase.done, phase.complete) = (phase.total, true));
    }

    fn change(&self, at_once: bool, change: impl FnOnce(&mut PhaseProgress)) {
        self.journal.0.change(at_once, |state| {
            let seconds = state.begun[self.index].elapsed().as_secs_f64();
            let phase = &mut state.record.phases[self.index];
            phase.seconds = seconds;
            change(phase);
        });
    }
}

impl SharedJournal {
    /// Changes the state, and writes it at once or where the last write is long enough ago.
    fn change(&self, at_once: bool, change: impl FnOnce(&mut JournalState)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let Some(path) = &self.path else { return };
        if at_once || state.written.is_none_or(|written| written.elapsed() >= EVERY) {
            state.record.updated = unix_time();
            write(path, &state.record);
            state.written = Some(Instant::now());
        }
    }
}

impl Drop for SharedJournal {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.path
            && !state.closed
            && state.written.is_some()
        {
            state.record.failed = true;
            state.record.updated = unix_time();
            write(path, &state.record);
        }
    }
}

/// Writes the record. The progress of a run whose folder is not writable, or full, is not reported.
fn write(path: &Path, record: &ProgressRecord) {
    if let Ok(text) = crate::number::to_json(record) {
        let _ = replace_quickly(path, text.as_bytes());
    }
}

/// Adds the error of a run that has failed, with its causes, to its journal, which this process has written last.
pub(super) fn record_failure(folder: &Path, error: &dyn std::error::Error) {
    let Some(mut record) = ProgressRecord::read(folder) else { return };
    if record.failed && record.error.is_none() && record.process == std::process::id() {
        let causes = std::iter::successors(Some(error), |error| error.source());
        record.error = Some(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "));
        write(&folder.join(PROGRESS), &record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordError;

    #[test]
    fn a_journal_that_is_not_closed_says_that_the_run_failed() {
        let here = tempfile::tempdir().unwrap();
        let read = || ProgressRecord::read(here.path()).unwrap();
        let journal = Journal::new(here.path());
        let planned = |name: &str| PlannedPhase { name: name.into(), total: 2.0 };
        journal.plan(vec![planned("limit"), planned("networks")], vec!["gap".into()]);
        let limit = journal.begin("limit", 2.0);
        assert_eq!(read().planned, [planned("networks")]);
        limit.restore(1.0);
        assert_eq!(limit.left(), None, "nothing was computed yet");
        limit.advance(0.5);
        let left = limit.left().unwrap();
        assert!(left.studies && left.seconds >= 0.0);
        limit.advance(5.0);
        limit.complete();
        drop(limit);
        journal.begin_study("gap");
        let record = read();
        let phase = &record.phases[0];
        assert_eq!((phase.done, phase.restored, phase.complete, record.failed), (2.0, 1.0, true, false));
        assert_eq!(record.study, Some(0));
        drop(journal);
        assert!(read().failed && read().error.is_none());
        let source = std::io::Error::other("no space");
        record_failure(here.path(), &RecordError::Io { path: "state/a.npz".into(), source });
        assert_eq!(read().error.as_deref(), Some("state/a.npz: no space"));
        let journal = Journal::new(here.path());
        journal.begin("limit", 1.0);
        journal.close();
        drop(journal);
        assert!(!read().failed);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_no_error() {
        let here = tempfile::tempdir().unwrap();
        let path = here.path().join("file");
        std::fs::write(&path, "").unwrap();
        Journal::new(&path).begin("limit", 1.0).advance(1.0);
    }
}
