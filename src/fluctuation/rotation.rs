//! Random rotations.

use super::gaussian::{WeightPurpose, gaussian_matrix};
use crate::compute::vector;
use ndarray::Array2;

/// A random orthogonal matrix (C, C): the columns of a Gaussian matrix, made orthonormal by two passes of Gram-Schmidt,
/// as its rows. Its law does not depend on the orthonormal basis in which it is written.
pub(super) fn rotation(count: usize, (purpose, seed): (WeightPurpose, u64)) -> Array2<f64> {
    let gaussian = gaussian_matrix(count, count, purpose, seed);
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(count);
    for k in 0..count {
        let mut row = gaussian.col_as_slice(k).to_vec();
        for _ in 0..2 {
            for other in &rows {
                vector::axpy(-vector::dot(other, &row), other, &mut row);
            }
        }
        let norm = vector::dot(&row, &row).sqrt();
        row.iter_mut().for_each(|v| *v /= norm);
        rows.push(row);
    }
    Array2::from_shape_fn((count, count), |(k, l)| rows[k][l])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_are_orthogonal() {
        let q = rotation(70, (WeightPurpose::Rotation, 3));
        let product = q.dot(&q.t());
        assert!(product.indexed_iter().all(|((i, j), v)| (v - f64::from(i == j)).abs() < 1e-13));
        // Another purpose is another rotation; entries have variance 1 / C.
        let other = rotation(70, (WeightPurpose::SecondLayerRotation, 3));
        let overlap = q.iter().zip(&other).map(|(a, b)| a * b).sum::<f64>() / 70.0;
        assert!(overlap.abs() < 0.1, "{overlap}");
        assert!(q.iter().all(|v| v.abs() < 6.0 / 70.0_f64.sqrt()));
    }
}
