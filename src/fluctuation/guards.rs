//! Signs that a prediction is not to be trusted.

use super::paired_parts::FirstLayer;
use super::propagate::Fluctuations;
use super::record::{FluctuationRecord, square_norm};
use ndarray::Array2;

/// Indicators of the quality of a prediction at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictionGuards {
    /// The relative standard error of c that the random columns leave; NaN with fewer than two.
    pub column_error: f64,
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
        let bias = record.bias.as_ref().map(|b| b.iter().map(|b| b * b).sum::<f64>() / samples);
        PredictionGuards {
            column_error: self.column_error(record),
            bias_ratio: bias.map_or(f64::NAN, |b| b / c),
            largest_share: record.largest_share(),
            bare_ratio: self.bare_ratio(index),
        }
    }

    /// The standard error of `c`, a sum over independent random columns beside the modes, divided by `c`. The columns are
    /// scaled so that their bare variance over time is exact: what varies is the part of `|G^k|^2` that is not
    /// proportional to it. Columns of two hidden layers alternate, and one of each is a term.
    fn column_error(&self, record: &FluctuationRecord) -> f64 {
        let layers = if self.first_layer().is_some() { 2 } else { 1 };
        let random = self.modes..self.columns();
        let draws = random.len() / layers;
        if draws < 2 {
            return f64::NAN;
        }
        let square = |field: &Array2<f64>, k: usize| field.column(k).fold(0.0, |sum, v| sum + v * v);
        let first = self.first_layer().map_or(&[][..], |layer| &layer.bare[..]);
        let bare_fields = || self.records.iter().map(|record| &record.bare).chain(first);
        let bare: Vec<f64> = random.clone().map(|k| bare_fields().map(|field| square(field, k)).sum()).collect();
        let mut terms = vec![0.0; draws];
        for layer in 0..layers {
            let of_layer = || random.clone().skip(layer).step_by(layers);
            let squares: Vec<f64> = of_layer().map(|k| square(&record.field, k)).collect();
            let bare: Vec<f64> = of_layer().map(|k| bare[k - self.modes]).collect();
            let sum = bare.iter().sum::<f64>();
            let slope = if sum > 0.0 { squares.iter().sum::<f64>() / sum } else { 0.0 };
            for (term, (square, bare)) in terms.iter_mut().zip(squares.iter().zip(&bare)) {
                *term += square - slope * bare;
            }
        }
        let count = draws as f64;
        let mean = terms.iter().sum::<f64>() / count;
        let variance = terms.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (count * variance).sqrt() / square_norm(&record.field)
    }

    fn first_layer(&self) -> Option<&FirstLayer> {
        self.paired.as_ref().and_then(|parts| parts.first_layer.as_ref())
    }

    /// The share of the bare variance that the columns contain; of two hidden layers, the share that is farther from 1.
    fn bare_ratio(&self, index: usize) -> f64 {
        let last = self.records[index].bare_variance(self.samples) / self.records[index].spread;
        let first =
            self.first_layer().map(|layer| square_norm(&layer.bare[index]) / self.samples as f64 / layer.spread[index]);
        first.filter(|first| (last - 1.0).abs() < (first - 1.0).abs() || first.is_nan()).unwrap_or(last)
    }
}
