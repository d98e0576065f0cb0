//! Greedy elimination: one entry is dropped at a time, that of least cost first (optimal brain compression; Frantar,
//! Alistarh, NeurIPS 2022), with the inverse updated by elimination.
//!
//! ```text
//! p = argmin v_j^2 / P_jj;   v -= (v_p / P_pp) P[:, p];   P -= P[:, p] P[p, :] / P_pp;   remove p
//! ```
//!
//! Afterwards `P` is `(H_SS)^-1` and `v` is `P_Q(v)`. In this form every step reads and writes the whole of `P`. Here
//! the rank-one terms `u u^T`, `u = P[:, p] / sqrt(P_pp)`, are deferred: only the diagonal, and the one column that a
//! step needs, are updated at every step; [`PENDING`] terms at a time are then subtracted by one matrix product, which
//! also restricts `P` to the remaining entries.

use super::Interrupt;
use super::dense::column_blocks;
use crate::compute::vector::axpy;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use rayon::prelude::*;

/// Number of rank-one terms that are subtracted by one product.
const PENDING: usize = 48;
/// Columns of a block of that product.
const COLUMNS: usize = 128;

/// The result of an elimination.
#[derive(Clone, Debug, PartialEq)]
pub struct Elimination {
    /// The kept indices, increasing.
    pub support: Vec<usize>,
    /// The projected point `P_Q(v)` (d), 0 on the dropped entries.
    pub point: Vec<f64>,
    /// The dropped entries, in order.
    pub steps: Vec<EliminationStep>,
}

/// The result of an elimination of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct RowElimination {
    /// The kept rows, increasing.
    pub support: Vec<usize>,
    /// The projected columns, each (d), 0 on the dropped rows.
    pub columns: Vec<Vec<f64>>,
    /// The dropped rows, in order.
    pub steps: Vec<EliminationStep>,
}

/// A step of the elimination.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EliminationStep {
    /// The dropped entry.
    pub index: usize,
    /// The increase of the quadratic model, `v_p^2 / (2 P_pp)` at this step.
    pub cost: f64,
}

/// A limit on the entries that are dropped of every group of consecutive entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLimit {
    /// Entries of a group.
    pub of: usize,
    /// Most entries that are dropped of a group.
    pub most: usize,
}

/// Drops all but `k` entries of `v` (d) one by one, `inverse` being `H^-1` (d, d). Of entries of equal cost the one of
/// higher index is dropped. Where a stop is requested more than `k` entries remain.
pub fn eliminate(v: &[f64], inverse: MatRef<'_, f64>, k: usize, interrupt: Interrupt<'_>) -> Elimination {
    eliminate_within(v, inverse, k, None, interrupt)
}

/// [`eliminate`], dropping of every group no more entries than its limit.
///
/// # Panics
/// If the limits do not allow to drop `d - k` entries.
pub fn eliminate_within(
    v: &[f64],
    inverse: MatRef<'_, f64>,
    k: usize,
    limit: Option<GroupLimit>,
    interrupt: Interrupt<'_>,
) -> Elimination {
    let RowElimination { support, mut columns, steps } = eliminate_from(vec![v.to_vec()], inverse, k, limit, interrupt);
    Elimination { support, point: columns.swap_remove(0), steps }
}

/// [`eliminate`] for a matrix: drops all but `k` of the rows of the matrix with these columns, each (d), of which every one
/// has the quadratic model with the same inverse (d, d). The cost of a row is the sum of those of its entries.
///
/// # Panics
/// Without columns.
pub fn eliminate_rows(
    columns: Vec<Vec<f64>>,
    inverse: MatRef<'_, f64>,
    k: usize,
    interrupt: Interrupt<'_>,
) -> RowElimination {
    eliminate_from(columns, inverse, k, None, interrupt)
}

