//! The form of the finite-width bound of Wu, Kungurtsev, Mondelli (TMLR 2023), its constants, and whether measurements
//! grow out of it.
//!
//! With probability at least `1 - exp(-z^2)`, uniformly over `t <= T`,
//!
//! ```text
//! gap <= C e^{C T} ( (sqrt(log N) + z)/sqrt(N)  +  sqrt(eps) (sqrt(p + log N) + z) )
//! ```
//!
//! for the coupling and the loss gap (not for their squares). `C` is never explicit, and it is an upper bound: nothing
//! contradicts the statement but a constant that must grow. The quantile of the gaps over seeds at level `1 - exp(-z^2)`
//! is what the statement bounds.
//!
//! # The width's term
//!
//! For constants `C1, C2 >= 0` and fixed `z`, `(C1 sqrt(log N) + C2 z)/sqrt(N)` over `sqrt(log N/N)` does not grow:
//! `sqrt(log N/N)` is the slowest decay that the form allows, in whatever proportion its two parts are. A quantile
//! that falls more slowly needs constants that grow with `N`, whatever their proportion. [`slowest_decay`] is its
//! exponent over given widths, with which the exponent of the quantiles ([`Statistic::BoundQuantiles`]) is compared.
//!
//! # Both terms
//!
//! With mini-batches the two terms are identified separately, the first on networks that follow the full gradient, the
//! second on networks of one width beside the limit of their own particles; each with an upper confidence bound of the
//! smallest constant that covers ([`covering_constant`]). Their sum must then cover networks that neither saw
//! ([`excess`]).
//!
//! [`Statistic::BoundQuantiles`]: super::fit::Statistic::BoundQuantiles

use super::estimate::{Estimate, Hypothesis, Side};
use super::fit::{Bootstrap, DataPoint, FitFailure, LeastSquares, Statistic, points};
use crate::number;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// `z` at which the bound holds with probability 0.95: `sqrt(-ln 0.05)`, about 1.7308.
pub fn z_95() -> f64 {
    (-0.05_f64.ln()).sqrt()
}

/// `(sqrt(log N) + z) / sqrt(N)`, for width `n >= 1`.
pub fn width_form(n: f64, z: f64) -> f64 {
    (n.ln().sqrt() + z) / n.sqrt()
}

/// `sqrt(eps) (sqrt(p + log N) + z)`, for step `eps >= 0`, `p` parameters in a neuron and width `n >= 1`.
pub fn step_form(eps: f64, p: f64, n: f64, z: f64) -> f64 {
    eps.sqrt() * ((p + n.ln()).sqrt() + z)
}

/// The exponent of `sqrt(log N (1/N - 1/M))`, the slowest decay that the form allows, by least squares in log-log over
/// the given widths, each at least 2; `m` is the number of particles of the limit, infinite for a grid. NaN with fewer
/// than two widths.
pub fn slowest_decay(widths: &[f64], m: f64) -> f64 {
    let log_n: Vec<f64> = widths.iter().map(|n| n.ln()).collect();
    let log_decay = widths.iter().zip(&log_n).map(|(n, log_n)| 0.5 * (log_n * (1.0 / n - 1.0 / m)).ln());
    LeastSquares::new(&log_n).map_or(f64::NAN, |line| line.fit(log_decay).0)
}

/// The terms of the bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "form")]
pub enum BoundForm {
    /// The first term as a function of the width `N`: full gradient, small step.
    Width,
    /// The second term as a function of the step `eps`.
    Step {
        /// Parameters in a neuron.
        #[serde(with = "number")]
        p: f64,
        /// Width.
        #[serde(with = "number")]
        n: f64,
    },
    /// Both terms as functions of the width `N`, at a fixed step.
    WidthAndStep {
        /// Step.
        #[serde(with = "number")]
        eps: f64,
        /// Parameters in a neuron.
        #[serde(with = "number")]
        p: f64,
        /// Constant of the second term over that of the first.
        #[serde(with = "number")]
        ratio: f64,
    },
}

impl BoundForm {
    /// The form without its constant, at abscissa `x` (`N` or `eps`).
    pub fn at(&self, x: f64, z: f64) -> f64 {
        match *self {
            Self::Width => width_form(x, z),
            Self::Step { p, n } => step_form(x, p, n, z),
            Self::WidthAndStep { eps, p, ratio } => width_form(x, z) + ratio * step_form(eps, p, x, z),
        }
    }

