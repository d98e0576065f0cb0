//! One entry dropped at a time, the cheapest first: optimal brain compression (Frantar, Alistarh, NeurIPS 2022), with the
//! inverse kept up to date by elimination.
//!
//! ```text
//! p = argmin v_j^2 / P_jj;   v -= (v_p / P_pp) P[:, p];   P -= P[:, p] P[p, :] / P_pp;   forget p
//! ```
//!
//! Afterwards `P` is `(H_SS)^-1` and `v` is `P_Q(v)`. Written so, every drop reads and writes the whole of `P`. Here the
//! rank-one terms `u u^T`, `u = P[:, p] / sqrt(P_pp)`, are set aside: the diagonal is kept up to date, and so is the one
//! column that a drop needs; [`WAITING`] terms at a time are then taken off by one matrix product, when `P` also shrinks to
//! what is left.

use super::dense::column_blocks;
use crate::compute::vector::axpy;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use rayon::prelude::*;

/// Terms that wait for one product.
const WAITING: usize = 48;
/// Columns of a part of that product.
const COLUMNS: usize = 128;

/// A drop of the elimination.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drop {
    /// The entry.
    pub index: usize,
    /// What it adds to the loss: `v_p^2 / (2 P_pp)` at its turn.
    pub cost: f64,
}

/// Drops all but `k` entries of `v` one by one, `inverse` being `H^-1` (d, d). Returns the kept indices, increasing; the
/// projected point `P_Q(v)` (d); and the trace. Of equally cheap entries the one of higher index goes.
pub fn eliminate(v: &[f64], inverse: MatRef<'_, f64>, k: usize) -> (Vec<usize>, Vec<f64>, Vec<Drop>) {
    let d = v.len();
    let mut trace = Vec::with_capacity(d.saturating_sub(k));
    // What is left, under its original names.
    let mut names: Vec<usize> = (0..d).collect();
    let (mut p, mut v) = (inverse.to_owned(), v.to_vec());
    while names.len() > k {
        let m = names.len();
        let drops = WAITING.min(m - k);
        let mut diagonal: Vec<f64> = (0..m).map(|j| p[(j, j)]).collect();
        let mut alive = vec![true; m];
        let mut waiting = Mat::<f64>::zeros(m, drops);
        for drop in 0..drops {
            let mut best: Option<(f64, usize)> = None;
            for j in (0..m).filter(|&j| alive[j]) {
                let score = v[j] * v[j] / diagonal[j];
                if best.is_none_or(|(least, _)| score <= least) {
                    best = Some((score, j));
                }
            }
            // Scores that are not numbers compare as neither less nor equal: the last entry then goes.
            let (score, at) = best.filter(|(score, _)| score.is_finite()).unwrap_or_else(|| {
                (f64::NAN, (0..m).rev().find(|&j| alive[j]).expect("more entries are left than are kept"))
            });
            let mut u: Vec<f64> = p.col(at).try_as_col_major().expect("columns are contiguous").as_slice().to_vec();
            for earlier in 0..drop {
                let column = waiting.col(earlier).try_as_col_major().expect("columns are contiguous").as_slice();
                axpy(-column[at], column, &mut u);
            }
            let root = u[at].sqrt();
            u.iter_mut().for_each(|u| *u /= root);
            let scale = v[at] / root;
            axpy(-scale, &u, &mut v);
            for j in 0..m {
                diagonal[j] -= u[j] * u[j];
            }
            alive[at] = false;
            v[at] = 0.0;
            for (j, u) in u.into_iter().enumerate() {
                waiting[(j, drop)] = u;
            }
            trace.push(Drop { index: names[at], cost: 0.5 * score });
        }
        let left: Vec<usize> = (0..m).filter(|&j| alive[j]).collect();
        p = taken_off(&p, &waiting, &left);
        v = left.iter().map(|&j| v[j]).collect();
        names = left.iter().map(|&j| names[j]).collect();
    }
    let point = super::values::scatter(d, &names, &v);
    (names, point, trace)
}

/// `P - U U^T`, restricted to what is left.
fn taken_off(p: &Mat<f64>, waiting: &Mat<f64>, left: &[usize]) -> Mat<f64> {
    let m = left.len();
    let u = Mat::from_fn(m, waiting.ncols(), |i, j| waiting[(left[i], j)]);
    let mut rest = Mat::zeros(m, m);
    let part = |(c, mut columns): (usize, faer::MatMut<'_, f64>)| {
        let first = c * COLUMNS;
        for j in 0..columns.ncols() {
            let from = p.col(left[first + j]).try_as_col_major().expect("columns are contiguous").as_slice();
            for (i, &name) in left.iter().enumerate() {
                columns[(i, j)] = from[name];
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
