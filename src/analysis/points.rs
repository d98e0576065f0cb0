//! Points with error bars: a statistic over seeds at each abscissa, and its variation over seeds.
//!
//! The intervals are those of [`super::fit`], applied to the logarithm of each point. The public items of this module
//! are re-exported there.

use super::estimate::Estimate;
use super::quantile::quantile;
use super::repetition::Repetition;
use crate::choice::choice;
use crate::compute::rng::{Role, stream};
use crate::number::text::measured;
use ndarray::{Array2, ArrayView2};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Fewest bootstrap resamples that give a usable standard deviation.
pub const MIN_RESAMPLES: usize = 100;

/// Redraws allowed for one resample before its table is declared too sparse.
const MAX_REDRAWS: usize = 1000;

choice! {
    /// The statistic over seeds at one abscissa.
    pub enum Statistic: "statistic" {
        /// Mean over seeds.
        Mean = "mean",
        /// Mean over seeds of the square.
        MeanSquare = "mean-square",
        /// Root of the mean square: half the slope of [`Statistic::MeanSquare`].
        RootMeanSquare = "root-mean-square",
        /// Median over seeds (mean of the two middle values for an even number).
        Median = "median",
        /// Exponential of the mean logarithm; needs positive values.
        GeometricMean = "geometric-mean",
        /// Square of [`Statistic::GeometricMean`].
        GeometricMeanSquare = "geometric-mean-square",
        /// Geometric mean of the quantiles at the levels `1 - exp(-z^2)` for the `z` of [`Statistic::bound_z`]; needs
        /// positive values.
        BoundQuantiles = "bound-quantiles",
    }
}

impl Statistic {
    /// The statistic of `values`, which the median reorders; `None` unless it is positive and finite, so that it has a
    /// logarithm.
    fn positive_value(self, values: &mut [f64]) -> Option<f64> {
        let n = values.len() as f64;
        let y = match self {
            Self::Mean => values.iter().sum::<f64>() / n,
            Self::MeanSquare => values.iter().map(|v| v * v).sum::<f64>() / n,
            Self::RootMeanSquare => (values.iter().map(|v| v * v).sum::<f64>() / n).sqrt(),
            Self::GeometricMean => (values.iter().map(|v| v.ln()).sum::<f64>() / n).exp(),
            Self::GeometricMeanSquare => (2.0 * values.iter().map(|v| v.ln()).sum::<f64>() / n).exp(),
            Self::BoundQuantiles => {
                let z = Self::bound_z(values.len());
                let logs = z.iter().map(|z| quantile(values.iter().copied(), 1.0 - (-z * z).exp()).ln());
                (logs.sum::<f64>() / z.len() as f64).exp()
            }
            Self::Median => {
                values.sort_unstable_by(f64::total_cmp);
                let upper = *values.get(values.len() / 2)?;
                let lower = values[(values.len() - 1) / 2];
                lower + (upper - lower) / 2.0
            }
        };
        (y > 0.0 && y.is_finite()).then_some(y)
    }

    /// The `z` at which the quantiles of `seeds` seeds at level `1 - exp(-z^2)` are taken: the multiples of 1/2, from 1/2
    /// on, above whose quantile at least one seed is expected.
    pub fn bound_z(seeds: usize) -> Vec<f64> {
        let beyond = |z: f64| seeds as f64 * (-z * z).exp();
        (1..=10).map(|k| 0.5 * f64::from(k)).take_while(|&z| z < 1.0 || beyond(z) >= 1.0).collect()
    }

    /// Whether the statistic is that of the squared values.
    pub fn is_square(self) -> bool {
        match self {
            Self::MeanSquare | Self::GeometricMeanSquare => true,
            Self::Mean | Self::RootMeanSquare | Self::Median | Self::GeometricMean | Self::BoundQuantiles => false,
        }
    }

    /// Whether the statistic is a smooth function of means, so that the jackknife estimates its variance.
    fn is_smooth(self) -> bool {
        match self {
            Self::Mean | Self::MeanSquare | Self::RootMeanSquare | Self::GeometricMean | Self::GeometricMeanSquare => {
                true
            }
            Self::Median | Self::BoundQuantiles => false,
        }
    }
}

