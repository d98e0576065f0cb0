//! The condition number of a Gram matrix, and the rounding error of solutions computed with its factors.

use super::dense::{FULL_SPECTRUM_ORDER, eigenvalues, largest_eigenvalue, symmetric_times};
use super::{Cholesky, Interrupt};
use faer::{Mat, MatRef};
use std::sync::Arc;

/// Factor on the first-order bound of the rounding error: forming the matrix and its right side, factoring, two
/// triangular solves, and a projection each contribute one unit at most.
const CONTRIBUTIONS: f64 = 4.0;

/// The condition number of a symmetric positive semi-definite matrix; infinite where it is singular to rounding.
fn condition_number(a: MatRef<'_, f64>, interrupt: Interrupt<'_>) -> f64 {
    let d = a.nrows();
    if d <= FULL_SPECTRUM_ORDER {
        let spectrum = eigenvalues(a);
        let (Some(&smallest), Some(&largest)) = (spectrum.first(), spectrum.last()) else { return 1.0 };
        return if smallest > 0.0 { largest / smallest } else { f64::INFINITY };
    }
    let Ok(factor) = Cholesky::new(a, 0.0, interrupt) else { return f64::INFINITY };
    let matrix = || Arc::new(Mat::zeros(0, 0));
    let solved = |v: &[f64]| {
        let mut x = v.to_vec();
        factor.solve(&mut x);
        x
    };
    let largest = largest_eigenvalue(d, matrix, |v| symmetric_times(a, v), interrupt);
    largest * largest_eigenvalue(d, matrix, solved, interrupt)
}

/// A bound, to first order, of the relative rounding error of least-squares solutions that are computed from the factors
/// of the Gram matrix `gram` (d, d) of n rows: a small multiple of `(n + d)` units times the condition number. Infinite
/// where the matrix is singular to rounding, or a stop was requested.
pub fn solution_rounding(gram: MatRef<'_, f64>, n: usize, interrupt: Interrupt<'_>) -> f64 {
    let condition = condition_number(gram, interrupt);
    let terms = (n + gram.nrows()) as f64;
    if condition.is_finite() { CONTRIBUTIONS * terms * f64::EPSILON * condition } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A diagonal matrix has the condition number of its entries, by the spectrum and by iteration.
    #[test]
    fn diagonal_matrices() {
        for d in [3, 40, FULL_SPECTRUM_ORDER + 30] {
            let entry = |j: usize| 1e-3f64.powf(j as f64 / (d - 1) as f64);
            let a = Mat::from_fn(d, d, |i, j| if i == j { entry(j) } else { 0.0 });
            let found = condition_number(a.as_ref(), Interrupt::NEVER);
            assert!((found / 1e3 - 1.0).abs() < 1e-4, "order {d}: {found}");
        }
        let singular = Mat::from_fn(4, 4, |_, _| 1.0);
        assert!(solution_rounding(singular.as_ref(), 4, Interrupt::NEVER) > 1e-2);
        let zero = Mat::<f64>::zeros(4, 4);
        assert_eq!(solution_rounding(zero.as_ref(), 4, Interrupt::NEVER), f64::INFINITY);
    }
}
