//! Dense kernels. Every sum is divided into blocks that depend on the sizes only, so that results do not depend on the
//! number of threads.

use super::Interrupt;
pub use super::product::PanelCopies;
use super::product::{GRAIN, MatrixBlock, add_self_product};
use crate::compute::Real;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::compute::vector::{axpy, axpy_four, dot};
use faer::{Mat, MatMut, MatRef, Side};
use rayon::prelude::*;
use std::sync::Arc;

/// Cost of a gathered entry relative to a contiguous one.
const GATHER_COST: usize = 8;
/// Number of entries of a matrix up to which an operation on it runs on the calling thread.
const SERIAL_ENTRIES: usize = 1 << 16;
/// The number of rows of a block of a matrix-vector product is a multiple of this.
const ROW_MULTIPLE: usize = 16;
/// Number of blocks into which a large operation is divided.
const PARTS: usize = 16;
/// Largest order for which the largest eigenvalue is computed from the full spectrum.
pub(super) const FULL_SPECTRUM_ORDER: usize = 1024;
/// Largest number of Lanczos steps beyond that order.
const MAX_LANCZOS_STEPS: usize = 120;
/// Lanczos steps between convergence checks, and the relative change at which the iteration has converged.
const CHECK_INTERVAL: usize = 5;
const LANCZOS_TOLERANCE: f64 = 1e-7;

/// A vector prepared for many dot products: where most of its entries are zero, only the nonzero ones are read.
pub struct DotFactor<'a> {
    v: &'a [f64],
    entries: Option<Vec<(usize, f64)>>,
}

impl<'a> DotFactor<'a> {
    /// Prepares the vector `v`.
    pub fn new(v: &'a [f64]) -> Self {
        let entries: Vec<(usize, f64)> = v.iter().copied().enumerate().filter(|(_, v)| *v != 0.0).collect();
        DotFactor { v, entries: (GATHER_COST * entries.len() <= v.len()).then_some(entries) }
    }

    /// `<x, v>`.
    pub fn dot(&self, x: &[f64]) -> f64 {
        match &self.entries {
            Some(entries) => entries.iter().map(|&(j, v)| v * x[j]).sum(),
            None => dot(x, self.v),
        }
    }
}

/// Squares of norms within this range are sums of squares without underflow or overflow that matters.
const SAFE_SQUARES: std::ops::Range<f64> = 1e-260..1e260;

/// The Euclidean norm `|v|`.
pub fn norm(v: &[f64]) -> f64 {
    let square = dot(v, v);
    if SAFE_SQUARES.contains(&square) {
        return square.sqrt();
    }
    let largest = v.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    if largest == 0.0 || !square.is_finite() && !largest.is_finite() || square.is_nan() {
        return square.sqrt();
    }
    let scaled: Vec<f64> = v.iter().map(|v| v / largest).collect();
    largest * dot(&scaled, &scaled).sqrt()
}

/// `a - b`.
pub fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// Sums over the samples x_i, the columns of `xt` (d, n), where `term(i, x_i)` returns `(value_i, c_i)`: `sum_i
/// value_i` and `sum_i c_i x_i` (d). Each sample is read from memory once.
pub fn sum_over_samples(xt: MatRef<'_, f64>, term: impl Fn(usize, &[f64]) -> (f64, f64) + Sync) -> (f64, Vec<f64>) {
    let (d, n) = (xt.nrows(), xt.ncols());
    let part = |samples: std::ops::Range<usize>| {
        let (mut total, mut sum) = (0.0, vec![0.0; d]);
        let mut evaluate = |i: usize| {
            let (value, c) = term(i, sample(&xt, i));
            total += value;
            c
        };
        let fours = samples.start..samples.start + samples.len() / 4 * 4;
        for i in fours.clone().step_by(4) {
            let at = [i, i + 1, i + 2, i + 3];
            axpy_four(at.map(&mut evaluate), at.map(|i| sample(&xt, i)), &mut sum);
        }
        for i in fours.end..samples.end {
            let c = evaluate(i);
            axpy(c, sample(&xt, i), &mut sum);
        }
        (total, sum)
    };
    if n * d <= SERIAL_ENTRIES {
        return part(0..n);
    }
    let length = n.div_ceil(PARTS);
    let parts: Vec<(f64, Vec<f64>)> = (0..PARTS)
        .into_par_iter()
        .with_max_len(1)
        .map(|p| part((p * length).min(n)..((p + 1) * length).min(n)))
        .collect();
    parts.into_iter().fold((0.0, vec![0.0; d]), |(total, mut sum), (value, part)| {
        axpy(1.0, &part, &mut sum);
        (total + value, sum)
    })
}

/// Sample `i` (d), column i of `xt` (d, n).
pub fn sample<'a>(xt: &MatRef<'a, f64>, i: usize) -> &'a [f64] {
    xt.col(i).try_as_col_major().expect("columns are contiguous").as_slice()
}

