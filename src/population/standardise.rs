//! Standardisation of inputs: `x <- (x - mean) / scale` with `scale` the standard deviation.
//!
//! Moments are those of the empirical law of the sample (division by n, not n - 1). A constant feature becomes 0, with
//! a scale of 1.

use crate::choice::choice;
use ndarray::{Array1, Array2};
use serde::Serialize;

use super::PopulationError;

choice! {
    /// The kind of standardisation to mean 0 and variance 1.
    pub enum Standardise: "standardisation" {
        /// None.
        None = "none",
        /// One mean and one scale for all features of all samples.
        Global = "global",
        /// One mean and one scale for each feature.
        PerFeature = "per-feature",
    }
}

/// The transformation of the inputs, `x <- (x - mean) / scale`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Standardisation {
    /// One mean and one scale for all features.
    Global {
        /// Mean over all features of all samples.
        mean: f64,
        /// Standard deviation over all features of all samples, or 1 if all are equal.
        scale: f64,
    },
    /// One mean and one scale for each feature.
    PerFeature {
        /// Mean of each feature (d).
        mean: Vec<f64>,
        /// Standard deviation of each feature (d), or 1 if it is constant.
        scale: Vec<f64>,
    },
}

impl Standardisation {
    /// Transforms inputs `x` (n, d) in place.
    pub(super) fn transform(&self, x: &mut Array2<f64>) {
        match self {
            Self::Global { mean, scale } => x.mapv_inplace(|v| (v - mean) / scale),
            Self::PerFeature { mean, scale } => {
                for mut row in x.rows_mut() {
                    row.iter_mut().zip(mean.iter().zip(scale)).for_each(|(v, (mean, scale))| *v = (*v - mean) / scale);
                }
            }
        }
    }
}

impl Standardise {
    /// Standardises `x` (n, d) in place and returns the transformation; n and d are at least 1, and entries are finite. `data`
    /// names them in messages.
    ///
    /// # Errors
    /// [`PopulationError::Spread`] if a moment overflows or underflows.
    pub(super) fn apply(self, x: &mut Array2<f64>, data: &str) -> Result<Option<Standardisation>, PopulationError> {
        if self == Self::None {
            return Ok(None);
        }
        let pooled = self == Self::Global;
        // One entry per feature, or a single entry that is broadcast.
        let (low, high) = (extreme(x, pooled, f64::min), extreme(x, pooled, f64::max));

        // The second pass removes the rounding error of the mean. A constant feature is then exactly 0: the first pass
        // leaves equal values of a few units in the last place, whose mean is exact.
        let mut mean = mean_of(x, pooled, |v| v);
        *x -= &mean;
        let correction = mean_of(x, pooled, |v| v);
        *x -= &correction;
        mean += &correction;

        // Squares are taken of numbers in [-1, 1], so that very small and very large units neither overflow nor
        // underflow.
        let mut largest = extreme(x, pooled, |a, b| a.abs().max(b.abs())).mapv(f64::abs);
        largest.mapv_inplace(|largest| if largest == 0.0 { 1.0 } else { largest });
        *x /= &largest;
        let mut deviation = mean_of(x, pooled, |v| v * v).mapv(f64::sqrt);
        deviation.mapv_inplace(|deviation| if deviation == 0.0 { 1.0 } else { deviation });
        *x /= &deviation;
        let scale = largest * deviation;

        for (j, (&mean, &scale)) in mean.iter().zip(&scale).enumerate() {
            if !mean.is_finite() || !scale.is_normal() {
                let feature = if pooled { "the inputs".to_owned() } else { format!("input {j} (from 0)") };
                return Err(PopulationError::Spread { data: data.into(), feature, spread: high[j] - low[j] });
            }
        }
        Ok(Some(if pooled {
            Standardisation::Global { mean: mean[0], scale: scale[0] }
        } else {
            Standardisation::PerFeature { mean: mean.to_vec(), scale: scale.to_vec() }
        }))
    }
}

/// The mean of f(entry) per feature (d), or over all entries (1) if `pooled`. By rows, without a copy of the sample.
fn mean_of(x: &Array2<f64>, pooled: bool, f: fn(f64) -> f64) -> Array1<f64> {
    let mut sums = Array1::zeros(x.ncols());
    for row in x.rows() {
        sums.zip_mut_with(&row, |sum: &mut f64, &v| *sum += f(v));
    }
    if pooled { Array1::from_elem(1, sums.sum() / x.len() as f64) } else { sums / x.nrows() as f64 }
}

/// The reduction of the entries by `select` per feature (d), or of all entries (1) if `pooled`.
fn extreme(x: &Array2<f64>, pooled: bool, select: fn(f64, f64) -> f64) -> Array1<f64> {
    let mut extremes = x.row(0).to_owned();
    for row in x.rows() {
        extremes.zip_mut_with(&row, |extreme, &v| *extreme = select(*extreme, v));
    }
    if pooled { Array1::from_elem(1, extremes.iter().copied().fold(extremes[0], select)) } else { extremes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Column 0 has mean 2 and population variance 2/3; column 1 is constant at a value that sums inexactly.
    #[test]
    fn per_feature_by_hand() {
        let mut x = array![[1.0, 0.1], [2.0, 0.1], [3.0, 0.1]];
        let record = Standardise::PerFeature.apply(&mut x, "x.npz").unwrap();
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
        let record = Standardise::Global.apply(&mut x, "x.npz").unwrap();
        assert_eq!(record, Some(Standardisation::Global { mean: 2.0, scale: 1.0 }));
        assert_eq!(x, array![[-1.0, 1.0], [-1.0, 1.0]]);
    }

    /// The result does not depend on units within the range of double precision, beyond which an error is returned.
    #[test]
    fn extreme_units() {
        for unit in [1e-290, 1e-200, 1e200, 1e290] {
            let mut x = array![[unit], [3.0 * unit]];
            Standardise::PerFeature.apply(&mut x, "x.npz").unwrap();
            assert!((x[[0, 0]] + 1.0).abs() < 1e-15 && (x[[1, 0]] - 1.0).abs() < 1e-15, "{unit}: {x}");
        }
        for (low, high) in [(1.6e308, 1.7e308), (0.0, 5e-324)] {
            let error = Standardise::PerFeature.apply(&mut array![[low], [high]], "x.npz").unwrap_err();
            assert!(matches!(error, PopulationError::Spread { .. }), "{error}");
            assert!(error.to_string().contains("of x.npz"), "{error}");
        }
    }

    /// A constant feature becomes exactly 0 for any n, although its rounded mean may differ from the constant, and a
    /// large common offset leaves no mean.
    #[test]
    fn rounding_of_the_mean() {
        for n in 2..300 {
            let mut x = Array2::from_elem((n, 1), 1.0 / 3.0);
            Standardise::PerFeature.apply(&mut x, "x.npz").unwrap();
            assert!(x.iter().all(|&v| v == 0.0), "n = {n}: {}", x[[0, 0]]);
        }
        let mut x = Array2::from_shape_fn((997, 1), |(i, _)| 1e9 + 0.1 * i as f64);
        Standardise::Global.apply(&mut x, "x.npz").unwrap();
        assert!((x.sum() / 997.0).abs() < 1e-12, "{:e}", x.sum() / 997.0);
    }

    #[test]
    fn none_leaves_all() {
        let mut x = array![[1.0, 5.0]];
        assert_eq!(Standardise::None.apply(&mut x, "x.npz").unwrap(), None);
        assert_eq!(x, array![[1.0, 5.0]]);
    }
}
