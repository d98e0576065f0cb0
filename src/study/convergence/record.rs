//! What the convergence study leaves behind.

use crate::number;
use crate::record::npz::{ArrayRecord, NpzError, array_record};
use crate::record::{FitRecord, RecordError, RunFolder};
use ndarray::{Array1, Array3};
use serde::{Deserialize, Serialize};

/// `records/convergence.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConvergenceRecord {
    /// Levels as fractions of the limit's descent.
    pub fractions: Vec<f64>,
    /// Levels as risks.
    pub levels: Vec<f64>,
    /// Laws of the risk in the second half of the horizon: the limit's, every width's, every variant's.
    pub rates: Vec<RateRecord>,
    /// Variants, and whether they must stall.
    pub variants: Vec<(String, bool)>,
    /// Time to a level against the width.
    pub fits: Vec<FitRecord>,
}

/// `R ~ exp(-rate t)` and `R ~ t^power`, each fitted to the geometric mean over seeds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RateRecord {
    /// What it is fitted to: `limit`, a width, or a variant.
    pub name: String,
    /// Rate of the exponential.
    #[serde(with = "number")]
    pub rate: f64,
    /// Its 95 % interval over seeds.
    #[serde(with = "number::interval")]
    pub rate_interval: Option<(f64, f64)>,
    /// Root mean square misfit of the logarithm: the law with the smaller one is the better description.
    #[serde(with = "number")]
    pub exponential_residual: f64,
    /// Exponent of the power law.
    #[serde(with = "number")]
    pub power: f64,
    /// Its 95 % interval over seeds.
    #[serde(with = "number::interval")]
    pub power_interval: Option<(f64, f64)>,
    /// Root mean square misfit of the logarithm.
    #[serde(with = "number")]
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
        /// Levels as risks (levels).
        pub levels: Array1<f64>,
        /// The limit's first passages (levels); NaN where it never falls so far.
        pub limit_passage: Array1<f64>,
        /// Widths N (widths).
        pub widths: Array1<f64>,
        /// The networks' first passages (widths, seeds, levels).
        pub passage: Array3<f64>,
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