/// The inner products `X v` (n) of `v` (d) with the samples in the columns of `xt` (d, n).
pub fn inner_products(xt: MatRef<'_, f64>, v: &[f64]) -> Vec<f64> {
    let factor = DotFactor::new(v);
    let evaluate = |i: usize| factor.dot(sample(&xt, i));
    let n = xt.ncols();
    if n * xt.nrows() <= SERIAL_ENTRIES {
        return (0..n).map(evaluate).collect();
    }
    (0..n).into_par_iter().with_min_len(64).map(evaluate).collect()
}

/// `A v` for a symmetric matrix with both triangles stored, from the columns where `v` is not zero.
pub fn symmetric_times(a: MatRef<'_, f64>, v: &[f64]) -> Vec<f64> {
    let d = a.nrows();
    let columns: Vec<usize> = (0..d).filter(|&j| v[j] != 0.0).collect();
    let rows = |rows: std::ops::Range<usize>, out: &mut [f64]| {
        for &j in &columns {
            axpy(v[j], &sample(&a, j)[rows.clone()], out);
        }
    };
    let mut out = vec![0.0; d];
    if columns.len() * d <= SERIAL_ENTRIES {
        rows(0..d, &mut out);
    } else {
        let length = d.div_ceil(PARTS).next_multiple_of(ROW_MULTIPLE);
        out.par_chunks_mut(length).enumerate().for_each(|(p, out)| rows(p * length..p * length + out.len(), out));
    }
    out
}

/// `sum_i s_i x_i x_i^T` (d, d) for the samples in the columns of `xt` (d, n) and scales s (n), or `s = 1` without
/// scales. One triangle is computed and copied to the other. Incomplete where a stop was requested.
pub fn gram(xt: MatRef<'_, f64>, scale: Option<&[f64]>, interrupt: Interrupt<'_>) -> Mat<f64> {
    let d = xt.nrows();
    let _timed =
        profile::pass(WorkKind::Products, || WorkCounts::of::<f64>(xt.ncols() * d * d, 0, d * (xt.ncols() + d)));
    let mut whole = Mat::zeros(d, d);
    let block_side = block_side(d);
    let mut below: Vec<MatrixBlock<'_>> =
        opposite_blocks(whole.as_mut(), block_side).into_iter().map(|pair| pair.below).collect();
    add_self_product(&mut below, block_side, 1.0, xt, scale, &mut PanelCopies::once(), interrupt);
    mirror(&mut whole);
    whole
}

/// Adds `sum_i x_i x_i^T` for the samples in the columns of `xt` (d, n) to the lower triangle of `sum` (d, d). Products are
/// summed in the precision of the samples, 256 at a time, and their sums in double precision.
pub fn add_gram<R: Real>(sum: &mut Mat<f64>, xt: MatRef<'_, R>, copies: &mut PanelCopies<R>) {
    // A block of the sum and its panels fit the second-level cache.
    let side = 4 * GRAIN;
    let mut below: Vec<MatrixBlock<'_>> =
        opposite_blocks(sum.as_mut(), side).into_iter().map(|pair| pair.below).collect();
    add_self_product(&mut below, side, 1.0, xt, None, copies, Interrupt::NEVER);
}

/// Rows and columns of the blocks into which a square matrix of order `d` is divided.
fn block_side(d: usize) -> usize {
    d.div_ceil(4).next_multiple_of(GRAIN).clamp(2 * GRAIN, 10 * GRAIN)
}

/// A block on or below the diagonal of a square matrix and the transposed block above it; `None` for a block on the
/// diagonal.
struct OppositeBlocks<'a> {
    below: MatrixBlock<'a>,
    above: Option<MatMut<'a, f64>>,
}

/// Divides a square matrix into pairs of opposite blocks.
fn opposite_blocks(a: MatMut<'_, f64>, block_side: usize) -> Vec<OppositeBlocks<'_>> {
    let mut blocks: Vec<Vec<Option<MatMut<'_, f64>>>> = column_blocks(a, block_side)
        .into_iter()
        .map(|columns| {
            let blocks = column_blocks(columns.transpose_mut(), block_side).into_iter();
            blocks.map(|block| Some(block.transpose_mut())).collect()
        })
        .collect();
    let count = blocks.len();
    let indices = (0..count).flat_map(|column| (column..count).map(move |row| (row, column)));
    indices
        .map(|(row, column)| {
            let entries = blocks[column][row].take().expect("every block is taken once");
            OppositeBlocks { below: MatrixBlock { row, column, entries }, above: blocks[row][column].take() }
        })
        .collect()
}

/// Copies the lower triangle of a square matrix to the upper one.
pub fn mirror(a: &mut Mat<f64>) {
    let block_side = block_side(a.nrows());
    let opposite_blocks = opposite_blocks(a.as_mut(), block_side);
    if opposite_blocks.len() == 1 {
        opposite_blocks.into_iter().for_each(OppositeBlocks::mirror);
    } else {
        opposite_blocks.into_par_iter().with_max_len(1).for_each(OppositeBlocks::mirror);
    }
}

impl OppositeBlocks<'_> {
    /// Copies the block below the diagonal to the one above, in small tiles that fit the cache.
    fn mirror(mut self) {
        const TRANSPOSE_TILE: usize = 32;
        let below = &mut self.below.entries;
        let (rows, columns) = (below.nrows(), below.ncols());
        for column in (0..columns).step_by(TRANSPOSE_TILE) {
            let first = if self.above.is_none() { column } else { 0 };
            for row in (first..rows).step_by(TRANSPOSE_TILE) {
                for j in column..(column + TRANSPOSE_TILE).min(columns) {
                    for i in row..(row + TRANSPOSE_TILE).min(rows) {
                        match &mut self.above {
                            Some(above) => above[(j, i)] = below[(i, j)],
                            None if i > j => below[(j, i)] = below[(i, j)],
                            None => {}
                        }
                    }
                }
            }
        }
    }
}

