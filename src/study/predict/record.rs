//! The records of the study of predictions.

use super::PredictionRoute;
use crate::fluctuation::DeviationResponses;
use crate::record::npz::{ArrayRecord, Arrays, NpzError, StoredArrays, array_record};
use crate::record::{RecordError, RunFolder};
use ndarray::{Array1, Array2, Array3, Array4};
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
    /// The same for the law of the loss.
    pub least_width_of_loss: f64,
    /// Whether all neurons start at one point and remain equal: nothing is predicted, as nothing fluctuates.
    #[serde(default)]
    pub no_spread: bool,
    /// Quantities that are not predicted, each with the reason.
    pub not_predicted: Vec<(String, String)>,
    /// The ratios of predicted to measured quantities.
    pub ratios: Vec<RatioRecord>,
    /// Step eps of the networks.
    pub trained_step: f64,
    /// Their samples per step; null for the full gradient.
    pub trained_batch: Option<usize>,
    /// The ratios of groups of networks whose steps or batches vary.
    pub group_ratios: Vec<RatioRecord>,
}

/// The ratio of a predicted to a measured quantity, for the networks of a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RatioRecord {
    /// The group; empty in records of earlier versions, which have it for sweeps alone.
    #[serde(default)]
    pub group: String,
    /// The quantity, as in the name of its check.
    pub quantity: String,
    /// Widths N, steps or batch sizes of the networks (values).
    #[serde(alias = "widths")]
    pub values: Vec<f64>,
    /// The predicted quantity (values); NaN where it is not predicted.
    pub predicted: Vec<f64>,
    /// The measured quantity (values); empty where it was not measured.
    pub measured: Vec<f64>,
    /// Its standard error over seeds (values).
    pub errors: Vec<f64>,
    /// The standard error of the prediction, divided by the prediction.
    pub relative_error: f64,
    /// The ratio pooled over the values that are predicted, NaN where there is none.
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

    /// The narrowest networks for which a quantity is predicted.
    pub fn least_width_for(&self, quantity: &str) -> f64 {
        match quantity {
            "dropout" => 0.0,
            "loss-deviation" => self.least_width_of_loss,
            _ => self.least_width,
        }
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
        pub variance[times]: Array1<f64>,
        /// `N^2` times what the interaction of two hidden layers adds to that distance; 0 with one (times).
        pub variance_second[times]: Array1<f64>,
        /// `c1`, `c2`: the same as c for the neurons of each hidden layer, times the neurons of that layer (layers,
        /// times).
        pub layer_variance[layers, times]: Array2<f64>,
        /// `c12`: N1 N2 times the part of the distance that is the interaction of two hidden layers; 0 with one (times).
        pub layer_interaction[times]: Array1<f64>,
        /// `S^2`, the bare variance: that of independent particles of the limit, the neurons of the last hidden layer
        /// (times).
        pub spread[times]: Array1<f64>,
        /// N times the bias of `S_N^2` (times).
        pub spread_bias[times]: Array1<f64>,
        /// N times the variance of `S_N^2` (times).
        pub spread_variance[times]: Array1<f64>,
        /// `<e, b> + lambda/2 E Q_2`, the part of [`PredictedArrays::gap_mean`] that is due to the mean second order
        /// (times).
        pub gap_bias[times]: Array1<f64>,
        /// N times the mean gap of the risk (times).
        pub gap_mean[times]: Array1<f64>,
        /// `N^2` times what the interaction of two hidden layers adds to the mean gap; 0 with one (times).
        pub gap_mean_second[times]: Array1<f64>,
        /// N times the leading variance of the gap, `E (<e, G> + lambda/2 Q_1)^2` (times).
        pub gap_linear[times]: Array1<f64>,
        /// `N^2` times its second part: that of `<l'' G, G> / 2`, and of the interaction of two hidden layers (times).
        pub gap_square[times]: Array1<f64>,
        /// N times the mean square coupling distance (times).
        pub coupling[times]: Array1<f64>,
        /// Relative change of c with half of the random columns (times).
        pub column_error[times]: Array1<f64>,
        /// `|b|^2 / c` (times).
        pub bias_ratio[times]: Array1<f64>,
        /// Share of the squared tangent vectors that the largest hundredth of the particles holds (times).
        pub largest_share[times]: Array1<f64>,
        /// Share of `S^2` that the columns contain (times).
        pub bare_ratio[times]: Array1<f64>,
        /// The law of N times the largest square distance of the predictions over the recording times (4).
        pub supremum[4]: Array1<f64>,
        /// The law of N times the square distance of the predictions at the last recording time (4).
        pub function_law[4]: Array1<f64>,
        /// 5 % quantile of the loss gap (widths, times).
        pub gap_low[widths, times]: Array2<f64>,
        /// 95 % quantile of the loss gap (widths, times).
        pub gap_high[widths, times]: Array2<f64>,
        /// Mean change of the loss where half of the neurons are kept (widths, times).
        pub dropout[widths, times]: Array2<f64>,
        /// The law of that change at the last recording time, over networks and sets (widths, 4).
        pub dropout_law[widths, 4]: Array2<f64>,
        /// The law of the barrier of the constructive path at the last recording time (widths, 4).
        pub barrier[widths, 4]: Array2<f64>,
    }
}

