//! The quantities that are compared with networks.

use super::PredictArrays;
use super::record::PredictedArrays;
use crate::analysis::repetition::Repetition;
use crate::choice::choice;

choice! {
    /// A quantity whose prediction is compared with networks; the name is the end of the name of its check.
    pub enum PredictedQuantity: "quantity" {
        /// Mean square distance of the predictions at the end.
        Function = "function",
        /// Mean of the largest square distance of the predictions over time.
        FunctionSup = "function-sup",
        /// Mean loss gap at the end.
        LossMean = "loss-mean",
        /// Standard deviation of the loss at the end.
        LossDeviation = "loss-deviation",
        /// Mean square coupling distance at the end.
        Coupling = "coupling",
        /// Mean change of the loss where half of the neurons are kept, at the end.
        Dropout = "dropout",
        /// Mean barrier of the constructive path at the end.
        Barrier = "barrier",
    }
}

impl PredictedQuantity {
    /// The quantity in words, in statements.
    pub fn words(self) -> &'static str {
        match self {
            PredictedQuantity::Function => "E |f_N - f_rho|^2 at T",
            PredictedQuantity::FunctionSup => "E sup_t |f_N - f_rho|^2",
            PredictedQuantity::LossMean => "the mean of the loss gap at T",
            PredictedQuantity::LossDeviation => "the standard deviation of the loss at T",
            PredictedQuantity::Coupling => "the mean square coupling distance at T",
            PredictedQuantity::Dropout => "the mean loss added by keeping a random half of the neurons at T",
            PredictedQuantity::Barrier => "the mean barrier of the constructive path through the first halves at T",
        }
    }

    /// What its measured mean is over.
    pub fn over(self) -> Repetition {
        match self {
            PredictedQuantity::Function
            | PredictedQuantity::FunctionSup
            | PredictedQuantity::LossMean
            | PredictedQuantity::LossDeviation
            | PredictedQuantity::Coupling
            | PredictedQuantity::Dropout => Repetition::Seed,
            PredictedQuantity::Barrier => Repetition::Pair,
        }
    }

    /// The prediction of one cloud for networks of width `n`, at `u`: `1/N`, or `1/N - 1/M` for networks that are
    /// coupled to a reference of M particles. NaN where the width is needed and not among the predicted ones.
    pub fn predicted(self, widths: &[f64], cloud: &PredictedArrays, n: f64, u: f64) -> f64 {
        let last = cloud.variance.len() - 1;
        let row = widths.iter().position(|&width| width == n);
        // 1/N^2, or 1/N^2 - 1/M^2.
        let second = u * (2.0 / n - u);
        match self {
            PredictedQuantity::Function => u * cloud.variance[last] + second * cloud.variance_second[last],
            PredictedQuantity::FunctionSup => u * cloud.supremum[0] + second * cloud.variance_second[largest(cloud)],
            PredictedQuantity::LossMean => u * cloud.gap_mean[last] + second * cloud.gap_mean_second[last],
            PredictedQuantity::LossDeviation => (u * cloud.gap_linear[last] + u * u * cloud.gap_square[last]).sqrt(),
            PredictedQuantity::Coupling => u * cloud.coupling[last],
            PredictedQuantity::Dropout => row.map_or(f64::NAN, |row| cloud.dropout[[row, last]]),
            PredictedQuantity::Barrier => row.map_or(f64::NAN, |row| cloud.barrier[[row, 0]]),
        }
    }

    /// The relative error of a mean over draws from a law.
    pub fn sampling_error(self, arrays: &PredictArrays, draws: usize) -> f64 {
        let of = |mean: f64, deviation: f64| (deviation / mean).abs() / (draws as f64).sqrt();
        match self {
            PredictedQuantity::FunctionSup => of(arrays.whole.supremum[0], arrays.whole.supremum[1]),
            PredictedQuantity::Barrier => {
                arrays.whole.barrier.outer_iter().map(|law| of(law[0], law[1])).fold(0.0, f64::max)
            }
            PredictedQuantity::Function
            | PredictedQuantity::LossMean
            | PredictedQuantity::LossDeviation
            | PredictedQuantity::Coupling
            | PredictedQuantity::Dropout => 0.0,
        }
    }

    /// Whether the fluctuation `G` of the interacting dynamics enters, not the spread of the features alone.
    pub fn has_response(self) -> bool {
        self != PredictedQuantity::Dropout
    }
}

/// The recording time at which c is largest.
fn largest(cloud: &PredictedArrays) -> usize {
    (0..cloud.variance.len()).max_by(|&a, &b| cloud.variance[a].total_cmp(&cloud.variance[b])).unwrap_or(0)
}
