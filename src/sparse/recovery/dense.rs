//! Dense kernels. Every sum is cut into blocks that depend on the sizes alone, so that the number of threads changes no
//! bit; products run at the speed of the machine's matrix product, passes over a matrix at that of its memory.

use super::product::{Block, GRAIN, add_self_product};
use crate::compute::vector::{axpy, axpy_four, dot};
use faer::{Mat, MatMut, MatRef, Side};
use rayon::prelude::*;
use std::sync::Arc;

/// A gathered entry costs as much as so many in a row.
const GATHERED: usize = 8;
/// Entries of a matrix below which a pass over it stays on its thread.
const SMALL: usize = 1 << 16;
/// Rows of a block of a product are a multiple of this.
const ROWS: usize = 16;
/// Blocks into which a long pass is cut.
const PARTS: usize = 16;
/// Order up to which eigenvalues are computed whole.
const WHOLE_SPECTRUM: usize = 1024;
/// Lanczos steps beyond that.
const LANCZOS: usize = 120;
/// Steps between looks at what has been found, and the relative change that ends them.
const LOOK: usize = 5;
const SETTLED: f64 = 1e-7;

/// A vector as a factor of many dot products: where most of its entries are zero only the others are gathered.
pub struct Factor<'a> {
    v: &'a [f64],
    entries: Option<Vec<(usize, f64)>>,
}

impl<'a> Factor<'a> {
    /// The vector `v`.
    pub fn new(v: &'a [f64]) -> Self {
        let entries: Vec<(usize, f64)> = v.iter().copied().enumerate().filter(|(_, v)| *v != 0.0).collect();
        Factor { v, entries: (GATHERED * entries.len() <= v.len()).then_some(entries) }
    }

    /// `<x, v>`.
    pub fn dot(&self, x: &[f64]) -> f64 {
        match &self.entries {
            Some(entries) => entries.iter().map(|&(j, v)| v * x[j]).sum(),
            None => dot(x, self.v),
        }
    }
}

/// `|v|`.
pub fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}

/// `a - b`.
pub fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// One pass over the samples, the columns of `xt` (d, n): `sum_i c_i x_i`, where `coefficient(i, x_i)` gives `c_i`, and the
/// sum of what it gives beside. Each sample is read once, while it is in the nearest cache.
pub fn pass(xt: MatRef<'_, f64>, coefficient: impl Fn(usize, &[f64]) -> (f64, f64) + Sync) -> (f64, Vec<f64>) {
    let (d, n) = (xt.nrows(), xt.ncols());
    let part = |samples: std::ops::Range<usize>| {
        let (mut total, mut sum) = (0.0, vec![0.0; d]);
        let mut one = |i: usize| {
            let (beside, c) = coefficient(i, sample(&xt, i));
            total += beside;
            c
        };
        let fours = samples.start..samples.start + samples.len() / 4 * 4;
        for i in fours.clone().step_by(4) {
            let at = [i, i + 1, i + 2, i + 3];
            axpy_four(at.map(&mut one), at.map(|i| sample(&xt, i)), &mut sum);
        }
        for i in fours.end..samples.end {
            let c = one(i);
            axpy(c, sample(&xt, i), &mut sum);
        }
        (total, sum)
    };
    if n * d <= SMALL {
        return part(0..n);
    }
    let length = n.div_ceil(PARTS);
    let parts: Vec<(f64, Vec<f64>)> = (0..PARTS)
        .into_par_iter()
        .with_max_len(1)
        .map(|p| part((p * length).min(n)..((p + 1) * length).min(n)))
        .collect();
    parts.into_iter().fold((0.0, vec![0.0; d]), |(total, mut sum), (beside, part)| {
        axpy(1.0, &part, &mut sum);
        (total + beside, sum)
    })
}

/// Sample `i`, a column of `xt`.
pub fn sample<'a>(xt: &MatRef<'a, f64>, i: usize) -> &'a [f64] {
    xt.col(i).try_as_col_major().expect("columns are contiguous").as_slice()
}

/// `X v` for the samples in the columns of `xt`.
pub fn products(xt: MatRef<'_, f64>, v: &[f64]) -> Vec<f64> {
    let factor = Factor::new(v);
    let one = |i: usize| factor.dot(sample(&xt, i));
    let n = xt.ncols();
    if n * xt.nrows() <= SMALL {
        return (0..n).map(one).collect();
    }
    (0..n).into_par_iter().with_min_len(64).map(one).collect()
}

/// `A v` for a symmetric matrix stored whole, by the columns where `v` is not zero.
pub fn symmetric_times(a: MatRef<'_, f64>, v: &[f64]) -> Vec<f64> {
    let d = a.nrows();
    let columns: Vec<usize> = (0..d).filter(|&j| v[j] != 0.0).collect();
    let rows = |rows: std::ops::Range<usize>, out: &mut [f64]| {
        for &j in &columns {
            axpy(v[j], &sample(&a, j)[rows.clone()], out);
        }
    };
    let mut out = vec![0.0; d];
    if columns.len() * d <= SMALL {
        rows(0..d, &mut out);
    } else {
        let length = d.div_ceil(PARTS).next_multiple_of(ROWS);
        out.par_chunks_mut(length).enumerate().for_each(|(p, out)| rows(p * length..p * length + out.len(), out));
    }
    out
}

