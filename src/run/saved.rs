//! Parts of a run that are read back on resume. A part that is damaged is removed and computed again, which is noted on
//! stderr and in the warnings of the manifest.

use super::context::{RunContext, RunError};
use crate::ranks::{Ranks, SingleRank};
use crate::record::npz::ArrayRecord;
use crate::record::{RunFolder, SavedPart};
use serde::de::DeserializeOwned;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

/// The notes about damaged parts, kept until the run is complete.
const REPAIRS: &str = "checkpoint/repairs.json";

impl<'a> RunContext<'a> {
    /// The context of a run that starts or continues in a folder.
    ///
    /// # Errors
    /// A checkpoint that is not accessible.
    pub fn new(folder: &'a RunFolder, interrupt: &'a AtomicBool, quiet: bool) -> Result<Self, RunError> {
        Self::on(SingleRank::ranks(), folder, interrupt, quiet)
    }

    /// The same on one of several ranks.
    ///
    /// # Errors
    /// As [`RunContext::new`].
    pub fn on(ranks: Ranks, folder: &'a RunFolder, interrupt: &'a AtomicBool, quiet: bool) -> Result<Self, RunError> {
        let context =
            RunContext { folder, interrupt, quiet, repairs: Mutex::default(), ranks, stopped: AtomicBool::new(false) };
        let repairs = context.repairs_name();
        match folder.load_json(&repairs)? {
            SavedPart::Absent => {}
            SavedPart::Found(earlier) => context.set_repairs(|repairs| *repairs = earlier),
            SavedPart::Damaged(reason) => context.redo(&repairs, &reason, &[&repairs])?,
        }
        Ok(context)
    }

    /// The file of the notes of this rank.
    fn repairs_name(&self) -> String {
        match self.ranks.rank() {
            0 => REPAIRS.into(),
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
        self.set_repairs(|repairs| {
            if !repairs.contains(&note) {
                repairs.push(note);
            }
        });
        for name in remove {
            self.folder.remove(name)?;
        }
        Ok(self.folder.save_json(&self.repairs_name(), &self.repairs())?)
    }

    /// The notes about damaged parts, for the warnings of the manifest.
    pub fn repairs(&self) -> Vec<String> {
        self.repairs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_repairs(&self, change: impl FnOnce(&mut Vec<String>)) {
        change(&mut self.repairs.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
