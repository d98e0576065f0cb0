//! The second moment of a layer's inputs with damping, and its factors.
//!
//! ```text
//! H = (1/n) sum_i x_i x_i^T                 the moment
//! H_d = H + damping * mean(diag H) * I      damped
//! C^T C = H_d^-1, C upper triangular        the factor of the sweep
//! ```
//!
//! With the order of the rows and columns reversed, `H_d = M M^T` becomes `H_d = U U^T` with an upper triangular U, and
//! `C = U^-1`: one factorisation and one triangular inverse, without the inverse of `H_d` itself.

use super::super::error::PruneError;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::sparse::recovery::MAX_DAMPING;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{LltParams, cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::triangular::{BlockStructure, matmul as triangular_matmul};
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::{Accum, Mat, MatRef, Par, Spec};
use std::sync::OnceLock;

/// The smallest positive damping that is tried.
const MIN_DAMPING: f64 = 1e-8;

/// A damped moment and its factors.
pub struct DampedMoment {
    /// H (d, d), both triangles.
    moment: Mat<f64>,
    /// Damping over the mean diagonal: the requested one, or the larger one that was needed.
    pub damping: f64,
    /// Whether a larger damping than requested was needed.
    pub raised: bool,
    /// What is added to the diagonal.
    pub shift: f64,
    /// U (d, d), upper triangular, with `H_d = U U^T`; zero below the diagonal.
    root: Mat<f64>,
    /// C (d, d), upper triangular; zero below the diagonal.
    factor: Mat<f64>,
    inverse: OnceLock<Mat<f64>>,
}

impl DampedMoment {
    /// Factors a moment (d, d), of which both triangles are read. The damping is raised tenfold until the damped moment is
    /// positive definite.
    ///
    /// # Errors
    /// [`PruneError::Indefinite`] where the largest damping does not suffice.
    pub fn new(layer: &str, moment: Mat<f64>, damping: f64) -> Result<Self, PruneError> {
        let mean = mean_diagonal(moment.as_ref());
        // A layer whose inputs are all zero has no loss; any damping will do.
        let unit = if mean > 0.0 { mean } else { 1.0 };
        let mut current = damping;
        loop {
            if let Some((root, factor)) = triangular_factors(moment.as_ref(), current * unit) {
                let raised = current > damping;
                let shift = current * unit;
                let inverse = OnceLock::new();
                return Ok(DampedMoment { moment, damping: current, raised, shift, root, factor, inverse });
            }
            if current >= MAX_DAMPING || !mean.is_finite() {
                return Err(PruneError::Indefinite { layer: layer.into(), damping: current });
            }
            current = (10.0 * current).clamp(MIN_DAMPING, MAX_DAMPING);
        }
    }

    /// Inputs d.
    pub fn inputs(&self) -> usize {
        self.moment.nrows()
    }

    /// H (d, d), without damping.
    pub fn moment(&self) -> MatRef<'_, f64> {
        self.moment.as_ref()
    }

    /// Entry (i, j) of the damped moment.
    pub fn damped(&self, i: usize, j: usize) -> f64 {
        self.moment[(i, j)] + if i == j { self.shift } else { 0.0 }
    }

    /// C (d, d).
    pub fn factor(&self) -> MatRef<'_, f64> {
        self.factor.as_ref()
    }

    /// U (d, d).
    pub(super) fn root(&self) -> MatRef<'_, f64> {
        self.root.as_ref()
    }

    /// The inverse of the damped moment (d, d), exactly symmetric; computed once.
    pub fn inverse(&self) -> MatRef<'_, f64> {
        let product = || {
            let _timed = profile::time(WorkKind::Factors);
            profile::count(WorkKind::Factors, || factor_counts(self.inputs()));
            let mut inverse = Mat::zeros(self.inputs(), self.inputs());
            triangular_matmul(
                inverse.as_mut(),
                BlockStructure::TriangularLower,
                Accum::Replace,
                self.factor.as_ref().transpose(),
                BlockStructure::TriangularLower,
                self.factor.as_ref(),
                BlockStructure::TriangularUpper,
                1.0,
                Par::Seq,
            );
            crate::sparse::recovery::dense::mirror(&mut inverse);
            inverse
        };
        self.inverse.get_or_init(product).as_ref()
    }

    /// The condition number of the damped moment in the 1-norm, `|H_d|_1 |H_d^-1|_1`.
    pub fn condition(&self) -> f64 {
        let norm = |entry: &dyn Fn(usize, usize) -> f64| {
            let column = |j| (0..self.inputs()).map(|i| entry(i, j).abs()).sum::<f64>();
            (0..self.inputs()).map(column).fold(0.0, f64::max)
        };
        let inverse = self.inverse();
        norm(&|i, j| self.damped(i, j)) * norm(&|i, j| inverse[(i, j)])
    }

    /// Inputs that are zero in every sample.
    pub fn dead_inputs(&self) -> usize {
        (0..self.inputs()).filter(|&j| self.moment[(j, j)] <= 0.0).count()
    }
}

