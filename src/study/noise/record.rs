//! The records of the study of noise.

use crate::record::RunFolder;
use crate::record::npz::{Arrays, NpzError, StoredArrays};
use ndarray::{Array1, Array2};

/// `records/noise.npz`.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseArrays {
    /// Signal to noise ratios in decibels (ratios).
    pub snr_db: Array1<f64>,
    /// Relative errors of every method by name (ratios, problems), stored as `METHOD_error`; NaN where the method
    /// failed.
    pub methods: Vec<(String, Array2<f64>)>,
    /// Relative errors of least squares on the true support (ratios, problems), stored as `oracle_error`.
    pub oracle: Array2<f64>,
}

/// Names of the file and of its arrays.
const ARRAYS: &str = "records/noise.npz";
const SNR: &str = "snr_db";
const ORACLE: &str = "oracle_error";

/// Name of the array of a method.
fn name(method: &str) -> String {
    format!("{method}_error")
}

impl NoiseArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), NpzError> {
        let mut arrays = Arrays::default();
        arrays.push_named(SNR, ["ratios"], &self.snr_db);
        for (method, error) in &self.methods {
            arrays.push_named(&name(method), ["ratios", "problems"], error);
        }
        arrays.push_named(ORACLE, ["ratios", "problems"], &self.oracle);
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run with these methods.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder, methods: &[String]) -> Result<Self, NpzError> {
        let stored = StoredArrays::read(&folder.file(ARRAYS))?;
        let own = |method: &String| Ok((method.clone(), stored.on_axes(&name(method), &["ratios", "problems"])?));
        Ok(NoiseArrays {
            snr_db: stored.on_axes(SNR, &["ratios"])?,
            methods: methods.iter().map(own).collect::<Result<_, NpzError>>()?,
            oracle: stored.on_axes(ORACLE, &["ratios", "problems"])?,
        })
    }
}
