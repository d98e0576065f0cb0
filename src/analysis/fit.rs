//! The exponent of a power law `y ~ x^slope`, with an interval from the spread over seeds.
//!
//! Each point is a statistic (mean, mean square, ...) over independent seeds at one abscissa (a width, a step, a
//! batch). The slope is the ordinary least-squares slope of `log y` against `log x`. Seeds share their particles across
//! abscissae, so the rows of a table are correlated: the bootstrap resamples whole columns.
//!
//! # Interval
//!
//! ```text
//! slope +- t_nu * s,      s^2 = (n - 1)/n sum_k (slope without seed k - mean of these)^2
//! ```
//!
//! `s` is the jackknife's standard error, `n` the number of seeds, `t` Student's quantile with `nu = n - 1` degrees of
//! freedom; for mean squares and quantiles, fewer where the contributions of the seeds have heavy tails:
//! `nu = (n - 1)/(1 + kappa (n - 1)/(2 n))` with their excess kurtosis `kappa`, where it is positive (Satterthwaite).
//! For [`Statistic::GeometricMean`] every seed has a slope of its own, the fitted slope is their mean, and the interval
//! is the classical one of Student: exact where the slopes of the seeds are normal, whatever the law of the values. For
//! means and mean squares of skewed values it is too short with few seeds (87 to 93 % at a nominal 95 % with 12 seeds of
//! squared gaps, against 93 to 96 % for the geometric mean; docs/verification.md). The median is not a smooth function
//! of the seeds: there `s` is the standard deviation over bootstrap resamples of whole columns.
//!
//! The interval measures the spread over seeds only. It includes neither the curvature of a law that is not yet
//! asymptotic ([`SlopeFit::residual`] shows it) nor the error of the reference, whose effect on the slope
//! [`SlopeFit::bend`] bounds.

use super::estimate::Estimate;
pub use super::points::{Bootstrap, DataPoint, FitFailure, MIN_RESAMPLES, SkipReason, Skipped, Statistic};
use super::points::{ReplicatedPoints, replicated_points};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// Standard errors below this part of the slope, or of 1, are rounding.
const ROUNDING: f64 = 1e-12;

/// A fitted power law `y = exp(intercept) * x^slope`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlopeFit {
    /// Exponent.
    pub slope: f64,
    /// Natural logarithm of the prefactor.
    pub intercept: f64,
    /// Low and high end of the slope's interval at [`SlopeFit::level`].
    pub interval: (f64, f64),
    /// Nominal coverage of the intervals.
    pub level: f64,
    /// Standard error of the slope.
    pub standard_error: f64,
    /// Degrees of freedom of Student's law of its error.
    pub degrees_of_freedom: f64,
    /// Smallest number of seeds behind a fitted point.
    pub seeds: usize,
    /// Root mean square of `log y - (intercept + slope log x)` over the fitted points: large when the law is curved.
    pub residual: f64,
    /// The statistic over seeds that each point shows.
    pub statistic: Statistic,
    /// The usable rows; those with an interval are fitted.
    pub points: Vec<DataPoint>,
    /// The other rows.
    pub skipped: Vec<Skipped>,
}

impl SlopeFit {
    /// The fitted line at `x > 0`.
    pub fn at(&self, x: f64) -> f64 {
        (self.intercept + self.slope * x.ln()).exp()
    }

    /// Half the length of the slope's interval.
    pub fn half_width(&self) -> f64 {
        (self.interval.1 - self.interval.0) / 2.0
    }

    /// The slope with its law of error.
    pub fn estimate(&self) -> Estimate {
        let (standard_error, degrees_of_freedom) = (self.standard_error, self.degrees_of_freedom);
        Estimate { value: self.slope, standard_error, degrees_of_freedom }
    }

    /// The largest changes of the slope, down and up, that an error of size `error` in every gap can have caused. The
    /// error is in the units of the table's values, not of their squares. Infinite where it is not smaller than a gap.
    ///
    /// With weights `c_v` of the least-squares slope and true gaps within `[low_v, high_v]` of the measured `y_v`, the
    /// slope of the true gaps is within `sum_v c_v log([low_v, high_v]/y_v)` of the measured one, term by term.
    pub fn bend(&self, error: f64, combination: ErrorCombination) -> (f64, f64) {
        let fitted: Vec<&DataPoint> = self.points.iter().filter(|p| p.interval.is_some()).collect();
        let log_x: Vec<f64> = fitted.iter().map(|p| p.x.ln()).collect();
        let Some(line) = LeastSquares::new(&log_x) else { return UNBOUNDED };
        let y: Vec<f64> = fitted.iter().map(|p| p.y).collect();
        bend(&line.weights(), &y, self.statistic, error, combination)
    }
}

