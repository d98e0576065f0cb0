//! The form of the finite-width bound of Wu, Kungurtsev, Mondelli (TMLR 2023), its fitted constant, and the drift of
//! measurements relative to it.
//!
//! With probability at least `1 - exp(-z^2)`, uniformly over `t <= T`,
//!
//! ```text
//! gap <= C e^{C T} ( (sqrt(log N) + z)/sqrt(N)  +  sqrt(eps) (sqrt(p + log N) + z) )
//! ```
//!
//! for the coupling and the loss gap (not for their squares). `C` is never explicit, so the two terms are forms: the
//! constant is fitted as the smallest one that covers every measurement, and what can be contradicted is the shape, by
//! a trend of `measured / form`.

use super::fit::{Bootstrap, FitFailure, SlopeFit, Statistic, fit_slope};
use super::verdict::{Check, Exponent};
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

/// The terms of the bound that a measurement is compared with, and their abscissa.
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
        /// Weight of the second term relative to the first: the constants of the two terms differ.
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

    /// Both terms, in the proportion that fits the gaps `(N, typical gap)` best: least squares of the relative misfit
    /// of `c_1 A(N) + c_2 B(N)` at [`z_95`] with nonnegative constants, `ratio = c_2 / c_1`.
    pub fn width_and_step(eps: f64, p: f64, gaps: &[(f64, f64)]) -> Self {
        let sums = gaps.iter().filter(|(_, gap)| *gap > 0.0 && gap.is_finite()).fold([0.0; 5], |s, &(n, gap)| {
            let (a, b) = (width_form(n, z_95()) / gap, step_form(eps, p, n, z_95()) / gap);
            [s[0] + a * a, s[1] + a * b, s[2] + b * b, s[3] + a, s[4] + b]
        });
        let [aa, ab, bb, a, b] = sums;
        let (c_1, c_2) = (a * bb - b * ab, b * aa - a * ab);
        let ratio = match (c_1 > 0.0, c_2 > 0.0) {
            (true, true) => c_2 / c_1,
            (true, false) => 0.0,
            // Only the second term contributes: the first one is kept with a negligible weight, so that the form stays
            // a sum.
            (false, true) => 1e6,
            (false, false) => 1.0,
        };
        Self::WidthAndStep { eps, p, ratio }
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
    /// The drift could not be fitted.
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

/// The slope of `log(measured / form)` against the log of the abscissa, form at [`z_95`].
///
/// `x`: abscissae (V); `gaps` (V, S): the gap itself, not its square, NaN = diverged. Use [`Statistic::RootMeanSquare`]
/// for a typical gap.
///
/// # Errors
/// [`BoundError::Abscissa`], or the fit's failure.
pub fn drift(
    x: &[f64],
    gaps: ArrayView2<f64>,
    form: BoundForm,
    statistic: Statistic,
    bootstrap: &Bootstrap,
) -> Result<SlopeFit, BoundError> {
    let mut ratios = gaps.to_owned();
    for (mut row, &x) in ratios.rows_mut().into_iter().zip(x) {
        row /= positive_form(form, x, z_95())?;
    }
    Ok(fit_slope(x, ratios.view(), statistic, bootstrap)?)
}

/// Checks that the measured gap follows the form of the bound. As a function of the width it fails where the interval
/// of the drift lies entirely above 0 (the gap decays more slowly than the form), as a function of the step where it
/// lies entirely below. Without a drift the check is not resolved, with the reason as its detail.
pub fn drift_check(
    name: impl Into<String>,
    statement: impl Into<String>,
    drift: &Result<SlopeFit, BoundError>,
    form: BoundForm,
    near_reference: bool,
) -> Check {
    let fit = match drift {
        Ok(fit) => Ok(fit.clone()),
        Err(BoundError::Fit(failure)) => Err(failure.clone()),
        Err(error) => return Check::not_measured(name, statement, Some(0.0), error.to_string()),
    };
    let rule = Exponent::new(0.0).near_reference(near_reference);
    match form {
        BoundForm::Step { .. } => Check::exponent_at_least(name, statement, &fit, rule),
        BoundForm::Width | BoundForm::WidthAndStep { .. } => Check::exponent_at_most(name, statement, &fit, rule),
    }
}

/// The form, where it is positive and finite.
fn positive_form(form: BoundForm, x: f64, z: f64) -> Result<f64, BoundError> {
    let value = form.at(x, z);
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err(BoundError::Abscissa { x, value }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::verdict::Verdict;
    use crate::compute::rng::{Role, stream};
    use ndarray::Array2;
    use rand::RngExt;

    const WIDTHS: [f64; 5] = [100.0, 200.0, 400.0, 800.0, 1600.0];

    /// Gaps `scale(N)` with a factor uniform in [0.8, 1.2].
    fn gaps(scale: impl Fn(f64) -> f64) -> Array2<f64> {
        let mut rng = stream(5, Role::Start, 0, 0);
        Array2::from_shape_fn((5, 12), |(v, _)| scale(WIDTHS[v]) * (0.8 + 0.4 * rng.random::<f64>()))
    }

    fn verdict(scale: impl Fn(f64) -> f64, form: BoundForm) -> Verdict {
        let fit = drift(&WIDTHS, gaps(scale).view(), form, Statistic::RootMeanSquare, &Bootstrap::new(1, 0));
        drift_check("drift", "", &fit, form, false).verdict
    }

    #[test]
    fn forms_by_hand() {
        let e4 = 4.0_f64.exp();
        assert!((width_form(e4, 1.0) - 3.0 * (-2.0_f64).exp()).abs() < 1e-15);
        assert!((step_form(0.25, 5.0, e4, 1.0) - 2.0).abs() < 1e-15);
        assert!(((-z_95() * z_95()).exp() - 0.05).abs() < 1e-15);
        let both = BoundForm::WidthAndStep { eps: 0.25, p: 5.0, ratio: 1.0 };
        assert!((both.at(e4, 1.0) - 2.0 - 3.0 * (-2.0_f64).exp()).abs() < 1e-15);
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
    fn what_has_no_band() {
        assert_eq!(
            BoundBand::envelope(&[(10.0, f64::NAN)], BoundForm::Width),
            Err(BoundError::NothingMeasured { points: 1 })
        );
        assert!(matches!(
            BoundBand::envelope(&[(0.5, 1.0)], BoundForm::Width),
            Err(BoundError::Abscissa { x: 0.5, .. })
        ));
        let one_seed = Array2::from_elem((5, 1), 1.0);
        assert!(matches!(
            drift(&WIDTHS, one_seed.view(), BoundForm::Width, Statistic::Mean, &Bootstrap::new(0, 0)),
            Err(BoundError::Fit(FitFailure::OneSeed { .. }))
        ));
        let below_one = drift(&[0.5; 5], one_seed.view(), BoundForm::Width, Statistic::Mean, &Bootstrap::new(0, 0));
        let check = drift_check("drift", "", &below_one, BoundForm::Width, false);
        assert_eq!(check.verdict, Verdict::NotResolved);
        assert!(check.detail.contains("abscissa 0.5"), "{}", check.detail);
    }

    #[test]
    fn decay_as_fast_as_the_form_holds_and_slower_fails() {
        assert_eq!(verdict(|n| 3.0 * n.powf(-0.5), BoundForm::Width), Verdict::Holds);
        assert_eq!(verdict(|n| width_form(n, z_95()), BoundForm::Width), Verdict::Holds);
        assert_eq!(verdict(|n| 1.0 / n, BoundForm::Width), Verdict::Holds);
        assert_eq!(verdict(|n| n.powf(-0.25), BoundForm::Width), Verdict::Fails);
        assert_eq!(verdict(|_| 1.0, BoundForm::Width), Verdict::Fails);
    }

    #[test]
    fn along_the_step_the_sides_are_exchanged() {
        // The abscissae are taken as steps; the scale of the steps does not affect a slope.
        let form = BoundForm::Step { p: 4.0, n: 100.0 };
        assert_eq!(verdict(|eps| eps.sqrt(), form), Verdict::Holds);
        assert_eq!(verdict(|eps| eps, form), Verdict::Holds);
        assert_eq!(verdict(|eps| eps.powf(0.25), form), Verdict::Fails);
    }
}
