//! Quantities of several runs against a parameter that differs between them: laws of their change, and where they are
//! least.
//!
//! A quantity of one run is a linear functional of logarithms of statistics over seeds, one for each row of a table:
//!
//! ```text
//! Q = sum_r weight_r (log statistic_r - offset_r)
//! ```
//!
//! A loss is one row of weight 1; the constant of a bound is the mean over widths, the offsets being the logarithms of
//! its form; an exponent in the width has the weights of a least-squares slope. The runs share their seeds, and with them
//! particles, batches and noise: their quantities are correlated. Intervals therefore come from replicates that leave out
//! or resample the same seeds in all runs ([`super::fit`]).
//!
//! # Laws
//!
//! | law | number | by least squares |
//! |---|---|---|
//! | [`TrendLaw::Power`] | exponent k of `e^Q ~ x^k` | slope of Q in log x |
//! | [`TrendLaw::Exponential`] | by how much the rate `dQ/dx` changes from the least x to the largest | second-order polynomial of Q in x |
//! | [`TrendLaw::Optimum`] | exponent k of `x*(N) ~ N^k`, x* the place of the minimum | slope of log x* in log N |

use super::estimate::{Estimate, Side};
use super::fit::{Bootstrap, LeastSquares, Statistic};
use super::points::{ReplicatedPoints, Replicates, replicated_points};
use crate::choice::choice;
use ndarray::{Array2, ArrayView1, Axis, concatenate};

choice! {
    /// A law of a quantity in a parameter.
    pub enum TrendLaw: "law" {
        /// A power of the parameter.
        Power = "power",
        /// An exponential: the logarithm of the quantity is linear in the parameter.
        Exponential = "exponential",
        /// The place of the least value, against the width.
        Optimum = "optimum",
    }
}

impl TrendLaw {
    /// The number that is fitted, in words.
    pub fn number(self) -> &'static str {
        match self {
            Self::Power => "exponent",
            Self::Exponential => "change of the rate",
            Self::Optimum => "exponent of the optimum",
        }
    }

    /// The relation that a statement asserts by default.
    pub fn relation(self) -> Side {
        match self {
            Self::Power | Self::Optimum => Side::Equal,
            Self::Exponential => Side::AtMost,
        }
    }

    /// The number that a statement expects by default, where there is one.
    pub fn expected(self) -> Option<f64> {
        match self {
            Self::Power => None,
            Self::Exponential | Self::Optimum => Some(0.0),
        }
    }

    /// The default resolution of the number.
    pub fn resolution(self) -> f64 {
        match self {
            Self::Power | Self::Exponential => 0.2,
            Self::Optimum => 0.1,
        }
    }

    /// Whether the parameter must be positive.
    pub fn needs_positive(self) -> bool {
        match self {
            Self::Power | Self::Optimum => true,
            Self::Exponential => false,
        }
    }

    /// Fewest values of the parameter.
    pub fn least_points(self) -> usize {
        match self {
            Self::Power => 2,
            Self::Exponential | Self::Optimum => 3,
        }
    }
}

/// Why values are missing in general.
pub const DIVERGED: &str = "networks diverged";

/// A quantity of one run, from values over seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedQuantity {
    /// Its name in records and experiment files.
    pub name: String,
    /// Its label in figures.
    pub label: String,
    /// The width of the networks, for quantities that every width has.
    pub width: Option<usize>,
    /// Whether it is shown as `e^Q`, and not as `Q`.
    pub exponential: bool,
    /// The statistic over seeds of each row.
    pub statistic: Statistic,
    /// Values (rows, seeds), positive; NaN where one is missing.
    pub values: Array2<f64>,
    /// Why values are missing, where some are.
    pub missing: String,
    /// Weight of each row.
    pub weights: Vec<f64>,
    /// Offset of each row.
    pub offsets: Vec<f64>,
}

/// A quantity with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SummaryValue {
    /// The value as it is shown.
    pub value: f64,
    /// Its 95 % interval over seeds; `None` with a single seed.
    pub interval: Option<(f64, f64)>,
}

impl SeedQuantity {
    /// The quantity as a statistic of positive values over seeds.
    pub fn of_seeds(name: &str, label: &str, width: Option<usize>, statistic: Statistic, row: ArrayView1<f64>) -> Self {
        SeedQuantity {
            name: name.into(),
            label: label.into(),
            width,
            exponential: true,
            statistic,
            values: row.to_owned().insert_axis(Axis(0)),
            missing: DIVERGED.into(),
            weights: vec![1.0],
            offsets: vec![0.0],
        }
    }

