//! Whether files of runs are as they were written.

use super::altered::{AlteredFile, AlteredFiles};
use super::checkpoint::SavedPart;
use super::error::RecordError;
use super::folder::RunFolder;
use std::collections::BTreeMap;

impl RunFolder {
    /// What is in the place of a file, `at` which there should be one with the checksum `expected`; `None` where it is that.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub(super) fn altered(&self, name: &str, at: &str, expected: &str) -> Result<Option<AlteredFile>, RecordError> {
        let found = match self.file_checksum(at)? {
            SavedPart::Found(found) if found == expected => return Ok(None),
            SavedPart::Found(found) => format!("its SHA-256 is {found}"),
            SavedPart::Absent => "it is missing".into(),
            SavedPart::Damaged(reason) => reason,
        };
        Ok(Some(AlteredFile { path: self.file(name), found, expected: expected.into() }))
    }

    /// The files of a complete run that are not those that it wrote, by their checksums, in the order of their names.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn altered_files(&self, checksums: &BTreeMap<String, String>) -> Result<Vec<AlteredFile>, RecordError> {
        let one = |(name, expected): (&String, &String)| self.altered(name, name, expected).transpose();
        checksums.iter().filter_map(one).collect()
    }

    /// The first file that does not have its checksum: its name, and what there is instead.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn first_altered(&self, checksums: &BTreeMap<String, String>) -> Result<Option<(String, String)>, RecordError> {
        for (name, expected) in checksums {
            if let Some(altered) = self.altered(name, name, expected)? {
                return Ok(Some((name.clone(), altered.found)));
            }
        }
        Ok(None)
    }

    /// Checks that the files of a complete run are those that it wrote, by their checksums.
    ///
    /// # Errors
    /// [`RecordError::Altered`]; a file that is not accessible.
    pub fn require_unaltered(&self, checksums: &BTreeMap<String, String>) -> Result<(), RecordError> {
        require_none(self.altered_files(checksums)?)
    }
}

/// Checks that no file is altered.
///
/// # Errors
/// [`RecordError::Altered`].
pub fn require_none(files: Vec<AlteredFile>) -> Result<(), RecordError> {
    if files.is_empty() { Ok(()) } else { Err(RecordError::Altered(AlteredFiles(files))) }
}

/// The values of several runs; where files of some are altered, the error names those of all.
///
/// # Errors
/// The first error of another kind; [`RecordError::Altered`].
pub fn of_all<T>(runs: impl Iterator<Item = Result<T, RecordError>>) -> Result<Vec<T>, RecordError> {
    let (mut values, mut altered) = (Vec::new(), Vec::new());
    for run in runs {
        match run {
            Ok(value) => values.push(value),
            Err(RecordError::Altered(AlteredFiles(files))) => altered.extend(files),
            Err(error) => return Err(error),
        }
    }
    require_none(altered).map(|()| values)
}
