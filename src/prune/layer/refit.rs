//! The least loss on a given support: row by row, the projection of W0 onto the weights with these zeros in the norm of
//! the damped moment.
//!
//! ```text
//! S kept, Q dropped, P = H_d^-1
//! w_S = (H_d[S,S])^-1 (H_d w0)_S              by the kept entries
//! w   = w0 - P[:,Q] (P[Q,Q])^-1 w0_Q          by the dropped entries
//! ```
//!
//! Of the two, the smaller system is solved.

use super::moment::{DampedMoment, lower_factor, solve_counts};
use super::problem::{LayerProblem, row, times};
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::compute::vector::dot;
use crate::sparse::recovery::dense::principal;
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{ColMut, Mat, MatRef, Par};
use rayon::prelude::*;

/// The weights (d, rows) of least damped loss that are zero where `weights` are. Rows whose system is singular to rounding
/// stay as they are.
pub fn refit(problem: &LayerProblem<'_>, weights: &Mat<f64>) -> Mat<f64> {
    let _timed = profile::region(WorkKind::Factors);
    let (d, moment) = (problem.inputs(), problem.moment);
    let dropped = |r: usize| row(&weights.as_ref(), r).iter().filter(|w| **w == 0.0).count();
    let by_dropped = (0..problem.rows()).any(|r| (1..=d / 2).contains(&dropped(r)));
    let by_kept = (0..problem.rows()).any(|r| (d / 2 + 1..d).contains(&dropped(r)));
    let inverse = by_dropped.then(|| moment.inverse());
    // H_d W0, for the right-hand sides of the systems of the kept entries.
    let targets = by_kept.then(|| {
        let mut targets = times(moment.moment(), &problem.weights.to_owned());
        targets += faer::Scale(moment.shift) * problem.weights;
        targets
    });
    let refitted = |r: usize| -> Vec<f64> {
        let (old, dense) = (row(&weights.as_ref(), r), row(&problem.weights, r));
        let (kept, zero): (Vec<usize>, Vec<usize>) = (0..d).partition(|&j| old[j] != 0.0);
        let solved = match (&inverse, &targets) {
            _ if zero.is_empty() => Some(dense.to_vec()),
            (Some(inverse), _) if zero.len() <= kept.len() => by_dropped_entries(*inverse, dense, &zero),
            (_, Some(targets)) if !kept.is_empty() => by_kept_entries(moment, row(&targets.as_ref(), r), &kept),
            _ => None,
        };
        solved.unwrap_or_else(|| old.to_vec())
    };
    let rows: Vec<Vec<f64>> = (0..problem.rows()).into_par_iter().with_min_len(4).map(refitted).collect();
    let mut out = Mat::zeros(d, problem.rows());
    for (r, row) in rows.iter().enumerate() {
        out.as_mut().col_mut(r).copy_from(faer::ColRef::from_slice(row));
    }
    out
}

fn by_kept_entries(moment: &DampedMoment, target: &[f64], kept: &[usize]) -> Option<Vec<f64>> {
    let mut values: Vec<f64> = kept.iter().map(|&j| target[j]).collect();
    solve_positive(principal(moment.moment(), kept).as_ref(), moment.shift, &mut values)?;
    let mut out = vec![0.0; target.len()];
    kept.iter().zip(values).for_each(|(&j, value)| out[j] = value);
    Some(out)
}

fn by_dropped_entries(inverse: MatRef<'_, f64>, dense: &[f64], dropped: &[usize]) -> Option<Vec<f64>> {
    let mut multipliers: Vec<f64> = dropped.iter().map(|&j| dense[j]).collect();
    solve_positive(principal(inverse, dropped).as_ref(), 0.0, &mut multipliers)?;
    // P is symmetric: its columns, scattered over the dropped entries, are its rows.
    let mut all = vec![0.0; dense.len()];
    dropped.iter().zip(multipliers).for_each(|(&j, value)| all[j] = value);
    profile::count(WorkKind::Factors, || WorkCounts::of::<f64>(2 * dense.len() * dense.len(), 0, dense.len().pow(2)));
    let mut out: Vec<f64> = (0..dense.len()).map(|j| dense[j] - dot(row(&inverse, j), &all)).collect();
    dropped.iter().for_each(|&j| out[j] = 0.0);
    Some(out)
}

/// Replaces `b` by `(A + shift I)^-1 b`; none where the matrix is not positive definite to rounding.
fn solve_positive(a: MatRef<'_, f64>, shift: f64, b: &mut [f64]) -> Option<()> {
    let factor = lower_factor(a, shift)?;
    profile::count(WorkKind::Factors, || solve_counts(b.len(), 1));
    let mut b = ColMut::from_slice_mut(b).as_mat_mut();
    solve_lower_triangular_in_place(factor.as_ref(), b.as_mut(), Par::Seq);
    solve_upper_triangular_in_place(factor.transpose(), b, Par::Seq);
    Some(())
}