/// How seeds are resampled where a statistic is not smooth, and the level of the intervals. The draws are `stream(seed, Role::Bootstrap, resample, salt)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// The experiment's seed.
    pub seed: u64,
    /// Distinguishes the fits of an experiment; fits with equal salt resample the same seeds.
    pub salt: u64,
    /// Number of resamples, at least [`MIN_RESAMPLES`].
    pub resamples: usize,
    /// Nominal coverage, strictly between 0 and 1.
    pub level: f64,
}

impl Bootstrap {
    /// 2000 resamples, level 0.95.
    pub fn new(seed: u64, salt: u64) -> Self {
        Self { seed, salt, resamples: 2000, level: 0.95 }
    }
}

/// A point with an error bar: the statistic over the seeds at one abscissa.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataPoint {
    /// Abscissa (width, step, batch, ...).
    pub x: f64,
    /// The statistic over the seeds, positive.
    pub y: f64,
    /// Low and high end of `y`'s interval (Student, on the logarithm); `None` with a single seed, and then the point is
    /// not fitted either.
    pub interval: Option<(f64, f64)>,
    /// Number of finite values behind `y`.
    pub seeds: usize,
    /// The logarithm of `y` with its law of error; `None` with a single seed.
    #[serde(skip)]
    pub log_estimate: Option<Estimate>,
}

choice! {
    /// Why a row of the table has no point.
    pub enum SkipReason: "reason" {
        /// The abscissa is not a positive finite number.
        Abscissa = "abscissa",
        /// Every seed diverged (no finite value).
        AllDiverged = "all-diverged",
        /// The statistic is zero, negative or out of range, so that it has no logarithm.
        NotPositive = "not-positive",
    }
}

/// A row of the table without a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Row of the table.
    pub row: usize,
    /// Why it has no point.
    pub reason: SkipReason,
}

/// The points of a table, and their replicates.
pub(super) struct ReplicatedPoints {
    /// Usable rows, in the order of the table.
    pub points: Vec<DataPoint>,
    /// The other rows.
    pub skipped: Vec<Skipped>,
    /// The replicates of the rows with two seeds or more.
    pub replicates: Replicates,
}

/// Replicates of the logarithms of the statistics of several rows, which vary as the seeds do.
pub(super) struct Replicates {
    /// Logarithms (replicates, rows).
    logs: Array2<f64>,
    origin: Origin,
}

/// How replicates were made, which determines how their spread gives a variance.
#[derive(Clone, Copy)]
enum Origin {
    /// Each leaves out one seed of a mean over seeds of values or of logarithms.
    JackknifeOfMean,
    /// Each leaves out one seed of another statistic.
    Jackknife,
    /// Each draws as many seeds as there are, with replacement.
    Bootstrap,
}

impl Replicates {
    /// A functional of the logarithms of all rows, of each replicate.
    pub fn map(&self, functional: impl Fn(ndarray::ArrayView1<f64>) -> f64) -> Vec<f64> {
        self.logs.rows().into_iter().map(functional).collect()
    }

    /// The estimate of a functional from its replicates: its standard error and the degrees of freedom of Student's law,
    /// `seeds - 1` or, as for mean squares, fewer where the values of the seeds have heavy tails, by their fourth moment. A mean over seeds needs no fewer: heavy tails make Student's interval longer than necessary
    /// (measured coverage: docs/verification.md).
    pub fn estimate(&self, value: f64, replicates: &[f64], seeds: usize) -> Estimate {
        let (count, n) = (replicates.len() as f64, seeds as f64);
        let mean = replicates.iter().sum::<f64>() / count;
        let squares: f64 = replicates.iter().map(|r| (r - mean).powi(2)).sum();
        let (variance, degrees_of_freedom) = match self.origin {
            Origin::JackknifeOfMean => (squares * (count - 1.0) / count, n - 1.0),
            Origin::Jackknife => {
                let fourth: f64 = replicates.iter().map(|r| (r - mean).powi(4)).sum();
                let moment = if squares > 0.0 { fourth * count / (squares * squares) - 3.0 } else { 0.0 };
                (squares * (count - 1.0) / count, effective_degrees(n, moment))
            }
            // Resampling reduces the variance of a mean by (n - 1)/n, but not that of a quantile of few values.
            Origin::Bootstrap => (squares / (count - 1.0), n - 1.0),
        };
        Estimate { value, standard_error: variance.sqrt(), degrees_of_freedom }
    }
}