fn eliminate_from(
    mut columns: Vec<Vec<f64>>,
    inverse: MatRef<'_, f64>,
    k: usize,
    limit: Option<GroupLimit>,
    interrupt: Interrupt<'_>,
) -> RowElimination {
    let d = columns[0].len();
    let group = |index: usize| limit.map_or(0, |limit| index / limit.of);
    // Entries that may still be dropped, by group.
    let mut left = vec![limit.map_or(d, |limit| limit.most); group(d.max(1) - 1) + 1];
    let mut steps = Vec::with_capacity(d.saturating_sub(k));
    // The original indices of the remaining entries.
    let mut indices: Vec<usize> = (0..d).collect();
    let mut p = inverse.to_owned();
    while indices.len() > k && !interrupt.requested() {
        let m = indices.len();
        let drops = PENDING.min(m - k);
        let mut diagonal: Vec<f64> = (0..m).map(|j| p[(j, j)]).collect();
        let mut remaining = vec![true; m];
        let mut pending = Mat::<f64>::zeros(m, drops);
        for drop in 0..drops {
            let mut best: Option<(f64, usize)> = None;
            let may_drop = |j: usize| remaining[j] && left[group(indices[j])] > 0;
            for j in (0..m).filter(|&j| may_drop(j)) {
                let square = columns.iter().fold(0.0, |sum, v| sum + v[j] * v[j]);
                let score = square / diagonal[j];
                if best.is_none_or(|(least, _)| score <= least) {
                    best = Some((score, j));
                }
            }
            // NaN compares as neither less nor equal: without a finite score the last entry is dropped.
            let (score, at) = best.filter(|(score, _)| score.is_finite()).unwrap_or_else(|| {
                (f64::NAN, (0..m).rev().find(|&j| may_drop(j)).expect("more entries may be dropped than are"))
            });
            let mut u: Vec<f64> = p.col(at).try_as_col_major().expect("columns are contiguous").as_slice().to_vec();
            for earlier in 0..drop {
                let column = pending.col(earlier).try_as_col_major().expect("columns are contiguous").as_slice();
                axpy(-column[at], column, &mut u);
            }
            let root = u[at].sqrt();
            u.iter_mut().for_each(|u| *u /= root);
            for v in &mut columns {
                let scale = v[at] / root;
                axpy(-scale, &u, v);
                v[at] = 0.0;
            }
            for j in 0..m {
                diagonal[j] -= u[j] * u[j];
            }
            remaining[at] = false;
            left[group(indices[at])] -= 1;
            for (j, u) in u.into_iter().enumerate() {
                pending[(j, drop)] = u;
            }
            steps.push(EliminationStep { index: indices[at], cost: 0.5 * score });
        }
        let kept: Vec<usize> = (0..m).filter(|&j| remaining[j]).collect();
        p = subtract_rank_one_terms(&p, &pending, &kept);
        columns.iter_mut().for_each(|v| *v = kept.iter().map(|&j| v[j]).collect());
        indices = kept.iter().map(|&j| indices[j]).collect();
    }
    let columns = columns.iter().map(|v| super::values::scatter(d, &indices, v)).collect();
    RowElimination { support: indices, columns, steps }
}

/// `P - U U^T` restricted to the entries `kept`, with `U` the pending terms.
fn subtract_rank_one_terms(p: &Mat<f64>, pending: &Mat<f64>, kept: &[usize]) -> Mat<f64> {
    let m = kept.len();
    let u = Mat::from_fn(m, pending.ncols(), |i, j| pending[(kept[i], j)]);
    let mut rest = Mat::zeros(m, m);
    let part = |(c, mut columns): (usize, faer::MatMut<'_, f64>)| {
        let first = c * COLUMNS;
        for j in 0..columns.ncols() {
            let from = p.col(kept[first + j]).try_as_col_major().expect("columns are contiguous").as_slice();
            for (i, &source) in kept.iter().enumerate() {
                columns[(i, j)] = from[source];
            }
        }
        let right = u.as_ref().subrows(first, columns.ncols());
        matmul(columns, Accum::Add, u.as_ref(), right.transpose(), -1.0, Par::Seq);
    };
    let parts = column_blocks(rest.as_mut(), COLUMNS);
    if parts.len() == 1 {
        parts.into_iter().enumerate().for_each(part)
    } else {
        parts.into_par_iter().with_max_len(1).enumerate().for_each(part)
    }
    rest
}
