//! The ratio of a predicted to a measured quantity, pooled over widths, with its error over seeds.

use super::estimate::Estimate;
use ndarray::{ArrayView2, Axis};
use std::fmt;

/// How the measurements of one width, one per seed, give the quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedStatistic {
    /// Their mean, positive; ratios are pooled over widths by geometric means.
    PositiveMean,
    /// Their mean, which can have either sign: measured are fitted to predicted values by a factor, with weights from the
    /// errors over seeds, so that widths at which the prediction is near zero count little.
    SignedMean,
    /// Their standard deviation; ratios are pooled over widths by geometric means.
    Deviation,
}

/// Why there is no ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatioFailure {
    /// There are fewer than three seeds for which every width was measured.
    Seeds {
        /// Seeds that can be used.
        usable: usize,
    },
    /// The measured quantity, or its prediction, is not positive.
    Sign,
}

impl fmt::Display for RatioFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RatioFailure::Seeds { usable } => write!(f, "{usable} usable seeds: an error needs at least 3"),
            RatioFailure::Sign => f.write_str("the measured or the predicted quantity is not positive"),
        }
    }
}

/// The ratio of predicted to measured.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictedRatio {
    /// The logarithm of the pooled ratio, with its error over seeds and that of the prediction.
    pub logarithm: Estimate,
    /// The ratio at every width (widths).
    pub by_width: Vec<f64>,
    /// The measured quantity at every width (widths).
    pub measured: Vec<f64>,
    /// The standard error over seeds of each (widths).
    pub errors: Vec<f64>,
    /// Seeds that were used.
    pub seeds: usize,
}

impl SeedStatistic {
    /// The quantity of some seeds of one width.
    fn of(self, values: &[f64]) -> f64 {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        match self {
            SeedStatistic::PositiveMean | SeedStatistic::SignedMean => mean,
            SeedStatistic::Deviation => (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt(),
        }
    }

    /// The logarithm of the ratio pooled over widths, of measured quantities; NaN where it has none. `variances` are those
    /// of the measured quantities.
    fn pool(self, predicted: &[f64], measured: &[f64], variances: &[f64]) -> f64 {
        let pairs = predicted.iter().zip(measured);
        let count = predicted.len() as f64;
        match self {
            SeedStatistic::PositiveMean | SeedStatistic::Deviation => {
                pairs.map(|(p, m)| (p / m).ln()).sum::<f64>() / count
            }
            SeedStatistic::SignedMean => {
                // Without errors every width counts alike.
                let exact = variances.iter().any(|&variance| variance <= 0.0);
                let weight = |(p, variance): (&f64, &f64)| if exact { 1.0 / (p * p) } else { 1.0 / variance };
                let weights: Vec<f64> = predicted.iter().zip(variances).map(weight).collect();
                let (mut products, mut squares) = (0.0, 0.0);
                for ((p, m), weight) in pairs.zip(&weights) {
                    products += weight * p * m;
                    squares += weight * p * p;
                }
                (squares / products).ln()
            }
        }
    }
}

impl PredictedRatio {
    /// The pooled ratio.
    pub fn ratio(&self) -> f64 {
        self.logarithm.value.exp()
    }

    /// Its 95 % interval.
    pub fn interval(&self) -> (f64, f64) {
        let (low, high) = self.logarithm.interval(0.95);
        (low.exp(), high.exp())
    }

