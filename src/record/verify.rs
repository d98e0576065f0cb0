//! Whether the files of a complete run are those that were written when it was completed.

use super::error::RecordError;
use super::folder::{MANIFEST, RunFolder};
use super::manifest::{CHECKS, RunKind};
use super::state_files::Checksums;
use super::unaltered::require_none;
use crate::analysis::verdict::Check;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What manifests of every format, and of earlier versions, tell about the files of a run.
#[derive(Deserialize)]
struct ExpectedFiles {
    /// The number of checks.
    checks: Option<usize>,
    /// The kind of the run; runs of training have checks in any case.
    kind: Option<RunKind>,
    /// The checksums of its files.
    #[serde(default)]
    records: BTreeMap<String, String>,
    /// The checksums of its states.
    #[serde(default)]
    states: Checksums,
}

impl RunFolder {
    /// Checks that the files of a complete run and its states are as it wrote them.
    ///
    /// # Errors
    /// [`RecordError::Altered`], which names all; a file that is not accessible.
    pub fn require_unaltered_files(
        &self,
        records: &BTreeMap<String, String>,
        states: &Checksums,
    ) -> Result<(), RecordError> {
        let mut altered = self.altered_files(records)?;
        altered.extend(self.altered_states(states)?);
        require_none(altered)
    }

    /// The checks of a complete run whose records, states and checks are those that were written when it was completed; in
    /// runs of earlier versions, whose list of checks is as long.
    ///
    /// # Errors
    /// A run that is unfinished; files that are missing, damaged or altered.
    pub fn verified_checks(&self) -> Result<Vec<Check>, RecordError> {
        self.require_complete()?;
        let ExpectedFiles { checks, kind, records, states } = self.read_json(MANIFEST)?;
        self.require_unaltered_files(&records, &states)?;
        let found: Vec<Check> = self.read_json(CHECKS)?;
        let none = matches!(kind, Some(RunKind::Recovery | RunKind::Pruning));
        if checks.map_or(none || !found.is_empty(), |expected| expected == found.len()) {
            return Ok(found);
        }
        let expected = checks.map_or("at least one".into(), |expected| expected.to_string());
        Err(RecordError::Checks { path: self.file(CHECKS), found: found.len(), expected })
    }
}
