//! The errors of predictions, and the guards.

use super::PredictArrays;
use super::quantity::PredictedQuantity;
use super::record::PredictedArrays;
use super::total::NetworkSetting;

/// Largest relative change of a prediction with half of the particles.
const LARGEST_CHANGE: f64 = 0.05;

/// Largest relative standard error of c that the random columns leave.
const LARGEST_COLUMN_ERROR: f64 = 0.05;

/// Largest `|b|^2 / (N c)`: the second order must be small beside the first. Narrower networks are not predicted.
const LARGEST_BIAS: f64 = 0.05;

/// The same for laws of the loss, whose tails are more sensitive to the second order.
const LARGEST_BIAS_OF_LOSS: f64 = 0.02;

/// Largest share of the squared tangent vectors that a hundredth of the particles may hold.
const LARGEST_SHARE: f64 = 0.25;

/// Largest difference between the average of the tangent cloud and the field of the grid that it follows, relative to
/// the labels.
const LARGEST_DISTANCE: f64 = 0.05;

/// Largest relative difference between the bare variance of the columns and that of the cloud.
const LARGEST_LOSS_OF_COLUMNS: f64 = 0.03;

/// Share of a sum up to which a part does not matter; parts are differences of sums, with their rounding errors.
const NEGLIGIBLE: f64 = 1e-9;

/// Largest relative standard error that the part of mini-batches may give to a sum.
const LARGEST_BATCH_ERROR: f64 = 0.1;

/// How far predictions can be trusted.
pub(super) struct Trust<'a> {
    /// The predictions.
    pub arrays: &'a PredictArrays,
    /// Draws from a law.
    pub draws: usize,
    /// Quantities that are not predicted for these networks, with the reason.
    pub left_out: &'a [(PredictedQuantity, &'static str)],
}

