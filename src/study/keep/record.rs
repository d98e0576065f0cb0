//! The records of the study of kept neurons.

use crate::fluctuation::SpreadPrediction;
use crate::record::npz::{ArrayRecord, Arrays, NpzError, StoredArrays, array_record};
use crate::record::{RecordError, RunFolder};
use ndarray::{Array1, Array2, Array3};
use serde::{Deserialize, Serialize};

/// `records/keep.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeepRecord {
    /// Whether the quadratic model of the loss is exact (half-squared loss), or an upper bound only.
    pub exact: bool,
    /// The largest relative damping that was used; null where no network was eliminated.
    pub damping: Option<f64>,
    /// Networks for which it is larger than requested.
    pub raised: usize,
    /// Networks whose neurons could not be eliminated, as no damping made the moment positive definite.
    pub singular: Vec<String>,
    /// Spread `S^2` of the features of the limit at the horizon, and its standard error; null without particles.
    pub limit: Option<LimitSpread>,
}

/// The spread of the features of the limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LimitSpread {
    /// `S^2`.
    pub spread: f64,
    /// `N (E S_N^2 - S^2)`, N the neurons of the last hidden layer, where the study of predictions has found it.
    pub bias: Option<f64>,
    /// Its standard error, that of a mean over independent particles.
    pub error: f64,
}

impl LimitSpread {
    /// The mean change of the loss where `kept` of the `n` neurons of the last hidden layer are kept at random.
    pub(super) fn mean_cost(&self, n: f64, kept: f64) -> f64 {
        let bias = self.bias.unwrap_or(0.0);
        SpreadPrediction { limit: self.spread, bias, variance: 0.0 }.mean_cost(n as usize, kept as usize)
    }
}

const FILE: &str = "records/keep.json";

impl KeepRecord {
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
    /// `records/keep.npz`. Losses with M neurons of the last hidden layer are NaN where M >= N or they were not computed.
    pub struct KeepArrays {
        /// Widths N.
        pub widths[widths]: Array1<f64>,
        /// Numbers of neurons kept, M, per unit of width.
        pub kept[kept]: Array1<f64>,
        /// Neurons of the last hidden layer per unit of width.
        pub proportion[1]: Array1<f64>,
        /// Loss of the trained networks.
        pub loss[widths, seeds]: Array2<f64>,
        /// Loss of the trained networks, output weights of all neurons refitted.
        pub optimum[widths, seeds]: Array2<f64>,
        /// Spread `S^2` of their features.
        pub spread[widths, seeds]: Array2<f64>,
        /// Mean change of the loss over random sets, rescaled.
        pub change_mean[widths, seeds, kept]: Array3<f64>,
        /// Its standard error.
        pub change_error[widths, seeds, kept]: Array3<f64>,
        /// Skewness of the mean.
        pub change_skewness[widths, seeds, kept]: Array3<f64>,
        /// Its closed form.
        pub change_predicted[widths, seeds, kept]: Array3<f64>,
        /// Mean loss over random sets, output weights refitted.
        pub random_refit[widths, seeds, kept]: Array3<f64>,
        /// Loss with the first M neurons, rescaled.
        pub first[widths, seeds, kept]: Array3<f64>,
        /// The same, output weights refitted.
        pub first_refit[widths, seeds, kept]: Array3<f64>,
        /// Loss with the M neurons of largest contribution, with their trained weights.
        pub largest[widths, seeds, kept]: Array3<f64>,
        /// The same, output weights refitted.
        pub largest_refit[widths, seeds, kept]: Array3<f64>,
        /// Loss with the M neurons that the optimal brain surgeon keeps, with its weights.
        pub greedy[widths, seeds, kept]: Array3<f64>,
        /// The same, output weights refitted.
        pub greedy_refit[widths, seeds, kept]: Array3<f64>,
        /// The value of the quadratic model after the elimination: its minimum plus the costs.
        pub greedy_model[widths, seeds, kept]: Array3<f64>,
        /// The part of that value that is damping.
        pub greedy_penalty[widths, seeds, kept]: Array3<f64>,
    }
}

const ARRAYS: &str = "records/keep.npz";

impl KeepArrays {
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
        KeepArrays::load("", &StoredArrays::read(&folder.file(ARRAYS))?)
    }
}
