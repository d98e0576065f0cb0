//! The pruning of one layer.
//!
//! ```text
//! minimise   tr((W - W0) H (W - W0)^T)   over W (rows, d) with given zeros
//! ```
//!
//! H is the second moment of the layer's inputs, so that the loss is the mean squared change of its outputs. Matrices of
//! weights are stored by rows: a [`Mat`] of shape (d, rows), whose column r holds the inputs of output r.

use super::moment::DampedMoment;
use super::sparsity::Zeros;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::compute::vector::dot;
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{BlockStructure, matmul as triangular_matmul};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Rows that are computed together, so that they fit the cache and bits do not depend on the threads.
pub(super) const ROWS: usize = 96;

/// Rows of a part of a product with a square matrix.
const PRODUCT_ROWS: usize = 192;

/// The pruning of one layer.
pub struct LayerProblem<'a> {
    /// W0 (d, rows): the weights to approximate.
    pub weights: MatRef<'a, f64>,
    /// H, damped.
    pub moment: &'a DampedMoment,
    /// The zeros.
    pub zeros: Zeros,
}

impl LayerProblem<'_> {
    /// Inputs d.
    pub fn inputs(&self) -> usize {
        self.weights.nrows()
    }

    /// Rows: outputs of the layer.
    pub fn rows(&self) -> usize {
        self.weights.ncols()
    }

    /// `tr((W - W0) H (W - W0)^T)`.
    pub fn loss(&self, weights: &Mat<f64>) -> f64 {
        quadratic((weights - self.weights).as_ref(), self.moment.moment())
    }

    /// `tr(W0 H W0^T)`: the loss of all zeros.
    pub fn scale(&self) -> f64 {
        quadratic(self.weights, self.moment.moment())
    }
}

/// Row r of a matrix of weights.
pub(super) fn row<'a>(weights: &MatRef<'a, f64>, r: usize) -> &'a [f64] {
    weights.col(r).try_as_col_major().expect("columns are contiguous").as_slice()
}

/// All entries, row by row.
pub fn entries(weights: &MatRef<'_, f64>) -> Vec<f64> {
    let mut entries = Vec::with_capacity(weights.nrows() * weights.ncols());
    (0..weights.ncols()).for_each(|r| entries.extend_from_slice(row(weights, r)));
    entries
}

/// The matrix (d, rows) with these entries, row by row.
pub fn from_entries(entries: &[f64], inputs: usize) -> Mat<f64> {
    let mut weights = Mat::zeros(inputs, entries.len() / inputs);
    entries.chunks_exact(inputs).enumerate().for_each(|(r, from)| row_mut(weights.as_mut(), r).copy_from_slice(from));
    weights
}

/// Row r of a matrix of weights, to be written.
pub(super) fn row_mut<'a>(weights: MatMut<'a, f64>, r: usize) -> &'a mut [f64] {
    weights.col_mut(r).try_as_col_major_mut().expect("columns are contiguous").as_slice_mut()
}

/// The product `A D` with a symmetric matrix A (d, d) and D (d, rows): `D A` in rows.
pub(super) fn times(a: MatRef<'_, f64>, weights: &Mat<f64>) -> Mat<f64> {
    let mut out = Mat::zeros(weights.nrows(), weights.ncols());
    times_into(a, weights, &mut out);
    out
}

/// [`times`] into a matrix of the same shape.
pub(super) fn times_into(a: MatRef<'_, f64>, weights: &Mat<f64>, out: &mut Mat<f64>) {
    let _timed = profile::region(WorkKind::MomentProducts);
    profile::count(WorkKind::MomentProducts, || product_counts(a.nrows(), weights.ncols(), 2));
    let parts = crate::sparse::recovery::dense::column_blocks(out.as_mut(), PRODUCT_ROWS);
    parts.into_par_iter().with_max_len(1).enumerate().for_each(|(index, part)| {
        let rows = weights.as_ref().subcols(index * PRODUCT_ROWS, part.ncols());
        matmul(part, Accum::Replace, a, rows, 1.0, Par::Seq);
    });
}

/// The counted work of a product of a matrix (d, d) and one (d, rows), with so many operations for each of its terms.
fn product_counts(d: usize, rows: usize, operations: usize) -> WorkCounts {
    WorkCounts::of::<f64>(operations * d * d * rows, 0, d * (d + 2 * rows))
}

/// `tr(D H D^T)` of D (d, rows): the sum of squares of `U^T D`, of half the work of a product with H, less the damping.
pub(super) fn loss_by_root(moment: &DampedMoment, difference: &Mat<f64>) -> f64 {
    by_lower(moment.root().transpose(), difference.as_ref(), |product, rows| {
        inner(product, product) - moment.shift * (0..rows.ncols()).map(|r| square(row(rows, r))).sum::<f64>()
    })
}

/// `tr(D A D^T)` of D (d, rows) and a symmetric matrix A (d, d), `2 tr(D L D^T) - sum_j A_jj |D_j|^2` with the lower
/// triangle L: half the work of a product with A, and sums of the same terms.
fn quadratic(weights: MatRef<'_, f64>, a: MatRef<'_, f64>) -> f64 {
    let diagonal: Vec<f64> = (0..a.nrows()).map(|j| a[(j, j)]).collect();
    by_lower(a, weights, |product, rows| {
        let own = |r: usize| row(rows, r).iter().zip(&diagonal).map(|(v, a)| a * v * v).sum::<f64>();
        (0..rows.ncols()).map(|r| 2.0 * dot(row(rows, r), row(&product.as_ref(), r)) - own(r)).sum()
    })
}

/// The sum of `f(L D, D)` over parts of the rows of D (d, rows), with the lower triangle L of a matrix (d, d).
fn by_lower(
    lower: MatRef<'_, f64>,
    weights: MatRef<'_, f64>,
    f: impl Fn(&Mat<f64>, &MatRef<'_, f64>) -> f64 + Sync,
) -> f64 {
    let _timed = profile::region(WorkKind::MomentProducts);
    // A triangular factor: half of the terms.
    profile::count(WorkKind::MomentProducts, || product_counts(weights.nrows(), weights.ncols(), 1));
    let starts: Vec<usize> = (0..weights.ncols()).step_by(PRODUCT_ROWS).collect();
    let part = |&first: &usize| {
        let rows = weights.subcols(first, PRODUCT_ROWS.min(weights.ncols() - first));
        let mut out = Mat::zeros(rows.nrows(), rows.ncols());
        let (triangle, whole) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
        triangular_matmul(out.as_mut(), whole, Accum::Replace, lower, triangle, rows, whole, 1.0, Par::Seq);
        f(&out, &rows)
    };
    let parts: Vec<f64> = starts.par_iter().with_max_len(1).map(part).collect();
    parts.iter().sum()
}

fn square(v: &[f64]) -> f64 {
    dot(v, v)
}

/// `sum_ij A_ij B_ij`.
pub(super) fn inner(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    (0..a.ncols()).map(|r| dot(row(&a.as_ref(), r), row(&b.as_ref(), r))).sum()
}
