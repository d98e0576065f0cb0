//! The records of the gap study.

use crate::analysis::bound::BoundBand;
use crate::record::{FitRecord, RecordError, RunFolder};
use serde::{Deserialize, Serialize};

/// `records/gap.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GapRecord {
    /// One entry per fitted exponent.
    pub fits: Vec<FitRecord>,
    /// The form of the bound, fitted to the largest coupling distance against the width.
    pub bound: Option<BoundBand>,
}

const FILE: &str = "records/gap.json";

impl GapRecord {
    /// Writes the record of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), RecordError> {
        folder.write_json(FILE, self)
    }

    /// Reads the record of a run.
    ///
    /// # Errors
    /// A record that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, RecordError> {
        folder.read_json(FILE)
    }
}