/// `sum_i s_i x_i x_i^T` (d, d), whole; `s = 1` without scales. Only one triangle is computed.
pub fn gram(xt: MatRef<'_, f64>, scale: Option<&[f64]>) -> Mat<f64> {
    let d = xt.nrows();
    let mut whole = Mat::zeros(d, d);
    let side = side(d);
    let mut below: Vec<Block<'_>> = pairs(whole.as_mut(), side).into_iter().map(|pair| pair.below).collect();
    add_self_product(&mut below, side, 1.0, xt, scale);
    mirror(&mut whole);
    whole
}

/// Rows and columns of the blocks into which a square matrix is cut.
fn side(d: usize) -> usize {
    d.div_ceil(4).next_multiple_of(GRAIN).clamp(2 * GRAIN, 10 * GRAIN)
}

/// A block on or below the diagonal of a square matrix, and the one opposite; None on the diagonal.
struct Pair<'a> {
    below: Block<'a>,
    above: Option<MatMut<'a, f64>>,
}

/// Cuts a square matrix into pairs of opposite blocks.
fn pairs(a: MatMut<'_, f64>, side: usize) -> Vec<Pair<'_>> {
    let mut blocks: Vec<Vec<Option<MatMut<'_, f64>>>> = column_blocks(a, side)
        .into_iter()
        .map(|columns| {
            let blocks = column_blocks(columns.transpose_mut(), side).into_iter();
            blocks.map(|block| Some(block.transpose_mut())).collect()
        })
        .collect();
    let count = blocks.len();
    let places = (0..count).flat_map(|column| (column..count).map(move |row| (row, column)));
    places
        .map(|(row, column)| {
            let entries = blocks[column][row].take().expect("every block is taken once");
            Pair { below: Block { row, column, entries }, above: blocks[row][column].take() }
        })
        .collect()
}

/// Copies the lower triangle onto the upper.
pub fn mirror(a: &mut Mat<f64>) {
    let side = side(a.nrows());
    let pairs = pairs(a.as_mut(), side);
    if pairs.len() == 1 {
        pairs.into_iter().for_each(Pair::mirror);
    } else {
        pairs.into_par_iter().with_max_len(1).for_each(Pair::mirror);
    }
}

impl Pair<'_> {
    /// Copies what is below onto what is above, in small squares: a plain walk would miss the cache at every entry.
    fn mirror(mut self) {
        const SQUARE: usize = 32;
        let below = &mut self.below.entries;
        let (rows, columns) = (below.nrows(), below.ncols());
        for column in (0..columns).step_by(SQUARE) {
            let first = if self.above.is_none() { column } else { 0 };
            for row in (first..rows).step_by(SQUARE) {
                for j in column..(column + SQUARE).min(columns) {
                    for i in row..(row + SQUARE).min(rows) {
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

/// A matrix cut into blocks of this many columns; the last may have fewer.
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

/// The rows and columns of a symmetric matrix that are in `indices`.
pub fn principal(a: MatRef<'_, f64>, indices: &[usize]) -> Mat<f64> {
    Mat::from_fn(indices.len(), indices.len(), |i, j| a[(indices[i], indices[j])])
}

/// Eigenvalues of a symmetric matrix, increasing.
pub fn eigenvalues(a: MatRef<'_, f64>) -> Vec<f64> {
    a.self_adjoint_eigenvalues(Side::Lower).unwrap_or_else(|_| vec![f64::NAN; a.nrows()])
}

/// The largest eigenvalue of a symmetric positive semi-definite operator on R^d: the whole spectrum where `whole` gives the
/// matrix of a small one, else by Lanczos with full reorthogonalisation from a fixed start.
pub fn largest_eigenvalue(d: usize, whole: impl FnOnce() -> Arc<Mat<f64>>, times: impl Fn(&[f64]) -> Vec<f64>) -> f64 {
    if d <= WHOLE_SPECTRUM {
        return eigenvalues(Mat::as_ref(&whole())).last().copied().unwrap_or(0.0);
    }
    // No eigenvector of a matrix that one meets is orthogonal to this.
    let mut q: Vec<f64> = (0..d).map(|j| 1.0 + (j as f64 * 0.618_033_988_749_895).fract()).collect();
    let length = norm(&q);
    q.iter_mut().for_each(|q| *q /= length);
    let (mut basis, mut diagonal, mut beside): (Vec<Vec<f64>>, Vec<f64>, Vec<f64>) = Default::default();
    let mut largest = f64::NEG_INFINITY;
    for _ in 0..LANCZOS.min(d) {
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
        beside.push(length);
        q = next;
        if diagonal.len() % LOOK == 0 {
            let now = top(&diagonal, &beside);
            if now - largest <= SETTLED * now {
                return now;
            }
            largest = now;
        }
    }
    top(&diagonal, &beside)
}

/// The largest eigenvalue of a symmetric tridiagonal matrix.
fn top(diagonal: &[f64], beside: &[f64]) -> f64 {
    let m = diagonal.len();
    let tridiagonal = Mat::from_fn(m, m, |i, j| match i.abs_diff(j) {
        0 => diagonal[i],
        1 => beside[i.min(j)],
        _ => 0.0,
    });
    eigenvalues(tridiagonal.as_ref()).last().copied().unwrap_or(0.0)
}
