//! The column sweep of SparseGPT (Frantar, Alistarh 2023).
//!
//! ```text
//! for blocks of columns, choose the zeros of the block by the lowest w^2 / C_jj^2, and for every column j of it
//!     e = w_j / C_jj where w_j is to be zero, otherwise 0;   W[:, j:] -= e C[j, j:]
//! ```
//!
//! `C_jj C[j, j:]` is the first row of the inverse of `H_d[j:, j:]`: every step is the optimal brain surgeon's, restricted
//! to the columns that follow. `sum e^2` is the damped loss of the whole sweep. Rows are independent but for the choice
//! of zeros, and are computed in groups that fit the cache; within a block, columns are taken [`PANEL`] at a time, and
//! what follows is updated by products.

use super::moment::DampedMoment;
use super::problem::{LayerProblem, ROWS};
use super::select::{mark_group, mark_lowest};
use super::sparsity::Zeros;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::compute::vector::axpy;
use crate::sparse::recovery::dense::column_blocks;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, Par};
use rayon::prelude::*;

/// Columns whose zeros are chosen together, as in the reference implementation.
pub const BLOCK: usize = 128;
/// Columns that are swept one by one before the rest of their block is updated.
const PANEL: usize = 16;

/// What a sweep returns.
pub struct Swept {
    /// W (d, rows).
    pub weights: Mat<f64>,
    /// The damped squared distance `tr((W - start) H_d (W - start)^T)` from the start.
    pub distance: f64,
}

/// Sweeps from `start` (d, rows), in blocks of `block` columns.
pub fn sweep_from(problem: &LayerProblem<'_>, start: &Mat<f64>, block: usize) -> Swept {
    let mut weights = start.clone();
    let distance = sweep_in_place(problem, &mut weights, block);
    Swept { weights, distance }
}

/// Sweeps from `weights` (d, rows), which are replaced; returns [`Swept::distance`].
pub(super) fn sweep_in_place(problem: &LayerProblem<'_>, weights: &mut Mat<f64>, block: usize) -> f64 {
    let (d, rows, moment) = (problem.inputs(), problem.rows(), problem.moment);
    let _timed = profile::region(WorkKind::Sweeps);
    // Every column changes those after it.
    profile::count(WorkKind::Sweeps, || WorkCounts::of::<f64>(rows * d * d, 0, d * (d + 2 * rows)));
    // Blocks end where groups of a pattern do.
    let block = match problem.zeros {
        Zeros::Group { of, .. } => block.next_multiple_of(of),
        _ => block,
    };
    let (mut distance, mut chosen) = (0.0, 0);
    for first in (0..d).step_by(block) {
        let width = block.min(d - first);
        let end = first + width;
        // Zeros up to the end of the block in proportion to its columns.
        let target = |zeros: usize| (zeros as f64 * end as f64 / d as f64).round_ties_even() as usize;
        let mut dropped = vec![false; rows * width];
        match problem.zeros {
            Zeros::Matrix(zeros) => {
                let count = target(zeros).saturating_sub(chosen).min(rows * width);
                chosen += count;
                mark_lowest(&scores(weights, moment, first, width), count, &mut dropped);
            }
            Zeros::Row(zeros) => {
                let count = target(zeros).saturating_sub(chosen).min(width);
                chosen += count;
                let scores = scores(weights, moment, first, width);
                let parts = scores.par_chunks_exact(width).zip(dropped.par_chunks_exact_mut(width));
                parts.for_each(|(scores, dropped)| mark_lowest(scores, count, dropped));
            }
            Zeros::Group { .. } => {}
        }
        let parts = column_blocks(weights.as_mut(), ROWS);
        let squares: Vec<f64> = parts
            .into_par_iter()
            .with_max_len(1)
            .zip(dropped.par_chunks_mut(ROWS * width))
            .map(|(part, dropped)| RowGroup { weights: part, moment, first, width, dropped }.sweep(problem.zeros))
            .collect();
        distance += squares.iter().sum::<f64>();
    }
    distance
}