/// The bound of a bend that has none.
const UNBOUNDED: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// The bound of [`SlopeFit::bend`] for a slope `sum_v weights_v log y_v`.
fn bend(weights: &[f64], y: &[f64], statistic: Statistic, error: f64, combination: ErrorCombination) -> (f64, f64) {
    let power = if statistic.is_square() { 2.0 } else { 1.0 };
    let (mut down, mut up) = (0.0, 0.0);
    for (weight, y) in weights.iter().zip(y) {
        let ratio = error / y.powf(1.0 / power);
        // Written so that a NaN error counts as too large.
        if !matches!(ratio.partial_cmp(&1.0), Some(std::cmp::Ordering::Less)) {
            return UNBOUNDED;
        }
        let (low, high) = match combination {
            ErrorCombination::Sum => ((1.0 - ratio).ln(), ratio.ln_1p()),
            ErrorCombination::Quadrature => (0.5 * (1.0 - ratio * ratio).ln(), 0.0),
        };
        let weight = power * weight;
        down += (weight * low).min(weight * high);
        up += (weight * low).max(weight * high);
    }
    (down, up)
}

/// The exponent of a power law with the next term of its expansion, `y = exp(intercept) x^slope (1 + kappa/x + ...)`.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrectedSlope {
    /// The slope with its law of error.
    pub estimate: Estimate,
    weights: Vec<f64>,
    y: Vec<f64>,
    statistic: Statistic,
}

impl CorrectedSlope {
    /// As [`SlopeFit::bend`].
    pub fn bend(&self, error: f64, combination: ErrorCombination) -> (f64, f64) {
        bend(&self.weights, &self.y, self.statistic, error, combination)
    }
}

/// Fits `log y = intercept + slope log x + kappa/x` by least squares: the exponent of a law in a width N that holds up to
/// a relative correction of order `1/N`, as the expansion of a finite network about its limit has one. `None` where the
/// table determines no such exponent with an error.
pub fn fit_corrected_slope(
    x: &[f64],
    values: ArrayView2<f64>,
    statistic: Statistic,
    bootstrap: &Bootstrap,
) -> Option<CorrectedSlope> {
    let ReplicatedPoints { points, replicates, .. } = replicated_points(x, values, statistic, bootstrap).ok()?;
    let fitted: Vec<&DataPoint> = points.iter().filter(|p| p.interval.is_some()).collect();
    let line = LeastSquares::beside_correction(&fitted.iter().map(|p| p.x).collect::<Vec<f64>>())?;
    let slope = line.fit(fitted.iter().map(|p| p.y.ln())).0;
    let slopes = replicates.map(|log_y| line.fit(log_y.iter().copied()).0);
    let seeds = fitted.iter().map(|p| p.seeds).min().unwrap_or(0);
    let estimate = replicates.estimate(slope, &slopes, seeds);
    let y = fitted.iter().map(|p| p.y).collect();
    let resolved = estimate.standard_error > ROUNDING * slope.abs().max(1.0);
    resolved.then(|| CorrectedSlope { estimate, weights: line.weights(), y, statistic })
}

/// How an error of the reference combines with the gap of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCombination {
    /// In the worst case by addition: gap and error are the same for every seed, as two errors of discretisation are.
    Sum,
    /// As the root of the sum of squares: the gap varies over seeds about zero, and the error does not.
    Quadrature,
}

