//! The records of the convergence study.

use crate::record::npz::{ArrayRecord, NpzError, array_record};
use crate::record::{FitRecord, RecordError, RunFolder};
use ndarray::{Array1, Array3};
use serde::{Deserialize, Serialize};

/// `records/convergence.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConvergenceRecord {
    /// Levels, as fractions of the decrease of the limit's risk.
    pub fractions: Vec<f64>,
    /// Levels, as values of the risk.
    pub levels: Vec<f64>,
    /// Laws of the risk in the second half of the horizon: of the limit, of every width, of every variant.
    pub rates: Vec<RateRecord>,
    /// Variants, and whether they are expected to stall.
    pub variants: Vec<(String, bool)>,
    /// Fits of the first passage times against the width.
    pub fits: Vec<FitRecord>,
}

/// `R ~ exp(-rate t)` and `R ~ t^power`, each fitted to the geometric mean over seeds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RateRecord {
    /// The fitted series: `limit`, a width, or a variant.
    pub name: String,
    /// Rate of the exponential.
    pub rate: f64,
    /// Its 95 % interval over seeds.
    pub rate_interval: Option<(f64, f64)>,
    /// Root mean square residual of the logarithm under the exponential law.
    pub exponential_residual: f64,
    /// Exponent of the power law.
    pub power: f64,
    /// Its 95 % interval over seeds.
    pub power_interval: Option<(f64, f64)>,
    /// Root mean square residual of the logarithm under the power law.
    pub power_residual: f64,
}

const FILE: &str = "records/convergence.json";

impl ConvergenceRecord {
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

array_record! {
    /// `records/convergence.npz`.
    pub struct ConvergenceArrays {
        /// Levels, as values of the risk (levels).
        pub levels[levels]: Array1<f64>,
        /// First passage times of the limit (levels); NaN where it does not reach the level.
        pub limit_passage[levels]: Array1<f64>,
        /// Widths N (widths).
        pub widths[widths]: Array1<f64>,
        /// First passage times of the networks (widths, seeds, levels).
        pub passage[widths, seeds, levels]: Array3<f64>,
    }
}

impl ConvergenceArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_to(&self, folder: &RunFolder) -> Result<(), NpzError> {
        self.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read_from(folder: &RunFolder) -> Result<Self, NpzError> {
        Self::read(&folder.file(ARRAYS))
    }
}

const ARRAYS: &str = "records/convergence.npz";