/// The mean of the diagonal.
pub(super) fn mean_diagonal(a: MatRef<'_, f64>) -> f64 {
    (0..a.nrows()).map(|j| a[(j, j)]).sum::<f64>() / a.nrows() as f64
}

/// The counted work of a Cholesky factor, of the inverse of a triangular matrix, and of the product of one with its
/// transpose: each has d^3/3 operations.
fn factor_counts(d: usize) -> WorkCounts {
    WorkCounts::of::<f64>(d * d * d / 3, 0, 2 * d * d)
}

/// The counted work of solving with a triangular factor (d, d) and its transpose for so many right-hand sides.
pub(super) fn solve_counts(d: usize, columns: usize) -> WorkCounts {
    WorkCounts::of::<f64>(2 * d * d * columns, 0, d * d + 2 * d * columns)
}

/// The lower Cholesky factor of `a + shift I`, of whose lower triangle only is read; none where a pivot is not positive or
/// below the rounding error of the largest diagonal entry.
pub(super) fn lower_factor(a: MatRef<'_, f64>, shift: f64) -> Option<Mat<f64>> {
    let order = a.nrows();
    let _timed = profile::time(WorkKind::Factors);
    profile::count(WorkKind::Factors, || factor_counts(order));
    let mut factor = a.to_owned();
    let mut scale = 0.0_f64;
    for j in 0..order {
        factor[(j, j)] += shift;
        scale = scale.max(factor[(j, j)]);
    }
    let parameters = Spec::<LltParams, f64>::default();
    let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(order, Par::Seq, parameters));
    cholesky_in_place(factor.as_mut(), Default::default(), Par::Seq, MemStack::new(&mut memory), parameters).ok()?;
    let smallest_pivot = scale * f64::EPSILON * order.max(8) as f64;
    // NaN is not larger either.
    let positive = (0..order).all(|j| factor[(j, j)] * factor[(j, j)] > smallest_pivot);
    positive.then_some(factor)
}

/// U and C of `a + shift I`.
fn triangular_factors(a: MatRef<'_, f64>, shift: f64) -> Option<(Mat<f64>, Mat<f64>)> {
    let order = a.nrows();
    let _timed = profile::time(WorkKind::Factors);
    profile::count(WorkKind::Factors, || factor_counts(order));
    let mut factor = lower_factor(a.reverse_rows_and_cols(), shift)?;
    let mut inverse = Mat::zeros(order, order);
    invert_lower_triangular(inverse.as_mut(), factor.as_ref(), Par::Seq);
    // The factorisation does not write above the diagonal.
    (1..order).for_each(|j| factor.col_mut(j).subrows_mut(0, j).fill(0.0));
    Some([factor, inverse].map(|m| m.as_ref().reverse_rows_and_cols().to_owned()).into())
}
