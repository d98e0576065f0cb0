//! The files in `state/` of a complete run: their checksums in the manifest, and how the folder is reduced to those that
//! the run keeps.
//!
//! A run that does not keep all of its states writes those that it reduces into [`STAGED`] first. The manifest, which is
//! written at once, then makes the run complete and names every file that is kept with its checksum, and only then are
//! the files put in place and all others removed. A process that is killed before is resumed with all states; one that is
//! killed after leaves [`STAGED`], by which the next process that opens the folder ends this.

use super::altered::AlteredFile;
use super::error::RecordError;
use super::folder::RunFolder;
use super::manifest::{Manifest, Status};
use super::unaltered::require_none;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder of the states.
const STATE: &str = "state";

/// The folder of reduced states that are not yet in place.
const STAGED: &str = "checkpoint/kept";

/// The checksums of files, by name.
pub type Checksums = BTreeMap<String, String>;

impl RunFolder {
    /// The names of the files in `state/` and its sub-folders, sorted.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn state_names(&self) -> Result<Vec<String>, RecordError> {
        let (mut names, mut folders) = (Vec::new(), vec![STATE.to_string()]);
        while let Some(folder) = folders.pop() {
            let hidden = |name: &String| name.rsplit('/').next().is_some_and(|file| file.starts_with('.'));
            for name in self.files_in(&folder)?.into_iter().filter(|name| !hidden(name)) {
                if self.file(&name).is_dir() { &mut folders } else { &mut names }.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The checksums of files in `state/`, by name.
    ///
    /// # Errors
    /// A file that is missing or cannot be read.
    pub fn state_checksums(&self, names: Vec<String>) -> Result<Checksums, RecordError> {
        let one = |name: String| Ok(self.checksums([name])?.into_iter().next());
        Ok(names.into_par_iter().map(one).collect::<Result<Vec<_>, RecordError>>()?.into_iter().flatten().collect())
    }

    /// Where the file that replaces one of `state/` is written.
    fn staged_state(&self, name: &str) -> PathBuf {
        self.file(&staged(name))
    }

    /// The checksums of the files of `state/` that a run keeps: those of `unchanged`, and those of `reduced`, which `reduce`
    /// writes from one path to another, where they are staged. [`RunFolder::settle_states`] removes all others.
    ///
    /// # Errors
    /// Those of `reduce`; files that are missing or cannot be read, a folder that cannot be created.
    pub fn stage_states<E: From<RecordError>>(
        &self,
        unchanged: Vec<String>,
        reduced: &[String],
        reduce: impl Fn(&Path, &Path) -> Result<(), E>,
    ) -> Result<Checksums, E> {
        self.remove(STAGED)?;
        let path = self.file(STAGED);
        std::fs::create_dir_all(&path).map_err(|source| RecordError::Io { path, source })?;
        reduced.iter().try_for_each(|name| reduce(&self.file(name), &self.staged_state(name)))?;
        let mut kept = self.state_checksums(unchanged)?;
        let replaced = self.state_checksums(reduced.iter().map(|name| staged(name)).collect())?;
        kept.extend(replaced.into_iter().map(|(name, sha256)| (in_place(&name), sha256)));
        Ok(kept)
    }

    /// Puts the staged files of a complete run in place, and removes all files of `state/` that the manifest does not name.
    /// Does nothing where nothing is staged.
    ///
    /// # Errors
    /// Files that cannot be moved or removed.
    pub fn settle_states(&self, manifest: &Manifest) -> Result<(), RecordError> {
        let Some(states) = manifest.states.as_ref().filter(|_| manifest.status == Status::Complete) else {
            return Ok(());
        };
        if !self.file(STAGED).is_dir() {
            return Ok(());
        }
        for name in states.keys() {
            let (from, path) = (self.staged_state(name), self.file(name));
            if from.is_file() {
                std::fs::rename(from, &path).map_err(|source| RecordError::Io { path, source })?;
            }
        }
        for name in self.state_names()?.iter().filter(|name| !states.contains_key(*name)) {
            self.remove(name)?;
        }
        let kept_in = |folder: &String| states.keys().any(|name| name.starts_with(&format!("{folder}/")));
        let folders = self.files_in(STATE)?.into_iter().filter(|name| self.file(name).is_dir());
        for empty in folders.filter(|folder| !kept_in(folder)) {
            self.remove(&empty)?;
        }
        self.remove(STAGED)
    }

    /// Checks that the files in `state/` that a complete run keeps are as it wrote them. Nothing is checked in runs of
    /// earlier versions, which have no checksums of them.
    ///
    /// # Errors
    /// [`RecordError::Altered`]; a file that is not accessible.
    pub fn require_unaltered_states(&self, states: &Checksums) -> Result<(), RecordError> {
        require_none(self.altered_states(states)?)
    }

    /// The files in `state/` that are not as a complete run wrote them, in the order of their names.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn altered_states(&self, states: &Checksums) -> Result<Vec<AlteredFile>, RecordError> {
        let one = |(name, expected): (&String, &String)| {
            let at = if self.staged_state(name).is_file() { staged(name) } else { name.clone() };
            self.altered(name, &at, expected).transpose()
        };
        // The first error in the order of the names.
        states.par_iter().map(one).collect::<Vec<_>>().into_iter().flatten().collect()
    }

    /// The same for the state of one trajectory of a run.
    ///
    /// # Errors
    /// As [`RunFolder::require_unaltered_states`].
    pub fn require_unaltered_state(&self, manifest: &Manifest, id: &str) -> Result<(), RecordError> {
        if manifest.status != Status::Complete {
            return Ok(());
        }
        let mut own = manifest.states.clone().unwrap_or_default();
        own.retain(|name, _| is_state_of(name, id));
        self.require_unaltered_states(&own)
    }
}

/// Whether a file of `state/` is the state of a trajectory, or that of a part of its neurons.
pub fn is_state_of(name: &str, id: &str) -> bool {
    let rest = name.strip_prefix("state/").and_then(|name| name.strip_prefix(id));
    rest.is_some_and(|rest| rest == ".npz" || rest.starts_with('/'))
}

/// The staged file of a file of `state/`.
fn staged(name: &str) -> String {
    format!("{STAGED}{}", name.strip_prefix(STATE).unwrap_or(name))
}

/// The file of `state/` of a staged file.
fn in_place(name: &str) -> String {
    format!("{STATE}{}", name.strip_prefix(STAGED).unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_states() {
        assert!(is_state_of("state/n4-s1.npz", "n4-s1") && is_state_of("state/n4-s1/0000-0064.npz", "n4-s1"));
        assert!(!is_state_of("state/n4-s10.npz", "n4-s1") && !is_state_of("state/data.npz", "n4-s1"));
        assert_eq!(staged("state/n4-s1/0000.npz"), "checkpoint/kept/n4-s1/0000.npz");
        assert_eq!(in_place(&staged("state/n4-s1/0000.npz")), "state/n4-s1/0000.npz");
    }
}