    /// The geometric mean of the form at abscissa `x` over the `z` at which the quantiles of `seeds` seeds are taken.
    pub fn typical(&self, x: f64, seeds: usize) -> f64 {
        let z = Statistic::bound_z(seeds);
        (z.iter().map(|&z| self.at(x, z).ln()).sum::<f64>() / z.len() as f64).exp()
    }
}

/// The form times a fitted constant, between `z = 0` and the `z` of probability 0.95.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoundBand {
    /// The terms of the bound.
    pub form: BoundForm,
    /// The fitted constant in place of `C e^{C T}`.
    pub constant: f64,
    /// `z` of the lower curve, 0.
    pub z_low: f64,
    /// `z` of the upper curve, [`z_95`].
    pub z_high: f64,
}

/// Why no constant could be fitted or no drift tested.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BoundError {
    /// No measurement is finite and nonnegative.
    #[error("none of {points} measurements is finite and nonnegative: no constant covers them")]
    NothingMeasured {
        /// Number of measurements given.
        points: usize,
    },
    /// The form is not a positive number at an abscissa.
    #[error("the bound's form is {value} at abscissa {x}: widths must be at least 1, steps positive")]
    Abscissa {
        /// The abscissa.
        x: f64,
        /// The form there.
        value: f64,
    },
    /// The points could not be computed.
    #[error(transparent)]
    Fit(#[from] FitFailure),
}

impl BoundBand {
    /// The smallest constant with which every measurement `(abscissa, gap)` lies under the upper curve. Measurements
    /// that are not finite (diverged networks) are left out.
    ///
    /// # Errors
    /// [`BoundError::NothingMeasured`] or [`BoundError::Abscissa`].
    pub fn envelope(measured: &[(f64, f64)], form: BoundForm) -> Result<Self, BoundError> {
        let z_high = z_95();
        let mut constant: Option<f64> = None;
        for &(x, gap) in measured.iter().filter(|(_, gap)| gap.is_finite() && *gap >= 0.0) {
            let ratio = gap / positive_form(form, x, z_high)?;
            constant = Some(constant.map_or(ratio, |c| c.max(ratio)));
        }
        let constant = constant.ok_or(BoundError::NothingMeasured { points: measured.len() })?;
        Ok(Self { form, constant, z_low: 0.0, z_high })
    }

    /// The lower curve at abscissa `x`.
    pub fn low(&self, x: f64) -> f64 {
        self.constant * self.form.at(x, self.z_low)
    }

    /// The upper curve at abscissa `x`.
    pub fn high(&self, x: f64) -> f64 {
        self.constant * self.form.at(x, self.z_high)
    }

    /// `(x, low, high)` over a grid of abscissae.
    pub fn curve(&self, grid: &[f64]) -> Vec<(f64, f64, f64)> {
        grid.iter().map(|&x| (x, self.low(x), self.high(x))).collect()
    }
}

/// The logarithm of the typical quantile over the form, per row of `gaps` (V, S) at abscissae `x` (V).
fn log_ratios(
    x: &[f64],
    gaps: ArrayView2<f64>,
    form: BoundForm,
    bootstrap: &Bootstrap,
) -> Result<Vec<(f64, Estimate)>, BoundError> {
    let points: Vec<DataPoint> = points(x, gaps, Statistic::BoundQuantiles, bootstrap)?;
    let mut ratios = Vec::new();
    for point in points {
        let Some(estimate) = point.log_estimate.filter(|e| e.standard_error > 0.0) else { continue };
        positive_form(form, point.x, 0.0)?;
        let value = estimate.value - form.typical(point.x, point.seeds).ln();
        ratios.push((point.x, Estimate { value, ..estimate }));
    }
    if ratios.is_empty() { Err(BoundError::NothingMeasured { points: x.len() }) } else { Ok(ratios) }
}

/// An upper confidence bound, at 95 % for all rows together, of the smallest constant with which the form covers the
/// quantiles of the gaps (V, S) at abscissae `x` (V). NaN = diverged.
///
/// # Errors
/// [`BoundError`] where nothing was measured with two seeds or more, or the form is not positive.
pub fn covering_constant(
    x: &[f64],
    gaps: ArrayView2<f64>,
    form: BoundForm,
    bootstrap: &Bootstrap,
) -> Result<f64, BoundError> {
    let ratios = log_ratios(x, gaps, form, bootstrap)?;
    let level = 1.0 - 2.0 * (1.0 - bootstrap.level) / ratios.len() as f64;
    let ends = ratios.iter().map(|(_, estimate)| estimate.interval(level).1);
    Ok(ends.fold(f64::NEG_INFINITY, f64::max).exp())
}