/// Degrees of freedom of a variance estimated from `n` values of excess kurtosis `kappa` (Satterthwaite): the variance of
/// the estimate is `(2/(n - 1) + kappa/n)` times the square of the variance. A negative kurtosis is ignored, and at least
/// two degrees are left.
fn effective_degrees(n: f64, kappa: f64) -> f64 {
    let nominal = n - 1.0;
    (nominal / (1.0 + kappa.max(0.0) * nominal / (2.0 * n))).max(nominal.min(2.0))
}

/// Why a table has no slope with an interval.
#[derive(Clone, Debug, PartialEq)]
pub enum FitFailure {
    /// The table and its abscissae disagree.
    Shape {
        /// Number of abscissae.
        abscissae: usize,
        /// Number of rows.
        rows: usize,
    },
    /// A setting of the bootstrap is out of range.
    Settings {
        /// Requested number of resamples.
        resamples: usize,
        /// Requested level.
        level: f64,
    },
    /// Fewer than two usable rows at distinct abscissae.
    TooFewPoints {
        /// Distinct usable abscissae.
        usable: usize,
        /// Rows of the table.
        rows: usize,
    },
    /// The points give a slope, but fewer than two of them have a second seed, so that there is no interval.
    OneSeed {
        /// Slope through all usable points.
        slope: f64,
        /// Natural logarithm of its prefactor.
        intercept: f64,
    },
    /// Without one of the seeds, or in almost every resample, a row has no usable statistic.
    Sparse,
    /// The seeds do not differ, up to rounding: nothing is known about the error of the slope.
    NoSpread {
        /// The slope.
        slope: f64,
        /// Natural logarithm of its prefactor.
        intercept: f64,
    },
}

impl FitFailure {
    /// The failure in words, of a fit over repetitions of this kind.
    pub fn words(&self, over: Repetition) -> String {
        let all = over.plural();
        match self {
            FitFailure::Shape { abscissae, rows } => {
                format!("{abscissae} abscissae for a table of {rows} rows: there must be one for each row")
            }
            FitFailure::Settings { resamples, level } => format!(
                "bootstrap with resamples = {resamples}, level = {level}: needs at least {MIN_RESAMPLES} resamples and a \
                 level strictly between 0 and 1"
            ),
            FitFailure::TooFewPoints { usable, rows } => {
                format!("{usable} of {rows} rows usable (finite and positive, at distinct abscissae): a slope needs 2")
            }
            FitFailure::OneSeed { slope, .. } => format!(
                "slope {} from single {all}: an interval needs at least 2 {all} at 2 abscissae",
                measured(*slope)
            ),
            FitFailure::Sparse => format!("too few {all} are finite and positive for an interval"),
            FitFailure::NoSpread { slope, .. } => format!(
                "slope {slope:.3} without spread: all {all} agree to rounding, and an interval needs {all} that differ"
            ),
        }
    }
}

/// The words of a fit over seeds.
impl fmt::Display for FitFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(Repetition::Seed))
    }
}

impl std::error::Error for FitFailure {}