array_record! {
    /// The part of the step: the limit by the networks' method and step less the limit in continuous time.
    pub struct StepTermArrays {
        /// Steps eps, increasing (steps).
        pub values[steps]: Array1<f64>,
        /// Distance of the predictions (steps, times).
        pub function[steps, times]: Array2<f64>,
        /// Difference of the loss (steps, times).
        pub loss[steps, times]: Array2<f64>,
        /// Root mean square distance of the particles (steps, times).
        pub coupling[steps, times]: Array2<f64>,
        /// Order in the step, from the networks' own step and half of it (times).
        pub order[times]: Array1<f64>,
    }
}

array_record! {
    /// The part of mini-batches, in units of `eps / B` (eps the step, B the batch size).
    pub struct BatchArrays {
        /// `c'`: the mean square distance of the predictions (times).
        pub variance[times]: Array1<f64>,
        /// The mean loss gap (times).
        pub gap_mean[times]: Array1<f64>,
        /// The leading variance of the loss gap, `E <e, G'>^2` (times).
        pub gap_linear[times]: Array1<f64>,
        /// The mean square coupling distance (times).
        pub coupling[times]: Array1<f64>,
        /// The bias of the spread `S^2` (times).
        pub spread_bias[times]: Array1<f64>,
        /// Relative standard error of `c'` over the columns (times).
        pub error[times]: Array1<f64>,
        /// The law of the largest square distance of the predictions over the recording times (4).
        pub supremum[4]: Array1<f64>,
    }
}

array_record! {
    /// Draws of the deviation by width, step and mini-batches, `eps h + G / sqrt N + sqrt(eps / B) G' + b / N + b' eps / B`.
    pub struct DeviationArrays {
        /// `|h|^2, |G|^2, |G'|^2, <h, G>, <h, G'>, <G, G'>` at every recording time (draws, times, 6).
        pub distances[draws, times, 6]: Array3<f64>,
        /// `<e, F>` of F = h, G, G', g, b, b' at the end, g the fluctuation of independent particles (draws, 6).
        pub slopes[draws, 6]: Array2<f64>,
        /// `<l'' F, F>` of the same (draws, 6, 6).
        pub curvature[draws, 6, 6]: Array3<f64>,
    }
}

impl DeviationArrays {
    /// Whether these are so many draws at so many recording times.
    pub(super) fn fits(&self, draws: usize, times: usize) -> bool {
        let fields = DeviationResponses::FIELDS;
        self.distances.dim() == (draws, times, 6)
            && self.slopes.dim() == (draws, fields)
            && self.curvature.dim() == (draws, fields, fields)
    }
}

