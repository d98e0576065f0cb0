//! Shifting and scaling inputs, and the record of it.
//!
//! Moments are those of the kept sample, which *is* the population (division by n, not n - 1):
//! `x <- (x - mean) / scale` with `scale` the standard deviation. A constant feature becomes 0, with scale 1 recorded.

use crate::choice::choice;
use ndarray::{Array1, Array2};
use serde::Serialize;

use super::PopulationError;

choice! {
    /// Which moments of the inputs are set to mean 0 and variance 1.
    pub enum Standardise: "standardisation" {
        /// Inputs as they are.
        None = "none",
        /// One mean and one scale over all features of all samples.
        Global = "global",
        /// A mean and a scale for each feature.
        PerFeature = "per-feature",
    }
}

/// What was done to the inputs: `x <- (x - mean) / scale`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Standardisation {
    /// One mean and scale for every feature.
    Global {
        /// Mean over all features of all samples.
        mean: f64,
        /// Standard deviation over the same, or 1 where all are equal.
        scale: f64,
    },
    /// A mean and scale per feature, each of length d.
    PerFeature {
        /// Mean of each feature.
        mean: Vec<f64>,
        /// Standard deviation of each feature, or 1 where it is constant.
        scale: Vec<f64>,
    },
}

impl Standardise {
    /// Standardises `x` (n, d) in place; n and d at least 1, entries finite.
    ///
    /// # Errors
    /// [`PopulationError::Spread`] where a spread over- or underflows double precision.
    pub(super) fn apply(self, x: &mut Array2<f64>) -> Result<Option<Standardisation>, PopulationError> {
        if self == Self::None {
            return Ok(None);
        }
        let pooled = self == Self::Global;
        // One slot per feature, or a single one that ndarray broadcasts over all of them.
        let (low, high) = (extreme(x, pooled, f64::min), extreme(x, pooled, f64::max));

        // Twice: the second time takes what rounding left of the mean. Of a constant feature the first leaves a few equal
        // units in the last place, whose sum is exact, so that it becomes 0 and not noise scaled to 1.
        let mut mean = mean_of(x, pooled, |v| v);
        *x -= &mean;
        let correction = mean_of(x, pooled, |v| v);
        *x -= &correction;
        mean += &correction;

        // Squares are taken of numbers in [-1, 1], so that tiny and huge units do not leave the double range.
        let mut half = extreme(x, pooled, |a, b| a.abs().max(b.abs())).mapv(f64::abs);
        half.mapv_inplace(|half| if half == 0.0 { 1.0 } else { half });
        *x /= &half;
        let mut deviation = mean_of(x, pooled, |v| v * v).mapv(f64::sqrt);
        deviation.mapv_inplace(|deviation| if deviation == 0.0 { 1.0 } else { deviation });
        *x /= &deviation;
        let scale = half * deviation;

        for (j, (&mean, &scale)) in mean.iter().zip(&scale).enumerate() {
            if !mean.is_finite() || !scale.is_normal() {
                let feature = if pooled { "the inputs".to_owned() } else { format!("input {j} (from 0)") };
                return Err(PopulationError::Spread { feature, spread: high[j] - low[j] });
            }
        }
        Ok(Some(if pooled {
            Standardisation::Global { mean: mean[0], scale: scale[0] }
        } else {
            Standardisation::PerFeature { mean: mean.to_vec(), scale: scale.to_vec() }
        }))
    }
}

/// The mean of f(entry), per feature (d) or of all (1): row by row, so that a large sample is not copied.
fn mean_of(x: &Array2<f64>, pooled: bool, f: fn(f64) -> f64) -> Array1<f64> {
    let mut sums = Array1::zeros(x.ncols());
    for row in x.rows() {
        sums.zip_mut_with(&row, |sum: &mut f64, &v| *sum += f(v));
    }
    if pooled { Array1::from_elem(1, sums.sum() / x.len() as f64) } else { sums / x.nrows() as f64 }
}

/// The least or largest entry, per feature (d) or of all (1).
fn extreme(x: &Array2<f64>, pooled: bool, pick: fn(f64, f64) -> f64) -> Array1<f64> {
    let mut each = x.row(0).to_owned();
    for row in x.rows() {
        each.zip_mut_with(&row, |best, &v| *best = pick(*best, v));
    }
    if pooled { Array1::from_elem(1, each.iter().copied().fold(each[0], pick)) } else { each }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Column 0 has mean 2 and population variance 2/3; column 1 is constant at a value that sums inexactly.
    #[test]
    fn per_feature_by_hand() {
        let mut x = array![[1.0, 0.1], [2.0, 0.1], [3.0, 0.1]];
        let record = Standardise::PerFeature.apply(&mut x).unwrap();
        let root = 1.5_f64.sqrt();
        for (found, expected) in x.iter().zip([-root, 0.0, 0.0, 0.0, root, 0.0]) {
            assert!((found - expected).abs() < 1e-15);
        }
        let Some(Standardisation::PerFeature { mean, scale }) = record else { panic!("{record:?}") };
        assert_eq!((mean[0], mean[1], scale[1]), (2.0, 0.1, 1.0));
        assert!((scale[0] - (2.0_f64 / 3.0).sqrt()).abs() < 1e-15);
    }

    /// Entries 1, 1, 3, 3: mean 2, standard deviation 1.
    #[test]
    fn global_by_hand() {
        let mut x = array![[1.0, 3.0], [1.0, 3.0]];
        let record = Standardise::Global.apply(&mut x).unwrap();
        assert_eq!(record, Some(Standardisation::Global { mean: 2.0, scale: 1.0 }));
        assert_eq!(x, array![[-1.0, 1.0], [-1.0, 1.0]]);
    }

    /// Units do not matter, however small or large, until doubles end; a large common offset costs only its own rounding.
    #[test]
    fn extreme_units() {
        for unit in [1e-290, 1e-200, 1e200, 1e290] {
            let mut x = array![[unit], [3.0 * unit]];
            Standardise::PerFeature.apply(&mut x).unwrap();
            assert!((x[[0, 0]] + 1.0).abs() < 1e-15 && (x[[1, 0]] - 1.0).abs() < 1e-15, "{unit}: {x}");
        }
        for (low, high) in [(1.6e308, 1.7e308), (0.0, 5e-324)] {
            let error = Standardise::PerFeature.apply(&mut array![[low], [high]]).unwrap_err();
            assert!(matches!(error, PopulationError::Spread { .. }), "{error}");
        }
    }

    /// A constant feature is 0 exactly, at any n, although its rounded mean need not be the constant; and a large common
    /// offset leaves no mean behind.
    #[test]
    fn rounding_of_the_mean() {
        for n in 2..300 {
            let mut x = Array2::from_elem((n, 1), 1.0 / 3.0);
            Standardise::PerFeature.apply(&mut x).unwrap();
            assert!(x.iter().all(|&v| v == 0.0), "n = {n}: {}", x[[0, 0]]);
        }
        let mut x = Array2::from_shape_fn((997, 1), |(i, _)| 1e9 + 0.1 * i as f64);
        Standardise::Global.apply(&mut x).unwrap();
        assert!((x.sum() / 997.0).abs() < 1e-12, "{:e}", x.sum() / 997.0);
    }

    #[test]
    fn none_leaves_all() {
        let mut x = array![[1.0, 5.0]];
        assert_eq!(Standardise::None.apply(&mut x).unwrap(), None);
        assert_eq!(x, array![[1.0, 5.0]]);
    }
}