/// The points of a table, each with its interval, and their replicates.
///
/// `x`: abscissae (V); `values` (V, S): one row for each abscissa, one column for each seed; a value that is not finite
/// means that this network diverged, and is left out.
///
/// # Errors
/// [`FitFailure::Shape`], [`FitFailure::Settings`] or [`FitFailure::Sparse`].
pub(super) fn replicated_points(
    x: &[f64],
    values: ArrayView2<f64>,
    statistic: Statistic,
    bootstrap: &Bootstrap,
) -> Result<ReplicatedPoints, FitFailure> {
    let Bootstrap { resamples, level, .. } = *bootstrap;
    if x.len() != values.nrows() {
        return Err(FitFailure::Shape { abscissae: x.len(), rows: values.nrows() });
    }
    if resamples < MIN_RESAMPLES || !(level > 0.0 && level < 1.0) {
        return Err(FitFailure::Settings { resamples, level });
    }
    let (mut points, mut skipped, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for (row, &x) in x.iter().enumerate() {
        let mut finite: Vec<f64> = values.row(row).iter().copied().filter(|v| v.is_finite()).collect();
        let reason = if !(x > 0.0 && x.is_finite()) {
            SkipReason::Abscissa
        } else if finite.is_empty() {
            SkipReason::AllDiverged
        } else if let Some(y) = statistic.positive_value(&mut finite) {
            if finite.len() >= 2 {
                rows.push((row, points.len()));
            }
            points.push(DataPoint { x, y, interval: None, seeds: finite.len(), log_estimate: None });
            continue;
        } else {
            SkipReason::NotPositive
        };
        skipped.push(Skipped { row, reason });
    }
    let replicates = if statistic.is_smooth() {
        leave_one_out(values, &rows, statistic)?
    } else {
        resampled(values, &rows, statistic, bootstrap)?
    };
    for (column, &(row, point)) in rows.iter().enumerate() {
        let point = &mut points[point];
        let finite = |(seed, log): (usize, &f64)| {
            (matches!(replicates.origin, Origin::Bootstrap) || values[(row, seed)].is_finite()).then_some(*log)
        };
        let logs: Vec<f64> = replicates.logs.column(column).iter().enumerate().filter_map(finite).collect();
        let estimate = replicates.estimate(point.y.ln(), &logs, point.seeds);
        let half = estimate.half_width(level);
        point.interval = Some((point.y * (-half).exp(), point.y * half.exp()));
        point.log_estimate = Some(estimate);
    }
    Ok(ReplicatedPoints { points, skipped, replicates })
}

/// Log statistics without each of the seeds, (seeds, rows).
fn leave_one_out(
    values: ArrayView2<f64>,
    rows: &[(usize, usize)],
    statistic: Statistic,
) -> Result<Replicates, FitFailure> {
    let seeds = if rows.is_empty() { 0 } else { values.ncols() };
    let mut logs = Array2::zeros((seeds, rows.len()));
    let mut rest = Vec::with_capacity(seeds);
    for ((seed, column), log) in logs.indexed_iter_mut() {
        let row = values.row(rows[column].0);
        rest.clear();
        rest.extend(row.iter().enumerate().filter(|(s, v)| *s != seed && v.is_finite()).map(|(_, v)| *v));
        *log = statistic.positive_value(&mut rest).ok_or(FitFailure::Sparse)?.ln();
    }
    let origin = match statistic {
        Statistic::Mean | Statistic::GeometricMean | Statistic::GeometricMeanSquare => Origin::JackknifeOfMean,
        Statistic::MeanSquare | Statistic::RootMeanSquare | Statistic::Median | Statistic::BoundQuantiles => {
            Origin::Jackknife
        }
    };
    Ok(Replicates { logs, origin })
}

/// Log statistics of resampled columns, (resamples, rows). A resample that leaves a row without a usable statistic (all
/// its draws diverged) is drawn again from the same stream.
fn resampled(
    values: ArrayView2<f64>,
    rows: &[(usize, usize)],
    statistic: Statistic,
    bootstrap: &Bootstrap,
) -> Result<Replicates, FitFailure> {
    let mut logs = Array2::zeros((bootstrap.resamples, rows.len()));
    let seeds = values.ncols();
    let mut draw = Vec::with_capacity(seeds);
    for (resample, mut out) in logs.rows_mut().into_iter().enumerate().filter(|_| !rows.is_empty()) {
        let mut rng = stream(bootstrap.seed, Role::Bootstrap, resample as u64, bootstrap.salt);
        let usable = (0..MAX_REDRAWS).any(|_| {
            let columns: Vec<usize> = (0..seeds).map(|_| rng.random_range(0..seeds)).collect();
            rows.iter().zip(out.iter_mut()).all(|(&(row, _), log)| {
                draw.clear();
                draw.extend(columns.iter().map(|&column| values[(row, column)]).filter(|v| v.is_finite()));
                let y = if draw.is_empty() { None } else { statistic.positive_value(&mut draw) };
                *log = y.map_or(f64::NAN, f64::ln);
                y.is_some()
            })
        });
        if !usable {
            return Err(FitFailure::Sparse);
        }
    }
    Ok(Replicates { logs, origin: Origin::Bootstrap })
}