    /// The exponent of the rows in the abscissae `x` of the rows; `None` unless two of these differ.
    pub fn exponent(name: &str, label: &str, statistic: Statistic, x: &[f64], values: Array2<f64>) -> Option<Self> {
        let log_x: Vec<f64> = x.iter().map(|x| x.ln()).collect();
        let weights = LeastSquares::new(&log_x)?.weights();
        let offsets = vec![0.0; weights.len()];
        let (name, label, missing) = (name.into(), label.into(), DIVERGED.into());
        Some(SeedQuantity {
            name,
            label,
            width: None,
            exponential: false,
            statistic,
            values,
            missing,
            weights,
            offsets,
        })
    }

    /// The quantity of this run alone.
    ///
    /// # Errors
    /// The reason where it has no value.
    pub fn measure(&self, bootstrap: &Bootstrap) -> Result<SummaryValue, String> {
        let shown = |q: f64| if self.exponential { q.exp() } else { q };
        if self.values.ncols() == 1 {
            let power = if self.statistic.is_square() { 2.0 } else { 1.0 };
            let q = self.value(|row| power * row[0].ln())?;
            if !q.is_finite() {
                return Err("a value that is zero or negative has no logarithm".into());
            }
            return Ok(SummaryValue { value: shown(q), interval: None });
        }
        let joint = JointQuantities::new(&[self], bootstrap)?;
        let estimate = joint.estimate(|q| q[0]);
        let (low, high) = estimate.interval(bootstrap.level);
        Ok(SummaryValue { value: shown(estimate.value), interval: Some((shown(low), shown(high))) })
    }

    /// Q with a given logarithm of the statistic of a row.
    fn value(&self, log_statistic: impl Fn(ArrayView1<f64>) -> f64) -> Result<f64, String> {
        self.require_usable()?;
        let rows = self.values.rows().into_iter().map(log_statistic);
        Ok(rows.zip(&self.weights).zip(&self.offsets).map(|((log, weight), offset)| weight * (log - offset)).sum())
    }

    /// Values of which some are missing are those of a selection of the networks.
    fn require_usable(&self) -> Result<(), String> {
        let missing = self.values.iter().filter(|v| !v.is_finite()).count();
        if missing > 0 {
            return Err(format!(
                "{missing} of {} values are missing or not finite: {}",
                self.values.len(),
                self.missing
            ));
        }
        if self.values.is_empty() { Err("nothing was measured".into()) } else { Ok(()) }
    }
}

/// Quantities of several runs or widths whose seeds correspond.
pub struct JointQuantities {
    values: Vec<f64>,
    replicates: Replicates,
    /// Of every quantity: the number of its rows, weights and offsets.
    terms: Vec<(Vec<f64>, Vec<f64>)>,
    seeds: usize,
}

impl JointQuantities {
    /// Joins quantities of one statistic, at least one.
    ///
    /// # Errors
    /// The reason where one of them has no value, there are no two seeds, or their numbers differ.
    pub fn new(quantities: &[&SeedQuantity], bootstrap: &Bootstrap) -> Result<Self, String> {
        for quantity in quantities {
            quantity.require_usable()?;
        }
        let seeds = quantities.first().map_or(0, |quantity| quantity.values.ncols());
        if quantities.iter().any(|other| other.values.ncols() != seeds) {
            return Err("the numbers of seeds differ between the points".into());
        }
        if seeds < 2 {
            return Err("an interval needs at least 2 seeds".into());
        }
        let statistic = quantities[0].statistic;
        let views: Vec<_> = quantities.iter().map(|quantity| quantity.values.view()).collect();
        let stacked = concatenate(Axis(0), &views).map_err(|error| error.to_string())?;
        let x = vec![1.0; stacked.nrows()];
        let ReplicatedPoints { points, skipped, replicates } =
            replicated_points(&x, stacked.view(), statistic, bootstrap).map_err(|failure| failure.to_string())?;
        if !skipped.is_empty() {
            return Err("a value that is zero or negative has no logarithm".into());
        }
        let terms: Vec<(Vec<f64>, Vec<f64>)> =
            quantities.iter().map(|quantity| (quantity.weights.clone(), quantity.offsets.clone())).collect();
        let logs: Vec<f64> = points.iter().map(|point| point.y.ln()).collect();
        let values = combine(&terms, &logs);
        Ok(JointQuantities { values, replicates, terms, seeds })
    }

