//! Distances between a finite network and its limit: between coupled neurons, and between their functions.
//!
//! Coupled networks start from the same neurons, so that neuron `i` of one is compared with neuron `i` of the other
//! (the coupling behind the finite-width bound of Wu, Kungurtsev, Mondelli, TMLR 2023).

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// The coupling distance between two sets of neurons.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coupling {
    /// `max_i |theta_i - theta_bar_i|`, Euclidean norm of a neuron's parameters.
    pub max: f64,
    /// `sqrt( (1/N) sum_i |theta_i - theta_bar_i|^2 )`.
    pub rms: f64,
}

/// Why two arrays cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistanceError {
    /// Different shapes.
    #[error("arrays of shape {left:?} and {right:?} compared entry by entry: the shapes must be equal")]
    Shape {
        /// Shape of the first array.
        left: (usize, usize),
        /// Shape of the second array.
        right: (usize, usize),
    },
    /// No rows.
    #[error("arrays of shape {shape:?} compared: at least one row is needed")]
    Empty {
        /// Shape of both arrays.
        shape: (usize, usize),
    },
}

/// Coupling distance between `theta` and `theta_bar`, both (N, p), row `i` being neuron `i`. A diverged (NaN) neuron
/// makes both numbers NaN.
///
/// # Errors
/// [`DistanceError`] when the shapes differ or there is no neuron. To compare with a larger reference, pass its first N
/// rows.
pub fn coupling(theta: ArrayView2<f64>, theta_bar: ArrayView2<f64>) -> Result<Coupling, DistanceError> {
    let squares = row_squares(theta, theta_bar)?;
    // f64::max ignores NaN, which must be reported for a diverged neuron.
    let max = squares.iter().fold(0.0, |m: f64, &s| if s.is_nan() || m.is_nan() { f64::NAN } else { m.max(s) });
    let mean = squares.iter().sum::<f64>() / squares.len() as f64;
    Ok(Coupling { max: max.sqrt(), rms: mean.sqrt() })
}

/// `L2(x)` distance `sqrt( (1/n) sum_x |f(x) - g(x)|^2 )` between outputs (n, K) at the same n inputs of equal weight,
/// with the Euclidean norm over the K outputs.
///
/// # Errors
/// [`DistanceError`] when the shapes differ or there is no input.
pub fn function_distance(f: ArrayView2<f64>, g: ArrayView2<f64>) -> Result<f64, DistanceError> {
    let squares = row_squares(f, g)?;
    Ok((squares.iter().sum::<f64>() / squares.len() as f64).sqrt())
}

/// Squared Euclidean distance between corresponding rows.
fn row_squares(left: ArrayView2<f64>, right: ArrayView2<f64>) -> Result<Vec<f64>, DistanceError> {
    if left.dim() != right.dim() {
        return Err(DistanceError::Shape { left: left.dim(), right: right.dim() });
    }
    if left.nrows() == 0 {
        return Err(DistanceError::Empty { shape: left.dim() });
    }
    let square = |a: &f64, b: &f64| (a - b) * (a - b);
    let rows = left.rows().into_iter().zip(right.rows());
    Ok(rows.map(|(l, r)| l.iter().zip(r).map(|(a, b)| square(a, b)).sum()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array, s};

    #[test]
    fn three_four_five() {
        let theta = array![[0.0, 0.0], [1.0, 1.0]];
        let moved = array![[3.0, 4.0], [1.0, 1.0]];
        let got = coupling(theta.view(), moved.view()).unwrap();
        assert_eq!(got.max, 5.0);
        assert_eq!(got.rms, 12.5_f64.sqrt());
        assert_eq!(function_distance(theta.view(), moved.view()).unwrap(), got.rms);
    }

    #[test]
    fn a_common_shift_has_equal_max_and_rms() {
        let theta = Array2::from_shape_fn((7, 4), |(i, j)| (i * 4 + j) as f64 / 8.0);
        let moved = &theta + 0.5;
        let got = coupling(theta.view(), moved.view()).unwrap();
        assert_eq!((got.max, got.rms), (1.0, 1.0));
    }

    #[test]
    fn views_into_a_larger_reference() {
        let reference = Array2::from_shape_fn((6, 3), |(i, j)| (i + 10 * j) as f64);
        let theta = reference.slice(s![..2, ..]).to_owned();
        assert_eq!(coupling(theta.view(), reference.slice(s![..2, ..])).unwrap().max, 0.0);
        assert_eq!(coupling(theta.view(), reference.view()), Err(DistanceError::Shape { left: (2, 3), right: (6, 3) }));
        let nothing = reference.slice(s![..0, ..]);
        assert_eq!(function_distance(nothing, nothing), Err(DistanceError::Empty { shape: (0, 3) }));
    }

    #[test]
    fn divergence_is_not_hidden() {
        for rows in [array![[f64::NAN], [9.0]], array![[9.0], [f64::NAN]]] {
            let got = coupling(rows.view(), array![[0.0], [0.0]].view()).unwrap();
            assert!(got.max.is_nan() && got.rms.is_nan());
        }
    }
}
