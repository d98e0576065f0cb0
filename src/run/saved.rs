//! Parts of a run that are read back on resume. A part that is damaged is removed and computed again, which is noted on
//! stderr and in the warnings of the manifest.

use super::context::{RunContext, RunError};
use super::journal::Journal;
use super::shard::{LimitScope, Part};
use super::shared_limit::SharedLimits;
use crate::ranks::{Ranks, SingleRank};
use crate::record::npz::ArrayRecord;
use crate::record::{RunFolder, SavedPart};
use serde::de::DeserializeOwned;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

/// The notes about damaged parts, kept until the run is complete. Shards, which run at the same time, have files of their
/// own.
fn repairs_file(part: Part) -> String {
    match part {
        Part::Whole | Part::Limit | Part::Finish => "checkpoint/repairs.json".into(),
        Part::Shard(shard) => shard.file("-repairs.json"),
    }
}

impl<'a> RunContext<'a> {
    /// The context of a run that starts or continues in a folder.
    ///
    /// # Errors
    /// A checkpoint that is not accessible.
    pub fn new(folder: &'a RunFolder, interrupt: &'a AtomicBool, quiet: bool) -> Result<Self, RunError> {
        Self::of_part(folder, interrupt, quiet, Part::Whole)
    }

    /// The context of a part of a run.
    ///
    /// # Errors
    /// As [`RunContext::new`].
    pub fn of_part(
        folder: &'a RunFolder,
        interrupt: &'a AtomicBool,
        quiet: bool,
        part: Part,
    ) -> Result<Self, RunError> {
        Self::on(SingleRank::ranks(), folder, interrupt, quiet, part)
    }

    /// The context of a part of a run on one of several ranks. A process that computes what the shards have left takes over
    /// their notes.
    ///
    /// # Errors
    /// As [`RunContext::new`].
    pub fn on(
        ranks: Ranks,
        folder: &'a RunFolder,
        interrupt: &'a AtomicBool,
        quiet: bool,
        part: Part,
    ) -> Result<Self, RunError> {
        // Shards run beside each other, and so do ranks: none of the former and the first of the latter writes the progress
        // of the run.
        let writes = ranks.is_first() && part.writes_progress();
        let journal = if writes { Journal::new(folder.path()) } else { Journal::none() };
        let (repairs, stopped) = (Mutex::default(), AtomicBool::new(false));
        let limit_scope = LimitScope::Compared;
        let context =
            RunContext { folder, interrupt, quiet, part, limit_scope, journal, shared: None, repairs, ranks, stopped };
        let mut files = vec![context.repairs_name()];
        if writes {
            files.extend(folder.recorded_shards()?.into_iter().map(|shard| repairs_file(Part::Shard(shard))));
        }
        for file in files {
            match folder.load_json::<Vec<String>>(&file)? {
                SavedPart::Absent => {}
                SavedPart::Found(earlier) => earlier.into_iter().for_each(|note| context.add_repair(note)),
                SavedPart::Damaged(reason) => context.redo(&file, &reason, &[&file])?,
            }
        }
        Ok(context)
    }

    /// The same context with limits that other runs have computed, and those of the part [`Part::Limit`].
    #[must_use]
    pub fn sharing(self, shared: Option<&'a SharedLimits>, limit_scope: LimitScope) -> Self {
        RunContext { shared, limit_scope, ..self }
    }

    /// The file of the notes of this rank.
    fn repairs_name(&self) -> String {
        match self.ranks.rank() {
            0 => repairs_file(self.part),
            rank => format!("checkpoint/repairs-{rank}.json"),
        }
    }

    /// The notes of all ranks. Collective.
    pub fn all_repairs(&self) -> Vec<String> {
        let own = self.repairs().join("\n");
        let mut all = Vec::new();
        for notes in self.ranks.all_gather_bytes(own.as_bytes()) {
            for note in String::from_utf8_lossy(&notes).lines().map(String::from) {
                if !all.contains(&note) {
                    all.push(note);
                }
            }
        }
        all
    }

    /// The value of a checkpoint; `None` where there is none, or none that can be used.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn saved_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, RunError> {
        let saved = self.folder.load_json(name)?;
        self.usable(saved, name, &[name])
    }

    /// The arrays of a checkpoint after `convert`, which returns a reason where they cannot be of this run; `None` where
    /// there are none, or none that can be used.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn saved_arrays<A: ArrayRecord, T>(
        &self,
        name: &str,
        convert: impl FnOnce(A) -> Result<T, String>,
    ) -> Result<Option<T>, RunError> {
        let saved = self.folder.load_arrays(name)?.and_then(|(arrays, _)| convert(arrays));
        self.usable(saved, name, &[name])
    }

    /// The value of a saved part. Where it is damaged, the files of `remove` are removed.
    ///
    /// # Errors
    /// Files that cannot be removed.
    pub fn usable<T>(&self, saved: SavedPart<T>, name: &str, remove: &[&str]) -> Result<Option<T>, RunError> {
        match saved {
            SavedPart::Absent => Ok(None),
            SavedPart::Found(value) => Ok(Some(value)),
            SavedPart::Damaged(reason) => {
                self.redo(name, &reason, remove)?;
                Ok(None)
            }
        }
    }

    /// Notes that a file is damaged, and removes the files of the part that is therefore computed again.
    ///
    /// # Errors
    /// Files that cannot be removed.
    pub fn redo(&self, damaged: &str, reason: &str, remove: &[&str]) -> Result<(), RunError> {
        let note = format!("{damaged} was damaged ({reason}); that part of the run was computed again");
        eprintln!("note: {}: {reason}; this part of the run is computed again", self.folder.file(damaged).display());
        self.add_repair(note);
        for name in remove {
            self.folder.remove(name)?;
        }
        Ok(self.folder.save_json(&self.repairs_name(), &self.repairs())?)
    }

    /// The notes about damaged parts, for the warnings of the manifest.
    pub fn repairs(&self) -> Vec<String> {
        self.repairs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add_repair(&self, note: String) {
        let mut repairs = self.repairs.lock().unwrap_or_else(PoisonError::into_inner);
        if !repairs.contains(&note) {
            repairs.push(note);
        }
    }
}