/// `w^2 / C_jj^2` of the columns of a block, row-major.
fn scores(weights: &Mat<f64>, moment: &DampedMoment, first: usize, width: usize) -> Vec<f64> {
    let inverse: Vec<f64> = (first..first + width).map(|j| moment.factor()[(j, j)].powi(-2)).collect();
    let mut scores = vec![0.0; weights.ncols() * width];
    scores.par_chunks_exact_mut(width).enumerate().with_min_len(ROWS).for_each(|(r, scores)| {
        let row = &super::problem::row(&weights.as_ref(), r)[first..][..width];
        for j in 0..width {
            scores[j] = row[j] * row[j] * inverse[j];
        }
    });
    scores
}

/// Some rows in one block of columns.
struct RowGroup<'a> {
    /// (d, rows of the group).
    weights: MatMut<'a, f64>,
    moment: &'a DampedMoment,
    first: usize,
    width: usize,
    /// Chosen zeros (rows, width), row-major; chosen here for a pattern.
    dropped: &'a mut [bool],
}

impl RowGroup<'_> {
    /// Sweeps the block and updates the columns after it; returns `sum e^2`.
    fn sweep(mut self, zeros: Zeros) -> f64 {
        let (first, width, rows) = (self.first, self.width, self.weights.ncols());
        let d = self.weights.nrows();
        let factor = self.moment.factor();
        // The block with the rows in the contiguous direction: (rows, width).
        let mut block = self.weights.as_ref().subrows(first, width).transpose().to_owned();
        let mut errors = Mat::<f64>::zeros(rows, width);
        for panel in (0..width).step_by(panel_width(zeros)) {
            let next = (panel + panel_width(zeros)).min(width);
            for j in panel..next {
                if let Zeros::Group { zeros, of } = zeros
                    && j % of == 0
                {
                    self.choose(&block, j, zeros, of);
                }
                let scale = factor[(first + j, first + j)];
                let (mut done, mut after) = block.as_mut().split_at_col_mut(j + 1);
                let column = slice_mut(done.as_mut().col_mut(j));
                let error = slice_mut(errors.as_mut().col_mut(j));
                for r in 0..rows {
                    error[r] = if self.dropped[r * width + j] { column[r] / scale } else { 0.0 };
                    column[r] = if self.dropped[r * width + j] { 0.0 } else { column[r] };
                }
                for k in j + 1..next {
                    let column = slice_mut(after.as_mut().col_mut(k - j - 1));
                    axpy(-factor[(first + j, first + k)], error, column);
                }
            }
            if next < width {
                let rest = block.as_mut().subcols_mut(next, width - next);
                let row = factor.submatrix(first + panel, first + next, next - panel, width - next);
                matmul(rest, Accum::Add, errors.as_ref().subcols(panel, next - panel), row, -1.0, Par::Seq);
            }
        }
        self.weights.as_mut().subrows_mut(first, width).copy_from(block.transpose());
        let end = first + width;
        if end < d {
            let rest = self.weights.as_mut().subrows_mut(end, d - end);
            let right = factor.submatrix(first, end, width, d - end);
            matmul(rest, Accum::Add, right.transpose(), errors.transpose(), -1.0, Par::Seq);
        }
        super::problem::inner(&errors, &errors)
    }

    /// Chooses the zeros of the group of a pattern that begins with column `j` of the block.
    fn choose(&mut self, block: &Mat<f64>, j: usize, zeros: usize, of: usize) {
        let factor = self.moment.factor();
        let inverse: Vec<f64> = (0..of).map(|k| factor[(self.first + j + k, self.first + j + k)].powi(-2)).collect();
        let mut scores = vec![0.0; of];
        for r in 0..block.nrows() {
            for k in 0..of {
                scores[k] = block[(r, j + k)] * block[(r, j + k)] * inverse[k];
            }
            mark_group(&scores, zeros, &mut self.dropped[r * self.width + j..][..of]);
        }
    }
}

/// Columns of a panel; a pattern is chosen from up-to-date columns, so that its groups do not cross panels.
fn panel_width(zeros: Zeros) -> usize {
    match zeros {
        Zeros::Group { of, .. } => PANEL.next_multiple_of(of),
        _ => PANEL,
    }
}

fn slice_mut(column: faer::ColMut<'_, f64>) -> &mut [f64] {
    column.try_as_col_major_mut().expect("columns are contiguous").as_slice_mut()
}
