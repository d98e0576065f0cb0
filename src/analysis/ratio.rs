//! The ratio of a predicted to a measured quantity, pooled over widths, with its error over seeds.

use super::estimate::Estimate;
use super::repetition::Repetition;
use ndarray::{ArrayView1, ArrayView2, Axis};

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
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RatioFailure {
    /// There are no predictions.
    Nothing,
    /// There are fewer than three seeds for which every width was measured.
    Seeds {
        /// Seeds that can be used.
        usable: usize,
    },
    /// Prediction and measurement have no ratio: their signs differ, or one is zero; of a quantity that is positive, one
    /// is not.
    Sign {
        /// The first width (index) at which that is so.
        row: usize,
        /// The prediction there.
        predicted: f64,
        /// The measured quantity there.
        measured: f64,
    },
    /// There is a ratio, and none without one of the seeds.
    Seed,
}

impl RatioFailure {
    /// The reason in words: `quantity` names the quantity, `over` the repetitions (seeds), `at` the width of an index, such
    /// as `N = 16`.
    pub fn words(self, quantity: &str, over: Repetition, at: impl Fn(usize) -> String) -> String {
        match self {
            RatioFailure::Nothing => format!("{quantity} has no prediction for these networks"),
            RatioFailure::Seeds { usable } => format!("{usable} usable {}: an error needs at least 3", over.plural()),
            RatioFailure::Sign { row, predicted, measured } => format!(
                "{quantity} is predicted as {predicted:.3e} and measured as {measured:.3e} at {}: a ratio needs equal signs",
                at(row)
            ),
            RatioFailure::Seed => {
                format!("{quantity}, as measured without one of the {}, has another sign than predicted", over.plural())
            }
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

    /// The measured quantity of every row of `table` (rows, seeds) over its finite values, and its standard error over
    /// seeds by the jackknife, NaN where there are too few.
    pub fn of_rows(self, table: ArrayView2<f64>) -> (Vec<f64>, Vec<f64>) {
        let one = |row: ArrayView1<f64>| {
            let finite: Vec<f64> = row.iter().copied().filter(|v| v.is_finite()).collect();
            let replicates: Vec<f64> = (0..finite.len()).map(|s| self.of(&without(&finite, s))).collect();
            (self.of(&finite), jackknife_error(&replicates))
        };
        table.outer_iter().map(one).unzip()
    }

    /// The first row at which prediction and measurement have no ratio.
    fn without_ratio(self, predicted: &[f64], measured: &[f64]) -> Option<RatioFailure> {
        let mut pairs = predicted.iter().zip(measured).enumerate();
        let found = pairs.find(|(_, (p, m))| match self {
            SeedStatistic::SignedMean => (**p * **m).is_nan() || **p * **m <= 0.0,
            SeedStatistic::PositiveMean | SeedStatistic::Deviation => !(**p > 0.0 && **m > 0.0),
        });
        found.map(|(row, (&predicted, &measured))| RatioFailure::Sign { row, predicted, measured })
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
        if predicted.is_empty() {
            return Err(RatioFailure::Nothing);
        }
        if seeds < 3 {
            return Err(RatioFailure::Seeds { usable: seeds });
        }
        let table = measured.select(Axis(1), &usable);
        let rows: Vec<Vec<f64>> = table.outer_iter().map(|row| row.to_vec()).collect();
        let whole: Vec<f64> = rows.iter().map(|row| statistic.of(row)).collect();
        let variances: Vec<f64> = rows.iter().map(|row| SeedStatistic::Deviation.of(row).powi(2)).collect();
        let value = statistic.pool(predicted, &whole, &variances);
        if !value.is_finite() {
            return Err(statistic.without_ratio(predicted, &whole).unwrap_or(RatioFailure::Seed));
        }
        let replicate = |s: usize| -> Vec<f64> { rows.iter().map(|row| statistic.of(&without(row, s))).collect() };
        let pooled: Vec<f64> = (0..seeds).map(|s| statistic.pool(predicted, &replicate(s), &variances)).collect();
        if pooled.iter().any(|v| !v.is_finite()) {
            return Err(RatioFailure::Seed);
        }
        Ok(PredictedRatio {
            logarithm: Estimate {
                value,
                standard_error: jackknife_error(&pooled).hypot(relative_error),
                degrees_of_freedom: (seeds - 1) as f64,
            },
            by_width: predicted.iter().zip(&whole).map(|(p, m)| p / m).collect(),
            seeds,
        })
    }
}

/// The values but the one of a seed.
fn without(values: &[f64], seed: usize) -> Vec<f64> {
    values.iter().enumerate().filter(|(s, _)| *s != seed).map(|(_, v)| *v).collect()
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
    use ndarray::{Array2, array};

    #[test]
    fn one_width_gives_students_error_of_a_mean() {
        let measured = array![[1.0, 2.0, 3.0, f64::NAN]];
        let ratio = PredictedRatio::new(&[4.0], measured.view(), SeedStatistic::PositiveMean, 0.0).unwrap();
        assert_eq!((ratio.seeds, ratio.by_width[0]), (3, 2.0));
        let (means, errors) = SeedStatistic::PositiveMean.of_rows(measured.view());
        assert_eq!(means, [2.0]);
        assert!((ratio.logarithm.value - 2.0_f64.ln()).abs() < 1e-15);
        // The jackknife of a mean is the standard error of the mean, 1 / sqrt(3).
        assert!((errors[0] - 1.0 / 3.0_f64.sqrt()).abs() < 1e-12);
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
        let failure = RatioFailure::Sign { row: 0, predicted: 2.0, measured: -1.0 };
        assert_eq!(ratio(SeedStatistic::PositiveMean), Err(failure));
        let words = failure.words("the gap", Repetition::Seed, |row| format!("N = {}", 16 << row));
        assert_eq!(
            words,
            "the gap is predicted as 2.000e0 and measured as -1.000e0 at N = 16: a ratio needs equal signs"
        );
        assert!(ratio(SeedStatistic::SignedMean).is_ok());
        // The pooled mean is positive, and negative without the first seed.
        let turned = array![[9.0, -1.0, -1.0]];
        let found = PredictedRatio::new(&[2.0], turned.view(), SeedStatistic::SignedMean, 0.0);
        assert_eq!(found, Err(RatioFailure::Seed));
        let nothing = PredictedRatio::new(&[], Array2::zeros((0, 9)).view(), SeedStatistic::PositiveMean, 0.0);
        assert_eq!(nothing, Err(RatioFailure::Nothing));
        let few = PredictedRatio::new(&[2.0], array![[1.0, 1.0]].view(), SeedStatistic::PositiveMean, 0.0);
        assert_eq!(few, Err(RatioFailure::Seeds { usable: 2 }));
    }
}
