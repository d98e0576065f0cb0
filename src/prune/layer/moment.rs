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
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{BlockStructure, matmul as triangular_matmul};
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::{Accum, ColMut, Mat, MatRef, Par, Spec};
use std::sync::OnceLock;

/// Columns of the inverse that are summed together for its norm.
const NORM_COLUMNS: usize = 192;
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
    condition: OnceLock<f64>,
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
                let (inverse, condition) = (OnceLock::new(), OnceLock::new());
                return Ok(DampedMoment { moment, damping: current, raised, shift, root, factor, inverse, condition });
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

    /// The condition number of the damped moment in the 1-norm, `|H_d|_1 |H_d^-1|_1`; computed once.
    pub fn condition(&self) -> f64 {
        *self.condition.get_or_init(|| self.norm() * self.inverse_norm())
    }

    /// `|H_d|_1`.
    fn norm(&self) -> f64 {
        let column = |j: usize| (0..self.inputs()).map(|i| self.damped(i, j).abs()).sum::<f64>();
        (0..self.inputs()).map(column).fold(0.0, f64::max)
    }

    /// `|H_d^-1|_1`, from some columns of `C^T C` at a time.
    fn inverse_norm(&self) -> f64 {
        let _timed = profile::time(WorkKind::Factors);
        profile::count(WorkKind::Factors, || factor_counts(self.inputs()));
        let (d, factor) = (self.inputs(), self.factor());
        let mut sums = vec![0.0; d];
        for first in (0..d).step_by(NORM_COLUMNS) {
            let width = NORM_COLUMNS.min(d - first);
            // Rows of C behind these columns have no entry in them; columns before them have been counted by symmetry.
            let rows = factor.subrows(0, first + width);
            let mut product = Mat::zeros(d - first, width);
            let (left, right) = (rows.subcols(first, d - first).transpose(), rows.subcols(first, width));
            matmul(product.as_mut(), Accum::Replace, left, right, 1.0, Par::Seq);
            for j in 0..width {
                let mut sum = 0.0;
                for i in 0..d - first {
                    let entry = product[(i, j)].abs();
                    sum += entry;
                    if i >= width {
                        sums[first + i] += entry;
                    }
                }
                sums[first + j] += sum;
            }
        }
        sums.into_iter().fold(0.0, f64::max)
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
    factor_in_place(a.to_owned(), shift)
}

/// The same, in the place of the matrix; what is above its diagonal stays.
fn factor_in_place(mut factor: Mat<f64>, shift: f64) -> Option<Mat<f64>> {
    let order = factor.nrows();
    let _timed = profile::time(WorkKind::Factors);
    profile::count(WorkKind::Factors, || factor_counts(order));
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
    let mut factor = a.to_owned();
    reverse(&mut factor);
    let mut factor = factor_in_place(factor, shift)?;
    let mut inverse = Mat::zeros(order, order);
    invert_lower_triangular(inverse.as_mut(), factor.as_ref(), Par::Seq);
    // The factorisation does not write above the diagonal.
    (1..order).for_each(|j| factor.col_mut(j).subrows_mut(0, j).fill(0.0));
    reverse(&mut factor);
    reverse(&mut inverse);
    Some((factor, inverse))
}

/// Reverses the order of the rows and of the columns of a square matrix.
fn reverse(a: &mut Mat<f64>) {
    let order = a.ncols();
    let (mut left, right) = a.as_mut().split_at_col_mut(order / 2);
    // The middle column of an odd order.
    let (mut middle, mut right) = right.split_at_col_mut(order % 2);
    for j in 0..order / 2 {
        let (near, far) = (left.as_mut().col_mut(j), right.as_mut().col_mut(order / 2 - 1 - j));
        let [near, far] = [near, far].map(slice_mut);
        near.iter_mut().zip(far.iter_mut().rev()).for_each(|(a, b)| std::mem::swap(a, b));
    }
    if order % 2 == 1 {
        slice_mut(middle.as_mut().col_mut(0)).reverse();
    }
}

fn slice_mut(column: ColMut<'_, f64>) -> &mut [f64] {
    column.try_as_col_major_mut().expect("columns are contiguous").as_slice_mut()
}