array_record! {
    /// The sum of all parts, for every width N, step eps and batch size B. A law is given by its mean and its 95 %
    /// quantile (2).
    pub struct TotalArrays {
        /// Batch sizes B (batches), the first infinite: the full gradient.
        pub batches[batches]: Array1<f64>,
        /// The mean square distance of the predictions at the end (widths, steps, batches).
        pub function[widths, steps, batches]: Array3<f64>,
        /// The law of the largest distance of the predictions over the recording times (widths, steps, batches, 2).
        pub supremum[widths, steps, batches, 2]: Array4<f64>,
        /// The law of the loss gap at the end (widths, steps, batches, 2).
        pub loss[widths, steps, batches, 2]: Array4<f64>,
        /// The law of the loss that is added by keeping a random half of the neurons, at the end (widths, steps, batches,
        /// 2).
        pub dropout[widths, steps, batches, 2]: Array4<f64>,
        /// The law of the barrier of the constructive path at the end (widths, steps, batches, 2).
        pub barrier[widths, steps, batches, 2]: Array4<f64>,
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
    /// The part of the step, where it is predicted.
    pub step: Option<StepTermArrays>,
    /// The part of mini-batches, where there are any.
    pub batch: Option<BatchArrays>,
    /// The same with half of the particles, to estimate the error.
    pub half_batch: Option<BatchArrays>,
    /// Draws of the deviation, where they are computed.
    pub draws: Option<DeviationArrays>,
    /// The sum of all parts, where the part of the step is predicted.
    pub totals: Option<TotalArrays>,
    /// Where the tangent cloud follows the field of a grid, the root mean square difference at the end of its average
    /// from that field, divided by that of the labels (1); empty otherwise.
    pub given_distance: Array1<f64>,
}

const ARRAYS: &str = "records/predict.npz";

/// Prefix of the names of the arrays from half of the cloud.
const HALF: &str = "half_";

/// Prefixes of the names of the arrays of the parts.
const STEP: &str = "step_";
const BATCH: &str = "batch_";
const HALF_BATCH: &str = "half_batch_";
const DRAWS: &str = "draws_";
const TOTAL: &str = "total_";

/// The record under a prefix; `None` where the file has no array with this prefix.
fn optional<A: ArrayRecord>(prefix: &str, stored: &StoredArrays) -> Result<Option<A>, NpzError> {
    let found = stored.names().any(|name| name.starts_with(prefix));
    found.then(|| A::load(prefix, stored)).transpose()
}

impl PredictArrays {
    /// Writes the arrays of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), NpzError> {
        let mut arrays = Arrays::default();
        arrays.push_named("widths", ["widths"], &self.widths);
        arrays.push_named("times", ["times"], &self.times);
        self.whole.push("", &mut arrays);
        self.half.push(HALF, &mut arrays);
        self.step.iter().for_each(|part| part.push(STEP, &mut arrays));
        self.batch.iter().for_each(|part| part.push(BATCH, &mut arrays));
        self.half_batch.iter().for_each(|part| part.push(HALF_BATCH, &mut arrays));
        self.draws.iter().for_each(|part| part.push(DRAWS, &mut arrays));
        self.totals.iter().for_each(|part| part.push(TOTAL, &mut arrays));
        arrays.push_named("given_distance", ["given_distance"], &self.given_distance);
        arrays.write(&folder.file(ARRAYS))
    }

    /// Reads the arrays of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, NpzError> {
        let stored = StoredArrays::read(&folder.file(ARRAYS))?;
        Ok(PredictArrays {
            widths: stored.on_axes("widths", &["widths"])?,
            times: stored.on_axes("times", &["times"])?,
            whole: PredictedArrays::load("", &stored)?,
            half: PredictedArrays::load(HALF, &stored)?,
            step: optional(STEP, &stored)?,
            batch: optional(BATCH, &stored)?,
            half_batch: optional(HALF_BATCH, &stored)?,
            draws: optional(DRAWS, &stored)?,
            totals: optional(TOTAL, &stored)?,
            given_distance: stored.on_axes("given_distance", &["given_distance"])?,
        })
    }
}