/// By how much the quantiles exceed a form with its constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundExcess {
    /// The largest quantile over the form.
    pub ratio: f64,
    /// Its abscissa.
    pub at: f64,
    /// The level of significance at which the quantiles exceed the form anywhere (Bonferroni over the rows).
    pub p: f64,
}

/// By how much the quantiles of the gaps (V, S) at abscissae `x` (V) exceed `constant` times the form.
///
/// # Errors
/// [`BoundError`] where nothing was measured with two seeds or more, or the form is not positive.
pub fn excess(
    x: &[f64],
    gaps: ArrayView2<f64>,
    constant: f64,
    form: BoundForm,
    bootstrap: &Bootstrap,
) -> Result<BoundExcess, BoundError> {
    let ratios = log_ratios(x, gaps, form, bootstrap)?;
    let covered = Hypothesis::new(Side::AtMost, constant.ln());
    let (mut worst, mut p) = (BoundExcess { ratio: 0.0, at: f64::NAN, p: 1.0 }, 1.0_f64);
    for (x, estimate) in &ratios {
        p = p.min(estimate.p_value(&covered));
        let ratio = estimate.value.exp() / constant;
        if ratio > worst.ratio {
            worst = BoundExcess { ratio, at: *x, p: 1.0 };
        }
    }
    Ok(BoundExcess { p: (p * ratios.len() as f64).min(1.0), ..worst })
}

