//! The mean change of the loss over random sets of neurons, beside its closed form.

use super::estimate::normal_deviate;
use super::verdict::Check;
use ndarray::{ArrayView2, ArrayView3};
use statrs::distribution::{ContinuousCDF, Normal};

/// Changes of the loss over random sets of M of the N neurons of trained networks, each (widths, seeds, sizes); NaN where
/// they were not computed.
pub struct DrawnChange<'a> {
    /// Mean over draws.
    pub mean: ArrayView3<'a, f64>,
    /// Its standard error.
    pub error: ArrayView3<'a, f64>,
    /// Skewness of the mean.
    pub skewness: ArrayView3<'a, f64>,
    /// The closed form of the mean.
    pub predicted: ArrayView3<'a, f64>,
}

/// The mean, its standard error and its skewness of the changes over draws.
pub fn moments(drawn: &[f64]) -> [f64; 3] {
    let count = drawn.len() as f64;
    let mean = drawn.iter().sum::<f64>() / count;
    let moment = |k: i32| drawn.iter().map(|x| (x - mean).powi(k)).sum::<f64>() / count;
    let error = (drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count * (count - 1.0))).sqrt();
    [mean, error, moment(3) / moment(2).powf(1.5) / count.sqrt()]
}

/// Parts of a loss below this are rounding of its evaluation.
const ROUNDING: f64 = 1e-13;

/// Compares Monte Carlo averages with the closed form at every (N, M), seeds combined. The deviation in standard errors is
/// transformed to a normal one, as averages of few skewed changes are skewed; the level is divided among the comparisons
/// (Bonferroni).
pub fn closed_form_check(
    name: &str,
    of: &str,
    (widths, sizes): (&[usize], &[usize]),
    changes: &DrawnChange<'_>,
    loss: ArrayView2<'_, f64>,
) -> Check {
    let (mut worst, mut at, mut count) = (f64::NAN, String::new(), 0_u32);
    for (w, n) in widths.iter().enumerate() {
        let rounding = ROUNDING * loss.row(w).iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
        for (m, kept) in sizes.iter().enumerate() {
            let (mut bias, mut variance, mut third) = (0.0, 0.0, 0.0);
            for seed in 0..loss.ncols() {
                let at = [w, seed, m];
                let (mean, expected) = (changes.mean[at], changes.predicted[at]);
                let (error, skewness) = (changes.error[at], changes.skewness[at]);
                if mean.is_finite() && error.is_finite() && skewness.is_finite() {
                    bias += mean - expected;
                    variance += error * error;
                    third += skewness * error.powi(3);
                }
            }
            let error = variance.sqrt();
            // Without a spread beyond rounding, as between equal neurons, there is nothing to compare.
            if error <= rounding {
                continue;
            }
            let z = normal_deviate(bias / error, third / error.powi(3));
            count += 1;
            if worst.is_nan() || z > worst {
                (worst, at) = (z, format!("N = {n}, M = {kept}"));
            }
        }
    }
    let statement =
        format!("{of}E_A R(f_A) - R(f_N) = (N - M) S^2 / (2 M (N - 1)): Monte Carlo agrees, in standard errors");
    if count == 0 {
        let reason = "no comparison: every set of neurons gives the same loss, or nothing was drawn";
        return Check::not_measured(name, statement, None, reason);
    }
    let limit = Normal::standard().inverse_cdf(1.0 - 0.025 / f64::from(count));
    let p = (2.0 * Normal::standard().sf(worst) * f64::from(count)).min(1.0);
    let detail = format!(
        "largest deviation {worst:.2} standard errors, at {at}; limit {limit:.2} for {count} comparisons at level 5 %"
    );
    Check::at_most_with_p(name, statement, worst, limit, p, detail)
}