    /// The quantities Q.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The estimate of a functional of the quantities.
    pub fn estimate(&self, functional: impl Fn(&[f64]) -> f64) -> Estimate {
        let replicates =
            self.replicates.map(|logs| functional(&combine(&self.terms, &logs.iter().copied().collect::<Vec<f64>>())));
        self.replicates.estimate(functional(&self.values), &replicates, self.seeds)
    }
}

/// The quantities from the logarithms of all rows.
fn combine(terms: &[(Vec<f64>, Vec<f64>)], logs: &[f64]) -> Vec<f64> {
    let mut rest = logs.iter();
    let one = |(weights, offsets): &(Vec<f64>, Vec<f64>)| {
        weights.iter().zip(offsets).zip(rest.by_ref()).map(|((weight, offset), log)| weight * (log - offset)).sum()
    };
    terms.iter().map(one).collect()
}

/// Slope and intercept of the least-squares line; NaN unless two abscissae differ.
pub fn line(x: &[f64], q: &[f64]) -> (f64, f64) {
    LeastSquares::new(x).map_or((f64::NAN, f64::NAN), |line| line.fit(q.iter().copied()))
}

/// The root mean square distance of the points from their least-squares line.
pub fn residual(x: &[f64], q: &[f64]) -> f64 {
    let (slope, intercept) = line(x, q);
    let square = |(x, q): (&f64, &f64)| (q - intercept - slope * x).powi(2);
    (x.iter().zip(q).map(square).sum::<f64>() / x.len() as f64).sqrt()
}

/// A polynomial `level + slope u + curvature u^2` in `u = x - centre`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parabola {
    centre: f64,
    slope: f64,
    curvature: f64,
}

impl Parabola {
    /// The polynomial of second order through points, by least squares; its coefficients are NaN unless three abscissae
    /// differ.
    pub fn fit(x: &[f64], q: &[f64]) -> Self {
        let centre = x.iter().sum::<f64>() / x.len() as f64;
        let u: Vec<f64> = x.iter().map(|x| x - centre).collect();
        let square: Vec<f64> = u.iter().map(|u| u * u).collect();
        // By the theorem of Frisch and Waugh: the part of u^2 that 1 and u do not explain.
        let (slope, intercept) = line(&u, &square);
        let rest: Vec<f64> = u.iter().zip(&square).map(|(u, s)| s - intercept - slope * u).collect();
        let norm: f64 = rest.iter().map(|r| r * r).sum();
        let scale: f64 = square.iter().map(|s| s * s).sum();
        // What is left of two abscissae is rounding.
        if norm.is_nan() || norm <= 1e-12 * scale {
            return Parabola { centre, slope: f64::NAN, curvature: f64::NAN };
        }
        let curvature = rest.iter().zip(q).map(|(r, q)| r * q).sum::<f64>() / norm;
        let linear: Vec<f64> = square.iter().zip(q).map(|(s, q)| q - curvature * s).collect();
        Parabola { centre, slope: line(&u, &linear).0, curvature }
    }

    /// By how much the slope changes over a distance of the abscissa.
    pub fn change_of_slope(&self, distance: f64) -> f64 {
        2.0 * self.curvature * distance
    }

    /// Where the polynomial is least; NaN where it is not convex.
    pub fn minimum(&self) -> f64 {
        if self.curvature > 0.0 { self.centre - 0.5 * self.slope / self.curvature } else { f64::NAN }
    }
}

/// Most points on either side of the least one to which a parabola is fitted.
const WINDOW: usize = 2;

/// The points around the least value, in increasing order of `x`, to which a parabola is fitted: up to two on either
/// side, as many on one side as on the other. `None` where the least value is at an end.
pub fn window(q: &[f64]) -> Option<std::ops::Range<usize>> {
    let least = (0..q.len()).filter(|&i| q[i].is_finite()).min_by(|&a, &b| q[a].total_cmp(&q[b]))?;
    let side = WINDOW.min(least).min(q.len() - 1 - least);
    (side > 0).then(|| least - side..least + side + 1)
}

#[cfg(test)]
mod tests;
