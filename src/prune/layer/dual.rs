//! The ridge-Newton step with a multiplier: the alternating direction method of multipliers (Boyd et al. 2011) for the
//! zeros, with a growing penalty, as in ALPS (Meng et al. 2024).
//!
//! ```text
//! A = S^-1 H_d S^-1 with unit diagonal, B = W0 S A,  S = sqrt(diag H_d)
//! W <- (B - V + rho D) (A + rho I)^-1        the ridge-Newton step from D, shifted by the multiplier
//! D <- the largest entries of W + V / rho    the projection in the Euclidean norm
//! V <- V + rho (W - D)
//! ```
//!
//! The penalty grows fast while the support changes, and slowly once it settles; then the support is fixed.

use super::moment::{lower_factor, solve_counts};
use super::problem::{LayerProblem, ROWS, from_entries, row, times};
use super::select::drop_lowest;
use super::sweep::{BLOCK, sweep_from};
use crate::compute::profile::{self, WorkKind};
use crate::sparse::recovery::dense::column_blocks;
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Mat, Par};
use rayon::prelude::*;

/// The schedule of the penalty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DualSchedule {
    /// The first penalty, relative to the unit diagonal.
    pub penalty: f64,
    /// Iterations between changes of the penalty.
    pub every: usize,
    /// Growth where more than a tenth, more than half a percent, and fewer of the kept entries have changed.
    pub growth: [f64; 3],
    /// Most iterations.
    pub iterations: usize,
}

/// A change of the support above which the penalty grows by the first factor, and by the second.
const CHANGES: [f64; 2] = [0.1, 0.005];
/// Iterations before which the method does not end, although the support does not change.
const LEAST_ITERATIONS: usize = 20;

impl Default for DualSchedule {
    /// From a small penalty, which lets the support change, to a large one in about 60 iterations.
    fn default() -> Self {
        DualSchedule { penalty: 0.03, every: 3, growth: [1.4, 1.3, 1.2], iterations: 100 }
    }
}

/// The weights (d, rows) with the support that the method finds; their values on it are to be refitted.
pub fn dual_iterate(problem: &LayerProblem<'_>, schedule: &DualSchedule) -> Mat<f64> {
    let (d, rows, moment) = (problem.inputs(), problem.rows(), problem.moment);
    let scale: Vec<f64> = (0..d).map(|j| moment.damped(j, j).sqrt()).collect();
    let scaled = Mat::from_fn(d, d, |i, j| moment.damped(i, j) / (scale[i] * scale[j]));
    let rescale = |weights: &Mat<f64>, power: i32| {
        Mat::from_fn(d, rows, |j, r| weights[(j, r)] * if power > 0 { scale[j] } else { 1.0 / scale[j] })
    };
    let dense = problem.weights.to_owned();
    let target = times(scaled.as_ref(), &rescale(&dense, 1));
    let mut sparse = rescale(&sweep_from(problem, &dense, BLOCK).weights, 1);
    let mut multiplier = Mat::<f64>::zeros(d, rows);
    let mut support = nonzero(&sparse);
    let mut penalty = schedule.penalty;
    let mut factor = lower_factor(scaled.as_ref(), penalty);
    for iteration in 0..schedule.iterations {
        // The matrix is positive definite; without a factor its entries are not finite, and the sweep's support remains.
        let Some(lower) = &factor else { break };
        let solving = profile::region(WorkKind::Factors);
        profile::count(WorkKind::Factors, || solve_counts(d, rows));
        let mut point = Mat::zeros(d, rows);
        let parts = column_blocks(point.as_mut(), ROWS);
        let sparse_part = &sparse;
        parts.into_par_iter().with_max_len(1).enumerate().for_each(|(index, mut part)| {
            for c in 0..part.ncols() {
                let r = index * ROWS + c;
                let (b, v, s) = (row(&target.as_ref(), r), row(&multiplier.as_ref(), r), row(&sparse_part.as_ref(), r));
                let out =
                    part.as_mut().col_mut(c).try_as_col_major_mut().expect("columns are contiguous").as_slice_mut();
                for j in 0..d {
                    out[j] = b[j] - v[j] + penalty * s[j];
                }
            }
            solve_lower_triangular_in_place(lower.as_ref(), part.as_mut(), Par::Seq);
            solve_upper_triangular_in_place(lower.transpose(), part, Par::Seq);
        });
        drop(solving);
        let reach: Vec<f64> = (0..rows)
            .flat_map(|r| {
                let (w, v) = (row(&point.as_ref(), r), row(&multiplier.as_ref(), r));
                w.iter().zip(v).map(|(w, v)| w + v / penalty).collect::<Vec<_>>()
            })
            .collect();
        sparse = from_entries(&kept(&reach, d, problem), d);
        multiplier += faer::Scale(penalty) * (&point - &sparse);
        if iteration % schedule.every == schedule.every - 1 {
            let now = nonzero(&sparse);
            let changed = now.iter().zip(&support).filter(|(now, before)| now != before).count();
            let change = changed as f64 / now.iter().filter(|kept| **kept).count().max(1) as f64;
            support = now;
            let speed = CHANGES.iter().position(|least| change > *least).unwrap_or(CHANGES.len());
            penalty *= schedule.growth[speed];
            if changed == 0 && iteration > LEAST_ITERATIONS {
                break;
            }
            factor = lower_factor(scaled.as_ref(), penalty);
        }
    }
    rescale(&sparse, -1)
}

/// The entries of largest magnitude, the others 0.
fn kept(values: &[f64], inputs: usize, problem: &LayerProblem<'_>) -> Vec<f64> {
    let magnitudes: Vec<f64> = values.iter().map(|v| v.abs()).collect();
    let mut dropped = vec![false; values.len()];
    drop_lowest(&magnitudes, inputs, problem.zeros, &mut dropped);
    values.iter().zip(dropped).map(|(v, dropped)| if dropped { 0.0 } else { *v }).collect()
}

/// Which entries are not zero.
fn nonzero(weights: &Mat<f64>) -> Vec<bool> {
    (0..weights.ncols()).flat_map(|r| row(&weights.as_ref(), r)).map(|w| *w != 0.0).collect()
}
