//! Signs that a prediction is not to be trusted.

use super::propagate::Fluctuations;
use super::record::square_norm;

/// Indicators of the quality of a prediction at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictionGuards {
    /// The relative change of c where only half of the random columns are used; NaN with fewer than two.
    pub column_change: f64,
    /// `|b|^2 / c`: divided by N it compares the second order with the first. NaN without the second order.
    pub bias_ratio: f64,
    /// The share of the squared tangent vectors that the largest hundredth of the particles holds.
    pub largest_share: f64,
    /// `sum_k |g^k|^2 / S^2`, 1 where the columns are complete.
    pub bare_ratio: f64,
}

impl Fluctuations {
    /// The indicators at recording time `index`.
    pub fn guards(&self, index: usize) -> PredictionGuards {
        let record = &self.records[index];
        let samples = self.samples as f64;
        let c = record.variance(self.samples);
        let random = self.columns() - self.modes;
        let part =
            |columns: std::ops::Range<usize>| square_norm(&record.field.slice(ndarray::s![.., columns]).to_owned());
        let half = random / 2;
        let halved =
            (part(0..self.modes) + random as f64 / half as f64 * part(self.modes..self.modes + half)) / samples;
        let bias = record.bias.as_ref().map(|b| b.iter().map(|b| b * b).sum::<f64>() / samples);
        PredictionGuards {
            column_change: if half > 0 { halved / c - 1.0 } else { f64::NAN },
            bias_ratio: bias.map_or(f64::NAN, |b| b / c),
            largest_share: record.largest_share(),
            bare_ratio: self.bare_ratio(index),
        }
    }

    /// The share of the bare variance that the columns contain; of two hidden layers, the share that is farther from 1.
    fn bare_ratio(&self, index: usize) -> f64 {
        let last = self.records[index].bare_variance(self.samples) / self.records[index].spread;
        let first = self.paired.as_ref().and_then(|parts| parts.first_layer.as_ref());
        let first = first.map(|layer| square_norm(&layer.bare[index]) / self.samples as f64 / layer.spread[index]);
        first.filter(|first| (last - 1.0).abs() < (first - 1.0).abs() || first.is_nan()).unwrap_or(last)
    }
}