    /// The ratio of `predicted` (widths) to the statistic of `measured` (widths, seeds).
    ///
    /// The error over seeds is that of the jackknife, which leaves out one seed at all widths together: networks of
    /// equal seed start from common particles. `relative_error` is the standard error of the prediction divided by the
    /// prediction, common to all widths. The degrees of freedom are those of the seeds.
    ///
    /// # Errors
    /// [`RatioFailure`]: too few seeds, quantities that are not positive.
    pub fn new(
        predicted: &[f64],
        measured: ArrayView2<f64>,
        statistic: SeedStatistic,
        relative_error: f64,
    ) -> Result<Self, RatioFailure> {
        let usable: Vec<usize> =
            (0..measured.ncols()).filter(|&s| measured.column(s).iter().all(|v| v.is_finite())).collect();
        let seeds = usable.len();
        if seeds < 3 || predicted.is_empty() {
            return Err(RatioFailure::Seeds { usable: seeds });
        }
        let table = measured.select(Axis(1), &usable);
        let without = |left_out: Option<usize>| -> Vec<f64> {
            let kept = |row: ndarray::ArrayView1<f64>| -> Vec<f64> {
                row.iter().enumerate().filter(|(s, _)| Some(*s) != left_out).map(|(_, v)| *v).collect()
            };
            table.outer_iter().map(|row| statistic.of(&kept(row))).collect()
        };
        let whole = without(None);
        let variance = |row: ndarray::ArrayView1<f64>| SeedStatistic::Deviation.of(&row.to_vec()).powi(2);
        let variances: Vec<f64> = table.outer_iter().map(variance).collect();
        let value = statistic.pool(predicted, &whole, &variances);
        let replicates: Vec<Vec<f64>> = (0..seeds).map(|s| without(Some(s))).collect();
        let pooled: Vec<f64> =
            replicates.iter().map(|measured| statistic.pool(predicted, measured, &variances)).collect();
        if !value.is_finite() || pooled.iter().any(|v| !v.is_finite()) {
            return Err(RatioFailure::Sign);
        }
        let errors = (0..predicted.len())
            .map(|w| jackknife_error(&replicates.iter().map(|measured| measured[w]).collect::<Vec<_>>()))
            .collect();
        Ok(PredictedRatio {
            logarithm: Estimate {
                value,
                standard_error: jackknife_error(&pooled).hypot(relative_error),
                degrees_of_freedom: (seeds - 1) as f64,
            },
            by_width: predicted.iter().zip(&whole).map(|(p, m)| p / m).collect(),
            measured: whole,
            errors,
            seeds,
        })
    }
}

/// The standard error by the jackknife from the estimates that leave out one seed each.
fn jackknife_error(replicates: &[f64]) -> f64 {
    let count = replicates.len() as f64;
    let mean = replicates.iter().sum::<f64>() / count;
    ((count - 1.0) / count * replicates.iter().map(|v| (v - mean).powi(2)).sum::<f64>()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn one_width_gives_students_error_of_a_mean() {
        let measured = array![[1.0, 2.0, 3.0, f64::NAN]];
        let ratio = PredictedRatio::new(&[4.0], measured.view(), SeedStatistic::PositiveMean, 0.0).unwrap();
        assert_eq!((ratio.seeds, ratio.by_width[0], ratio.measured[0]), (3, 2.0, 2.0));
        assert!((ratio.logarithm.value - 2.0_f64.ln()).abs() < 1e-15);
        // The jackknife of a mean is the standard error of the mean, 1 / sqrt(3).
        assert!((ratio.errors[0] - 1.0 / 3.0_f64.sqrt()).abs() < 1e-12);
        let wider = PredictedRatio::new(&[4.0], measured.view(), SeedStatistic::PositiveMean, 1.0).unwrap();
        assert!((wider.logarithm.standard_error.powi(2) - ratio.logarithm.standard_error.powi(2) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn widths_are_pooled() {
        let measured = array![[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]];
        let pooled = |statistic| PredictedRatio::new(&[2.0, 2.0], measured.view(), statistic, 0.0).unwrap().logarithm;
        assert!((pooled(SeedStatistic::PositiveMean).value - 0.5 * 2.0_f64.ln()).abs() < 1e-15);
        assert!((pooled(SeedStatistic::SignedMean).value + 0.75_f64.ln()).abs() < 1e-15);
        let signed = array![[-1.0, -1.0, -1.0], [4.0, 4.0, 4.0]];
        let ratio = |statistic| PredictedRatio::new(&[2.0, 2.0], signed.view(), statistic, 0.0);
        assert_eq!(ratio(SeedStatistic::PositiveMean), Err(RatioFailure::Sign));
        assert!(ratio(SeedStatistic::SignedMean).is_ok());
        let few = PredictedRatio::new(&[2.0], array![[1.0, 1.0]].view(), SeedStatistic::PositiveMean, 0.0);
        assert_eq!(few, Err(RatioFailure::Seeds { usable: 2 }));
    }
}
