//! Points with error bars: a statistic over seeds at each abscissa, and its bootstrap over seeds.
//!
//! The intervals are those of [`super::fit`], applied to the logarithm of each point. The public items of this module
//! are re-exported there.

use crate::choice::choice;
use crate::compute::rng::{Role, stream};
use crate::number::text::measured;
use ndarray::{Array2, ArrayView2};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

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
            Self::Median => {
                values.sort_unstable_by(f64::total_cmp);
                let upper = *values.get(values.len() / 2)?;
                let lower = values[(values.len() - 1) / 2];
                lower + (upper - lower) / 2.0
            }
        };
        (y > 0.0 && y.is_finite()).then_some(y)
    }
}

/// How the seeds are resampled. The draws are `stream(seed, Role::Bootstrap, resample, salt)`.
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

/// The points of a table, and their bootstrap replicates.
pub(super) struct ResampledPoints {
    /// Usable rows, in the order of the table.
    pub points: Vec<DataPoint>,
    /// The other rows.
    pub skipped: Vec<Skipped>,
    /// Logarithms of the resampled statistics, (resamples, rows with two seeds or more).
    pub log_replicates: Array2<f64>,
}

/// Why a table has no slope with an interval.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitFailure {
    /// The table and its abscissae disagree.
    #[error("{abscissae} abscissae for a table of {rows} rows: there must be one for each row")]
    Shape {
        /// Number of abscissae.
        abscissae: usize,
        /// Number of rows.
        rows: usize,
    },
    /// A setting of the bootstrap is out of range.
    #[error(
        "bootstrap with resamples = {resamples}, level = {level}: needs at least {MIN_RESAMPLES} resamples and a level \
         strictly between 0 and 1"
    )]
    Settings {
        /// Requested number of resamples.
        resamples: usize,
        /// Requested level.
        level: f64,
    },
    /// Fewer than two usable rows at distinct abscissae.
    #[error("{usable} of {rows} rows usable (finite and positive, at distinct abscissae): a slope needs 2")]
    TooFewPoints {
        /// Distinct usable abscissae.
        usable: usize,
        /// Rows of the table.
        rows: usize,
    },
    /// The points give a slope, but fewer than two of them have a second seed, so that there is no interval.
    #[error("slope {} from single seeds: an interval needs at least 2 seeds at 2 abscissae", measured(*.slope))]
    OneSeed {
        /// Slope through all usable points.
        slope: f64,
        /// Natural logarithm of its prefactor.
        intercept: f64,
    },
    /// Almost no resample of the seeds gives a table with every row usable.
    #[error(
        "bootstrap resample {resample}: no usable table in {MAX_REDRAWS} draws; too few seeds are finite and positive"
    )]
    Sparse {
        /// The resample that could not be drawn.
        resample: usize,
    },
}

/// Half-width of the Student interval at `level` from bootstrap replicates of a statistic of `seeds` seeds.
pub(super) fn half_width(replicates: &[f64], seeds: usize, level: f64) -> f64 {
    let (count, n) = (replicates.len() as f64, seeds as f64);
    let mean = replicates.iter().sum::<f64>() / count;
    let variance = replicates.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let student =
        StudentsT::new(0.0, 1.0, n - 1.0).expect("at least two seeds, so a positive number of degrees of freedom");
    student.inverse_cdf(0.5 + level / 2.0) * (variance * n / (n - 1.0)).sqrt()
}

/// The points of a table, each with its interval, and their bootstrap replicates.
///
/// `x`: abscissae (V); `values` (V, S): one row for each abscissa, one column for each seed; a value that is not finite
/// means that this network diverged, and is left out.
///
/// # Errors
/// [`FitFailure::Shape`], [`FitFailure::Settings`] or [`FitFailure::Sparse`].
pub(super) fn resampled_points(
    x: &[f64],
    values: ArrayView2<f64>,
    statistic: Statistic,
    bootstrap: &Bootstrap,
) -> Result<ResampledPoints, FitFailure> {
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
            points.push(DataPoint { x, y, interval: None, seeds: finite.len() });
            continue;
        } else {
            SkipReason::NotPositive
        };
        skipped.push(Skipped { row, reason });
    }
    let logs = replicates(values, &rows, statistic, bootstrap)?;
    for (column, &(_, point)) in rows.iter().enumerate() {
        let point = &mut points[point];
        let half = half_width(&logs.column(column).to_vec(), point.seeds, level);
        point.interval = Some((point.y * (-half).exp(), point.y * half.exp()));
    }
    Ok(ResampledPoints { points, skipped, log_replicates: logs })
}

/// Log statistics of resampled columns, (resamples, rows). A resample that leaves a row without a usable statistic (all
/// its draws diverged) is drawn again from the same stream.
fn replicates(
    values: ArrayView2<f64>,
    rows: &[(usize, usize)],
    statistic: Statistic,
    bootstrap: &Bootstrap,
) -> Result<Array2<f64>, FitFailure> {
    let mut logs = Array2::zeros((bootstrap.resamples, rows.len()));
    if rows.is_empty() {
        return Ok(logs);
    }
    let seeds = values.ncols();
    let mut draw = Vec::with_capacity(seeds);
    for (resample, mut out) in logs.rows_mut().into_iter().enumerate() {
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
            return Err(FitFailure::Sparse { resample });
        }
    }
    Ok(logs)
}
