//! The mean difference of two scores on the same samples, by the paired bootstrap.

use super::estimate::Estimate;
use super::points::Bootstrap;
use super::quantile::quantile;
use crate::compute::rng::{Role, stream};
use rand::RngExt;

/// The mean of `a_i - b_i` over samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedDifference {
    /// The mean, its standard error by the bootstrap, and n - 1 degrees of freedom.
    pub estimate: Estimate,
    /// Percentile interval of the resampled means, at the level of the bootstrap.
    pub interval: (f64, f64),
}

/// Why a mean difference has no interval.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NoSpread {
    /// There are fewer than two samples.
    #[error("{} to compare on: an interval needs at least 2", match .samples { 0 => "no sample".into(), n => format!("{n} sample") })]
    Samples {
        /// Their number.
        samples: usize,
    },
    /// Both scores are the same on every sample.
    #[error("both have the same loss on every one of {samples} samples, so that there is no difference to judge")]
    Equal {
        /// Their number.
        samples: usize,
    },
    /// The scores differ by the same on every sample.
    #[error(
        "the two differ by {difference:.3e} on every one of {samples} samples, so that nothing is known of the spread"
    )]
    Constant {
        /// The difference.
        difference: f64,
        /// The number of samples.
        samples: usize,
    },
}

/// The mean of `a_i - b_i`, with resampled samples.
///
/// # Errors
/// [`NoSpread`] for fewer than two samples, and where all differences are the same.
///
/// # Panics
/// If the numbers of samples differ.
pub fn paired_difference(a: &[f64], b: &[f64], bootstrap: &Bootstrap) -> Result<PairedDifference, NoSpread> {
    assert_eq!(a.len(), b.len(), "scores of the same samples");
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let n = differences.len();
    if n < 2 {
        return Err(NoSpread::Samples { samples: n });
    }
    let difference = differences[0];
    if differences.iter().all(|d| *d == difference) {
        return Err(match difference == 0.0 {
            true => NoSpread::Equal { samples: n },
            false => NoSpread::Constant { difference, samples: n },
        });
    }
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / n as f64;
    let resampled = |resample: usize| {
        let mut rng = stream(bootstrap.seed, Role::Bootstrap, resample as u64, bootstrap.salt);
        mean(&mut (0..n).map(|_| differences[rng.random_range(0..n)]))
    };
    let means: Vec<f64> = (0..bootstrap.resamples).map(resampled).collect();
    let value = mean(&mut differences.iter().copied());
    let variance = means.iter().map(|m| (m - value).powi(2)).sum::<f64>() / means.len() as f64;
    // The variance of resampled samples is too small by (n - 1) / n.
    let standard_error = (variance * n as f64 / (n - 1) as f64).sqrt();
    let tail = 0.5 * (1.0 - bootstrap.level);
    let end = |q: f64| quantile(means.iter().copied(), q);
    let estimate = Estimate { value, standard_error, degrees_of_freedom: (n - 1) as f64 };
    Ok(PairedDifference { estimate, interval: (end(tail), end(1.0 - tail)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard error of a mean is known in closed form; what both scores share has no part in it.
    #[test]
    fn the_error_is_that_of_the_mean_difference() {
        let mut rng = stream(3, Role::Start, 0, 0);
        let mut uniform = || rng.random::<f64>();
        let common: Vec<f64> = (0..200).map(|_| 100.0 * uniform()).collect();
        let differences: Vec<f64> = (0..200).map(|_| 0.3 + uniform()).collect();
        let a: Vec<f64> = common.iter().zip(&differences).map(|(c, d)| c + d).collect();
        let bootstrap = Bootstrap { resamples: 20_000, ..Bootstrap::new(1, 0) };
        let found = paired_difference(&a, &common, &bootstrap).unwrap();
        let mean = differences.iter().sum::<f64>() / 200.0;
        let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 199.0;
        let expected = (variance / 200.0).sqrt();
        assert!((found.estimate.value - mean).abs() < 1e-12);
        assert!((found.estimate.standard_error / expected - 1.0).abs() < 0.03, "{found:?} {expected}");
        assert!((found.interval.0 - (mean - 1.96 * expected)).abs() < 0.1 * expected, "{found:?}");
        assert!((found.interval.1 - (mean + 1.96 * expected)).abs() < 0.1 * expected, "{found:?}");
    }

    #[test]
    fn equal_differences_and_single_samples_have_no_error() {
        let bootstrap = Bootstrap::new(1, 0);
        let why = |a: &[f64], b: &[f64]| paired_difference(a, b, &bootstrap).unwrap_err().to_string();
        assert_eq!(
            why(&[1.0, 2.0], &[1.0, 2.0]),
            "both have the same loss on every one of 2 samples, so that there is no difference to judge"
        );
        assert!(why(&[1.0, 2.0], &[1.5, 2.5]).starts_with("the two differ by -5.000e-1 on every one of 2 samples"));
        assert_eq!(why(&[1.0], &[2.0]), "1 sample to compare on: an interval needs at least 2");
        assert_eq!(why(&[], &[]), "no sample to compare on: an interval needs at least 2");
    }
}