/// The form, where it is positive and finite.
fn positive_form(form: BoundForm, x: f64, z: f64) -> Result<f64, BoundError> {
    let value = form.at(x, z);
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err(BoundError::Abscissa { x, value }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fit::fit_slope;
    use crate::analysis::verdict::{Check, Exponent, Verdict};
    use crate::compute::rng::{Role, stream};
    use ndarray::Array2;
    use rand_distr::{Distribution, StandardNormal};

    const WIDTHS: [f64; 4] = [16.0, 32.0, 64.0, 128.0];

    /// Gaps `scale(N) (level + spread z)` of `seeds` seeds, `z` the largest of two absolute normal variables.
    fn gaps(seeds: usize, table: u64, scale: impl Fn(f64) -> (f64, f64)) -> Array2<f64> {
        let mut rng = stream(5, Role::Start, table, 0);
        let mut normal = move || -> f64 { StandardNormal.sample(&mut rng) };
        Array2::from_shape_fn((4, seeds), |(v, _)| {
            let (level, spread) = scale(WIDTHS[v]);
            level + spread * normal().abs().max(normal().abs())
        })
    }

    fn verdict(table: &Array2<f64>) -> Verdict {
        let fit = fit_slope(&WIDTHS, table.view(), Statistic::BoundQuantiles, &Bootstrap::new(1, 0));
        let exponent = Exponent::at_most(slowest_decay(&WIDTHS, f64::INFINITY));
        Check::exponent("bound", "", &exponent, &fit).verdict
    }

    #[test]
    fn forms_by_hand() {
        let e4 = 4.0_f64.exp();
        assert!((width_form(e4, 1.0) - 3.0 * (-2.0_f64).exp()).abs() < 1e-15);
        assert!((step_form(0.25, 5.0, e4, 1.0) - 2.0).abs() < 1e-15);
        assert!(((-z_95() * z_95()).exp() - 0.05).abs() < 1e-15);
        let both = BoundForm::WidthAndStep { eps: 0.25, p: 5.0, ratio: 1.0 };
        assert!((both.at(e4, 1.0) - 2.0 - 3.0 * (-2.0_f64).exp()).abs() < 1e-15);
        // log(log N) = log 2 and log 4 at N = e^2 and e^4.
        let slope = slowest_decay(&[2.0_f64.exp(), e4], f64::INFINITY);
        assert!((slope - (-0.5 + 0.25 * 2.0_f64.ln())).abs() < 1e-14);
        // Beside 2 N particles the second width has half the square.
        let slope = slowest_decay(&[2.0_f64.exp(), e4], 2.0 * e4);
        let first = (1.0 - 0.5 * (-2.0_f64).exp()).ln();
        assert!((slope - (-0.5 + 0.25 * 2.0_f64.ln() + 0.25 * (0.5_f64.ln() - first))).abs() < 1e-14);
    }

    #[test]
    fn the_envelope_is_the_smallest() {
        let points = [(100.0, 0.3), (400.0, 0.2), (1600.0, 0.05), (800.0, f64::NAN)];
        let band = BoundBand::envelope(&points, BoundForm::Width).unwrap();
        let slack = |x: f64, gap: f64| 1.0 - gap / band.high(x);
        let tightest = points[..3].iter().map(|&(x, gap)| slack(x, gap)).fold(f64::INFINITY, f64::min);
        assert!(tightest.abs() < 1e-15, "touches one point and covers the others: {tightest}");
        assert!(band.curve(&WIDTHS).iter().all(|&(_, low, high)| 0.0 < low && low < high));
        assert_eq!(band.low(1.0), 0.0);
    }

    #[test]
    fn what_has_no_band_or_constant() {
        let nothing = Err(BoundError::NothingMeasured { points: 1 });
        assert_eq!(BoundBand::envelope(&[(10.0, f64::NAN)], BoundForm::Width), nothing);
        assert!(matches!(
            BoundBand::envelope(&[(0.5, 1.0)], BoundForm::Width),
            Err(BoundError::Abscissa { x: 0.5, .. })
        ));
        let (one, bootstrap) = (Array2::from_elem((4, 1), 1.0), Bootstrap::new(0, 0));
        let constant = covering_constant(&WIDTHS, one.view(), BoundForm::Width, &bootstrap);
        assert_eq!(constant, Err(BoundError::NothingMeasured { points: 4 }), "one seed");
    }

    #[test]
    fn any_proportion_of_the_two_parts_is_within_the_form() {
        // The law of the largest of many normal variables has both parts; each alone is an extreme case.
        for (first, second) in [(1.0, 0.0), (1.0, 0.3), (0.3, 1.0), (0.0, 1.0)] {
            let scale = |n: f64| (first * n.ln().sqrt() / n.sqrt(), second / n.sqrt() + 1e-3 / n.sqrt());
            let failed = (0..40).filter(|&table| verdict(&gaps(100, table, scale)) == Verdict::Fails).count();
            assert!(failed <= 3, "{first} {second}: {failed} of 40");
        }
    }

    #[test]
    fn gaps_that_fall_too_slowly_fail() {
        for seeds in [12, 100] {
            assert_eq!(verdict(&gaps(seeds, 0, |_| (1.0, 0.2))), Verdict::Fails, "{seeds}: does not fall");
            assert_eq!(verdict(&gaps(seeds, 1, |n| (n.powf(-0.1), 0.1 * n.powf(-0.1)))), Verdict::Fails, "{seeds}");
        }
        assert_eq!(verdict(&gaps(100, 2, |n| (n.powf(-0.25), 0.2 * n.powf(-0.25)))), Verdict::Fails);
        assert_eq!(verdict(&gaps(12, 3, |n| (1.0 / n, 0.2 / n))), Verdict::Holds);
    }

    #[test]
    fn the_sum_of_two_terms_covers_what_is_their_sum() {
        let bootstrap = Bootstrap::new(1, 0);
        let (eps, p) = (0.02_f64, 4.0);
        let normal = |n: f64| (n.ln().sqrt() / n.sqrt(), 1.0 / n.sqrt());
        let first = covering_constant(&WIDTHS, gaps(12, 0, normal).view(), BoundForm::Width, &bootstrap).unwrap();
        let of_step = |n: f64| (eps.sqrt() * (p + n.ln()).sqrt(), eps.sqrt());
        let second_form = BoundForm::Step { p, n: 16.0 };
        let sweep = gaps(12, 1, |_| of_step(16.0));
        let second = covering_constant(&[eps], sweep.slice(ndarray::s![..1, ..]), second_form, &bootstrap).unwrap();
        let form = BoundForm::WidthAndStep { eps, p, ratio: second / first };
        let sum = |factor: f64| {
            gaps(12, 2, move |n| (normal(n).0 + factor * of_step(n).0, normal(n).1 + factor * of_step(n).1))
        };
        let covered = excess(&WIDTHS, sum(1.0).view(), first, form, &bootstrap).unwrap();
        assert!(covered.p > 0.2 && covered.ratio < 1.1, "{covered:?}");
        let broken = excess(&WIDTHS, sum(3.0).view(), first, form, &bootstrap).unwrap();
        assert!(broken.p < 0.001 && broken.ratio > 1.2, "three times the noise: {broken:?}");
    }
}
