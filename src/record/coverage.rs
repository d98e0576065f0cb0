//! The record of a measurement of coverage: what the verdicts of an experiment are worth over many seeds.

use super::error::RecordError;
use super::folder::RunFolder;
use crate::analysis::coverage::CoverageRates;
use serde::{Deserialize, Serialize};

/// `records/coverage.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverageRecord {
    /// Name of the experiment.
    pub experiment: String,
    /// The seed of the first run; those of the others follow.
    pub first_seed: u64,
    /// The family-wise level of the verdicts.
    pub level: f64,
    /// The rates over all runs.
    pub rates: CoverageRates,
}

const FILE: &str = "records/coverage.json";

impl CoverageRecord {
    /// Writes the record.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), RecordError> {
        folder.write_json(FILE, self)
    }

    /// Reads the record.
    ///
    /// # Errors
    /// A record that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, RecordError> {
        folder.read_json(FILE)
    }
}