/// Divides a matrix into blocks of `columns` columns; the last may have fewer.
pub fn column_blocks(mut rest: MatMut<'_, f64>, columns: usize) -> Vec<MatMut<'_, f64>> {
    let mut blocks = Vec::with_capacity(rest.ncols().div_ceil(columns));
    while rest.ncols() > columns {
        let (block, others) = rest.split_at_col_mut(columns);
        blocks.push(block);
        rest = others;
    }
    blocks.push(rest);
    blocks
}

/// The principal submatrix of a symmetric matrix with rows and columns `indices`.
pub fn principal(a: MatRef<'_, f64>, indices: &[usize]) -> Mat<f64> {
    Mat::from_fn(indices.len(), indices.len(), |i, j| a[(indices[i], indices[j])])
}

/// Eigenvalues of a symmetric matrix, increasing; NaN where the decomposition does not converge.
pub fn eigenvalues(a: MatRef<'_, f64>) -> Vec<f64> {
    a.self_adjoint_eigenvalues(Side::Lower).unwrap_or_else(|_| vec![f64::NAN; a.nrows()])
}

/// The largest eigenvalue of a symmetric positive semi-definite operator on R^d: from the full spectrum of `matrix()`
/// for small d, else from `times` (the product with a vector) by the Lanczos iteration with full reorthogonalisation
/// and a fixed start. Of no meaning where a stop was requested.
pub fn largest_eigenvalue(
    d: usize,
    matrix: impl FnOnce() -> Arc<Mat<f64>>,
    times: impl Fn(&[f64]) -> Vec<f64>,
    interrupt: Interrupt<'_>,
) -> f64 {
    if d <= FULL_SPECTRUM_ORDER {
        let matrix = matrix();
        if interrupt.requested() {
            return f64::NAN;
        }
        return eigenvalues(Mat::as_ref(&matrix)).last().copied().unwrap_or(0.0);
    }
    // A fixed start without structure, so that it is not orthogonal to the leading eigenvector.
    let mut q: Vec<f64> = (0..d).map(|j| 1.0 + (j as f64 * 0.618_033_988_749_895).fract()).collect();
    let length = norm(&q);
    q.iter_mut().for_each(|q| *q /= length);
    let (mut basis, mut diagonal, mut off_diagonal): (Vec<Vec<f64>>, Vec<f64>, Vec<f64>) = Default::default();
    let mut largest = f64::NEG_INFINITY;
    for _ in 0..MAX_LANCZOS_STEPS.min(d) {
        if interrupt.requested() {
            break;
        }
        let mut next = times(&q);
        diagonal.push(dot(&q, &next));
        basis.push(q);
        for _ in 0..2 {
            for earlier in &basis {
                axpy(-dot(earlier, &next), earlier, &mut next);
            }
        }
        let length = norm(&next);
        if length <= 1e-14 * diagonal[0].abs() {
            break;
        }
        next.iter_mut().for_each(|v| *v /= length);
        off_diagonal.push(length);
        q = next;
        if diagonal.len() % CHECK_INTERVAL == 0 {
            let now = largest_tridiagonal_eigenvalue(&diagonal, &off_diagonal);
            if now - largest <= LANCZOS_TOLERANCE * now {
                return now;
            }
            largest = now;
        }
    }
    largest_tridiagonal_eigenvalue(&diagonal, &off_diagonal)
}

/// The largest eigenvalue of a symmetric tridiagonal matrix.
fn largest_tridiagonal_eigenvalue(diagonal: &[f64], off_diagonal: &[f64]) -> f64 {
    let m = diagonal.len();
    let tridiagonal = Mat::from_fn(m, m, |i, j| match i.abs_diff(j) {
        0 => diagonal[i],
        1 => off_diagonal[i.min(j)],
        _ => 0.0,
    });
    eigenvalues(tridiagonal.as_ref()).last().copied().unwrap_or(0.0)
}