impl Trust<'_> {
    /// The narrowest width at which the second order is small enough for a quantity; NaN where that is not known.
    pub fn least_width(&self, quantity: PredictedQuantity) -> f64 {
        let ratios = &self.arrays.whole.bias_ratio;
        let largest = match quantity {
            PredictedQuantity::LossDeviation => LARGEST_BIAS_OF_LOSS,
            _ if quantity.has_response() => LARGEST_BIAS,
            _ => return 0.0,
        };
        ratios[ratios.len() - 1] / largest
    }

    /// Whether a quantity is predicted for networks of width `n`, as far as the second order is concerned.
    pub fn predicts_width(&self, quantity: PredictedQuantity, n: f64) -> bool {
        n >= self.least_width(quantity)
    }

    /// The largest relative change of a prediction, over the widths for which it is made, with half of the particles.
    fn cloud_change(&self, quantity: PredictedQuantity) -> f64 {
        let PredictArrays { widths, whole, half, .. } = self.arrays;
        let widths = widths.to_vec();
        let predicted = widths.iter().filter(|&&n| self.predicts_width(quantity, n));
        let change = |&n: &f64| {
            let of = |cloud: &PredictedArrays| quantity.predicted(&widths, cloud, n, 1.0 / n);
            (of(half) / of(whole) - 1.0).abs()
        };
        // A change that is not a number is larger than all.
        predicted.map(change).fold(0.0, |most, change| if change <= most { most } else { change })
    }

    /// The error that the random columns leave, for quantities that are sums over columns.
    fn column_error(&self, quantity: PredictedQuantity) -> f64 {
        let errors = &self.arrays.whole.column_error;
        if quantity.has_response() { errors[errors.len() - 1] } else { 0.0 }
    }

    /// The standard error of a prediction divided by the prediction: the change with half of the particles, the error of
    /// the random columns, and the sampling error of a law.
    pub fn relative_error(&self, quantity: PredictedQuantity) -> f64 {
        let sampling = quantity.sampling_error(self.arrays, self.draws);
        self.cloud_change(quantity).hypot(self.column_error(quantity)).hypot(sampling)
    }

    /// Why a quantity is not predicted, where it is not.
    pub fn broken(&self, quantity: PredictedQuantity) -> Option<String> {
        let PredictArrays { widths, whole, .. } = self.arrays;
        let last = whole.variance.len() - 1;
        let percent = |v: f64| format!("{:.1} %", 100.0 * v);
        // Two draws of a sampled mean differ by their own error.
        let allowed = LARGEST_CHANGE + 2.0 * quantity.sampling_error(self.arrays, self.draws);
        let (cloud, column) = (self.cloud_change(quantity), self.column_error(quantity));
        let (share, bare) = (whole.largest_share[last], whole.bare_ratio[last]);
        let widest = widths.iter().copied().fold(0.0, f64::max);
        // What is not a number exceeds every limit.
        let exceeds = |value: f64, limit: f64| value.is_nan() || value > limit;
        let left_out: Vec<String> =
            self.left_out.iter().filter(|(of, _)| *of == quantity).map(|(_, why)| why.to_string()).collect();
        if !left_out.is_empty() {
            return Some(left_out.join("; "));
        }
        let mut reasons = Vec::new();
        if exceeds(cloud, allowed) {
            reasons.push(format!("it changes by {} with half of the particles", percent(cloud)));
        }
        if exceeds(column, LARGEST_COLUMN_ERROR) {
            reasons.push(format!("the random columns leave c uncertain by {}", percent(column)));
        }
        if quantity.has_response() && exceeds(share, LARGEST_SHARE) {
            reasons.push(format!("1 % of the particles hold {} of the squared tangent vectors", percent(share)));
        }
        if !self.predicts_width(quantity, widest) {
            let bias = percent(whole.bias_ratio[last] / widest);
            reasons.push(format!("the second order is {bias} of the first at N = {widest}, the widest predicted"));
        }
        if exceeds((bare - 1.0).abs(), LARGEST_LOSS_OF_COLUMNS) {
            reasons.push(format!("the columns contain {} of the bare variance", percent(bare)));
        }
        if let Some(&distance) = self.arrays.given_distance.first().filter(|&&v| exceeds(v, LARGEST_DISTANCE)) {
            reasons.push(format!(
                "the average of the tangent cloud differs from the field of the grid, which it follows, by {} of the labels",
                percent(distance)
            ));
        }
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// The relative error of `c'`: over its columns, and with half of the particles.
    fn batch_error(&self) -> f64 {
        let (Some(whole), Some(half)) = (&self.arrays.batch, &self.arrays.half_batch) else { return f64::NAN };
        let last = whole.variance.len() - 1;
        whole.error[last].hypot(half.variance[last] / whole.variance[last] - 1.0)
    }

    /// The shares of the starts and of mini-batches in the mean square distance at the end, over some settings.
    fn shares(&self, settings: &[NetworkSetting]) -> (f64, f64) {
        let function = PredictedQuantity::Function;
        let share = |setting: &NetworkSetting| {
            let (total, batch) =
                (self.arrays.total(function, *setting), self.arrays.batch_square(setting.step, setting.batch));
            ((total - batch - self.arrays.step_square(setting.step)) / total, batch / total)
        };
        let shares: Vec<(f64, f64)> =
            settings.iter().map(share).filter(|(starts, batches)| (starts + batches).is_finite()).collect();
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| shares.iter().map(of).sum::<f64>() / shares.len() as f64;
        (mean(&|share| share.0), mean(&|share| share.1))
    }

    /// The standard error of a sum of all parts divided by the sum: that of every part, by its share.
    pub fn total_error(&self, quantity: PredictedQuantity, settings: &[NetworkSetting]) -> f64 {
        let (starts, batches) = self.shares(settings);
        let of = |share: f64, error: f64| if share > 0.0 { share * error } else { 0.0 };
        of(starts, self.relative_error(quantity)).hypot(of(batches, self.batch_error()))
    }

    /// Why a sum of all parts is not predicted, where it is not.
    pub fn broken_total(&self, quantity: PredictedQuantity, settings: &[NetworkSetting]) -> Option<String> {
        if self.arrays.step.is_none() {
            return Some("the part of the step is not predicted at a positive temperature".into());
        }
        if self.arrays.batch.is_none() && settings.iter().any(|setting| setting.batch.is_finite()) {
            return Some("the noise of mini-batches is predicted by tangent vectors alone, and not by pairs".into());
        }
        let (starts, batches) = self.shares(settings);
        let mut reasons: Vec<String> = self.broken(quantity).into_iter().filter(|_| starts > NEGLIGIBLE).collect();
        let error = batches * self.batch_error();
        if batches > 0.0 && (error.is_nan() || error > LARGEST_BATCH_ERROR) {
            reasons.push(format!("the noise of mini-batches leaves it uncertain by {:.1} %", 100.0 * error));
        }
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}
