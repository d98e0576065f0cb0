//! The records of the predictions of single networks.

use crate::record::npz::{ArrayRecord, Arrays, NpzError, StoredArrays, array_record};
use crate::record::{FitRecord, RecordError, RunFolder};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

array_record! {
    /// `records/predict-networks.npz`: predicted and measured deviations of every network from its limit at the last
    /// recording time. NaN where a network diverged.
    pub struct NetworkArrays {
        /// Widths N (widths).
        pub widths[widths]: Array1<f64>,
        /// `1/N - 1/M`, 1/N beside a grid (widths).
        pub scales[widths]: Array1<f64>,
        /// Measured `|f_N - f_rho|^2` (widths, seeds).
        pub function_measured[widths, seeds]: Array2<f64>,
        /// Its prediction from the starts of the network (widths, seeds).
        pub function_predicted[widths, seeds]: Array2<f64>,
        /// The measured value corrected by that prediction as control variate (widths, seeds).
        pub function_corrected[widths, seeds]: Array2<f64>,
        /// Estimates of N times the mean of the prediction, from independent starts (seeds).
        pub function_mean[seeds]: Array1<f64>,
        /// Measured `R(f_N) - R(rho)` (widths, seeds).
        pub loss_measured[widths, seeds]: Array2<f64>,
        /// Its prediction from the starts of the network (widths, seeds).
        pub loss_predicted[widths, seeds]: Array2<f64>,
        /// The measured value corrected by that prediction as control variate (widths, seeds).
        pub loss_corrected[widths, seeds]: Array2<f64>,
        /// Estimates of N times the mean of the prediction, from independent starts (seeds).
        pub loss_mean[seeds]: Array1<f64>,
        /// Square norm of `f_N - f_rho`, less what the finite step adds (widths, seeds).
        pub vector_square[widths, seeds]: Array2<f64>,
        /// Square distance of that vector from the predicted one (widths, seeds).
        pub vector_error_square[widths, seeds]: Array2<f64>,
    }
}

/// `records/predict-networks.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NetworkRecord {
    /// Widths N (widths).
    pub widths: Vec<f64>,
    /// Independent starts behind the mean of the predictions.
    pub control_starts: usize,
    /// Root mean square of the error of the predicted vector over that of the measured one (widths).
    pub vector_error: Vec<f64>,
    /// The corrected quantities.
    pub corrected: Vec<CorrectedRecord>,
}

/// A mean over seeds, plain and corrected by the predictions of the networks as control variate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CorrectedRecord {
    /// The quantity: `function` or `loss`.
    pub quantity: String,
    /// What the finite step of the networks adds to it, which was subtracted from the means.
    pub step_offset: f64,
    /// Correlation over seeds of measurement and prediction (widths).
    pub correlation: Vec<f64>,
    /// Slope of the regression of measurement on prediction (widths).
    pub slope: Vec<f64>,
    /// Plain means (widths).
    pub plain: Vec<f64>,
    /// Their standard errors (widths).
    pub plain_error: Vec<f64>,
    /// Corrected means (widths).
    pub corrected: Vec<f64>,
    /// Their standard errors, with that of the mean of the predictions (widths).
    pub corrected_error: Vec<f64>,
    /// The exponent of the plain means against the width.
    pub plain_fit: FitRecord,
    /// The exponent of the corrected means.
    pub corrected_fit: FitRecord,
}

const FILE: &str = "records/predict-networks.json";

const ARRAYS: &str = "records/predict-networks.npz";

impl NetworkRecord {
    /// Writes the record of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), RecordError> {
        folder.write_json(FILE, self)
    }

    /// Reads the record of a run; `None` where single networks were not predicted.
    ///
    /// # Errors
    /// A record that is damaged.
    pub fn read(folder: &RunFolder) -> Result<Option<Self>, RecordError> {
        folder.file(FILE).exists().then(|| folder.read_json(FILE)).transpose()
    }

    /// A corrected quantity.
    pub fn quantity(&self, name: &str) -> Option<&CorrectedRecord> {
        self.corrected.iter().find(|record| record.quantity == name)
    }
}

impl NetworkArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), NpzError> {
        let mut arrays = Arrays::default();
        self.push("", &mut arrays);
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, NpzError> {
        Self::load("", &StoredArrays::read(&folder.file(ARRAYS))?)
    }
}
