//! The records of the study of predictions.

use super::PredictionRoute;
use crate::record::npz::{ArrayField, ArrayRecord, Arrays, NpzError, StoredArrays, array_record};
use crate::record::{RecordError, RunFolder};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

/// `records/predict.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PredictRecord {
    /// How the fluctuations are computed.
    pub by: PredictionRoute,
    /// The amplitude of the weights of pairs.
    pub amplitude: Option<f64>,
    /// Particles M of the cloud.
    pub particles: usize,
    /// Columns of the noise that are modes.
    pub modes: usize,
    /// Random columns.
    pub columns: usize,
    /// The method.
    pub method: String,
    /// The step.
    pub step: f64,
    /// Draws from a predicted law.
    pub draws: usize,
    /// Whether the population is a sample that represents a law: predictions are those for the sample.
    pub sample: bool,
    /// Narrower networks are not predicted, except for dropout: the second order is not small beside the first.
    pub least_width: f64,
    /// Quantities that are not predicted, each with the reason.
    pub not_predicted: Vec<(String, String)>,
    /// The ratios of predicted to measured quantities.
    pub ratios: Vec<RatioRecord>,
}

/// The ratio of a predicted to a measured quantity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RatioRecord {
    /// The quantity, as in the name of its check.
    pub quantity: String,
    /// Widths N of the networks (widths).
    pub widths: Vec<f64>,
    /// The predicted quantity (widths).
    pub predicted: Vec<f64>,
    /// The measured quantity (widths); empty where it was not measured.
    pub measured: Vec<f64>,
    /// Its standard error over seeds (widths).
    pub errors: Vec<f64>,
    /// The standard error of the prediction, divided by the prediction.
    pub relative_error: f64,
    /// The pooled ratio, NaN where there is none.
    pub ratio: f64,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
}

const FILE: &str = "records/predict.json";

impl PredictRecord {
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

    /// The ratio of a quantity.
    pub fn ratio(&self, quantity: &str) -> Option<&RatioRecord> {
        self.ratios.iter().find(|ratio| ratio.quantity == quantity)
    }
}

array_record! {
    /// What is predicted from one cloud. A law is given by its mean, standard deviation, 5 % and 95 % quantiles (4).
    pub struct PredictedArrays {
        /// `c`: N times the mean square distance of the predictions (times).
        pub variance: Array1<f64>,
        /// `N^2` times what the interaction of two hidden layers adds to that distance; 0 with one (times).
        pub variance_second: Array1<f64>,
        /// `c1`, `c2`: the same as c for the neurons of each hidden layer, times the neurons of that layer (layers,
        /// times).
        pub layer_variance: Array2<f64>,
        /// `c12`: N1 N2 times the part of the distance that is the interaction of two hidden layers; 0 with one (times).
        pub layer_interaction: Array1<f64>,
        /// `S^2`, the bare variance: that of independent particles of the limit, the neurons of the last hidden layer
        /// (times).
        pub spread: Array1<f64>,
        /// N times the bias of `S_N^2` (times).
        pub spread_bias: Array1<f64>,
        /// N times the variance of `S_N^2` (times).
        pub spread_variance: Array1<f64>,
        /// `<e, b>`, the part of [`PredictedArrays::gap_mean`] that is due to the mean second order (times).
        pub gap_bias: Array1<f64>,
        /// N times the mean loss gap (times).
        pub gap_mean: Array1<f64>,
        /// `N^2` times what the interaction of two hidden layers adds to the mean loss gap; 0 with one (times).
        pub gap_mean_second: Array1<f64>,
        /// N times the leading variance of the loss gap, `E <e, G>^2` (times).
        pub gap_linear: Array1<f64>,
        /// `N^2` times its second part: that of `<l'' G, G> / 2`, and of the interaction of two hidden layers (times).
        pub gap_square: Array1<f64>,
        /// N times the mean square coupling distance (times).
        pub coupling: Array1<f64>,
        /// Relative change of c with half of the random columns (times).
        pub column_change: Array1<f64>,
        /// `|b|^2 / c` (times).
        pub bias_ratio: Array1<f64>,
        /// Share of the squared tangent vectors that the largest hundredth of the particles holds (times).
        pub largest_share: Array1<f64>,
        /// Share of `S^2` that the columns contain (times).
        pub bare_ratio: Array1<f64>,
        /// The law of N times the largest square distance of the predictions over the recording times (4).
        pub supremum: Array1<f64>,
        /// The law of N times the square distance of the predictions at the last recording time (4).
        pub function_law: Array1<f64>,
        /// 5 % quantile of the loss gap (widths, times).
        pub gap_low: Array2<f64>,
        /// 95 % quantile of the loss gap (widths, times).
        pub gap_high: Array2<f64>,
        /// Mean change of the loss where half of the neurons are kept (widths, times).
        pub dropout: Array2<f64>,
        /// The law of that change at the last recording time, over networks and sets (widths, 4).
        pub dropout_law: Array2<f64>,
        /// The law of the barrier of the constructive path at the last recording time (widths, 4).
        pub barrier: Array2<f64>,
    }
}

/// `records/predict.npz`.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictArrays {
    /// Widths N (widths).
    pub widths: Array1<f64>,
    /// Recording times (times).
    pub times: Array1<f64>,
    /// From the tangent cloud.
    pub whole: PredictedArrays,
    /// From the first half of its starts, to estimate the error.
    pub half: PredictedArrays,
}

const ARRAYS: &str = "records/predict.npz";

/// Prefix of the names of the arrays from half of the cloud.
const HALF: &str = "half_";

impl PredictArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), NpzError> {
        let mut arrays = Arrays::default();
        self.widths.push("widths", &mut arrays);
        self.times.push("times", &mut arrays);
        self.whole.push("", &mut arrays);
        self.half.push(HALF, &mut arrays);
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, NpzError> {
        let stored = StoredArrays::read(&folder.file(ARRAYS))?;
        Ok(PredictArrays {
            widths: stored.shaped("widths")?,
            times: stored.shaped("times")?,
            whole: PredictedArrays::load("", &stored)?,
            half: PredictedArrays::load(HALF, &stored)?,
        })
    }
}