/// The exponent of a power law through a table, with the interval that the module describes.
///
/// `x`: abscissae (V); `values` (V, S): one row for each abscissa, one column for each seed. A value that is not finite
/// means that this network diverged; it is left out, and `seeds` of a point counts the finite values.
///
/// # Errors
/// Any [`FitFailure`]; in particular [`FitFailure::OneSeed`] carries a slope without an interval.
pub fn fit_slope(
    x: &[f64],
    values: ArrayView2<f64>,
    statistic: Statistic,
    bootstrap: &Bootstrap,
) -> Result<SlopeFit, FitFailure> {
    let ReplicatedPoints { points, skipped, replicates } = replicated_points(x, values, statistic, bootstrap)?;
    let through = |points: Vec<&DataPoint>| {
        let log_x: Vec<f64> = points.iter().map(|p| p.x.ln()).collect();
        let log_y: Vec<f64> = points.iter().map(|p| p.y.ln()).collect();
        LeastSquares::new(&log_x).map(|line| (line.fit(log_y.iter().copied()), line, log_y))
    };
    let Some(((slope, intercept), line, log_y)) = through(points.iter().filter(|p| p.interval.is_some()).collect())
    else {
        return Err(match through(points.iter().collect()) {
            Some(((slope, intercept), ..)) => FitFailure::OneSeed { slope, intercept },
            None => FitFailure::TooFewPoints { usable: points.len().min(1), rows: values.nrows() },
        });
    };
    let seeds = points.iter().filter(|p| p.interval.is_some()).map(|p| p.seeds).min().unwrap_or(0);
    let slopes = replicates.map(|log_y| line.fit(log_y.iter().copied()).0);
    let estimate = replicates.estimate(slope, &slopes, seeds);
    if estimate.standard_error <= ROUNDING * slope.abs().max(1.0) {
        return Err(FitFailure::NoSpread { slope, intercept });
    }
    let squares = line.log_x.iter().zip(&log_y).map(|(lx, ly)| (ly - intercept - slope * lx).powi(2));
    let residual = (squares.sum::<f64>() / log_y.len() as f64).sqrt();
    Ok(SlopeFit {
        slope,
        intercept,
        interval: estimate.interval(bootstrap.level),
        level: bootstrap.level,
        standard_error: estimate.standard_error,
        degrees_of_freedom: estimate.degrees_of_freedom,
        seeds,
        residual,
        statistic,
        points,
        skipped,
    })
}

/// The points of a table, each with its interval, without a line through them.
///
/// # Errors
/// [`FitFailure::Shape`], [`FitFailure::Settings`] or [`FitFailure::Sparse`].
pub fn points(
    x: &[f64],
    values: ArrayView2<f64>,
    statistic: Statistic,
    bootstrap: &Bootstrap,
) -> Result<Vec<DataPoint>, FitFailure> {
    Ok(replicated_points(x, values, statistic, bootstrap)?.points)
}

/// Least squares on fixed abscissae: the slope is a fixed linear functional of the ordinates.
pub(super) struct LeastSquares {
    /// The abscissae, less what the other terms of the fit explain of them.
    deviation: Vec<f64>,
    log_x: Vec<f64>,
    mean: f64,
    sum_of_squares: f64,
}

impl LeastSquares {
    /// A line. `None` unless two abscissae differ.
    pub fn new(log_x: &[f64]) -> Option<Self> {
        let deviation = centred(log_x);
        let distinct = log_x.iter().any(|lx| *lx != log_x[0]);
        Self::along(log_x, deviation).filter(|_| distinct)
    }

    /// A line with a term proportional to `1/x`, by the theorem of Frisch and Waugh: the slope is that on the part of
    /// `log x` that `1` and `1/x` do not explain. `None` unless three abscissae differ.
    fn beside_correction(x: &[f64]) -> Option<Self> {
        let log_x: Vec<f64> = x.iter().map(|x| x.ln()).collect();
        let (mut deviation, inverse) = (centred(&log_x), centred(&x.iter().map(|x| 1.0 / x).collect::<Vec<f64>>()));
        let square = dot(&inverse, &inverse);
        let (of_log, share) = (dot(&deviation, &deviation), dot(&deviation, &inverse) / square);
        deviation.iter_mut().zip(&inverse).for_each(|(d, z)| *d -= share * z);
        // What is left of two abscissae is rounding.
        Self::along(&log_x, deviation).filter(|line| line.sum_of_squares > 1e-12 * of_log)
    }

    fn along(log_x: &[f64], deviation: Vec<f64>) -> Option<Self> {
        let sum_of_squares = dot(&deviation, &deviation);
        let mean = log_x.iter().sum::<f64>() / log_x.len() as f64;
        (sum_of_squares > 0.0).then(|| Self { deviation, log_x: log_x.to_vec(), mean, sum_of_squares })
    }

    /// The coefficients of the ordinates in the slope.
    pub fn weights(&self) -> Vec<f64> {
        self.deviation.iter().map(|d| d / self.sum_of_squares).collect()
    }

    /// Slope and intercept of the line.
    pub fn fit(&self, log_y: impl ExactSizeIterator<Item = f64> + Clone) -> (f64, f64) {
        let mean_y = log_y.clone().sum::<f64>() / log_y.len() as f64;
        let cross: f64 = self.deviation.iter().zip(log_y).map(|(d, ly)| d * (ly - mean_y)).sum();
        let slope = cross / self.sum_of_squares;
        (slope, mean_y - slope * self.mean)
    }
}

/// The values less their mean.
fn centred(values: &[f64]) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| value - mean).collect()
}

/// The inner product.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests;
