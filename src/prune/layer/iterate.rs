//! The iterative optimal brain surgeon on a layer (WMSKA): an inexact step towards W0, then the projection.
//!
//! ```text
//! W <- sweep(W - eta (W - W0) G)
//! G = H / lambda_max(H)               gradient
//! G = H (H + lambda I)^-1             ridge-Newton
//! ```
//!
//! An exact Newton step returns W0, and every iteration repeats the first; only an inexact one explores. The iterate of
//! least loss is kept.

use super::moment::{lower_factor, mean_diagonal, solve_counts};
use super::problem::{LayerProblem, ROWS, inner, loss_by_root, row, row_mut, times_into};
use super::sweep::{sweep_from, sweep_in_place};
use crate::compute::profile::{self, WorkKind};
use crate::sparse::recovery::Interrupt;
use crate::sparse::recovery::dense::{column_blocks, largest_eigenvalue};
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Mat, MatMut, Par};
use rayon::prelude::*;
use std::sync::Arc;

/// The step towards W0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Along the gradient, over the largest eigenvalue of H.
    Gradient,
    /// Newton's, with this multiple of the mean diagonal of H added to its diagonal.
    RidgeNewton(f64),
}

/// The iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Iteration {
    /// The step.
    pub step: Step,
    /// Its length, eta.
    pub length: f64,
    /// Number of iterations.
    pub iterations: usize,
    /// Columns of a block of the sweep.
    pub block: usize,
    /// Whether the iterate of least loss is returned, otherwise the last.
    pub best: bool,
}

/// What the iteration returns.
pub struct Iterated {
    /// The weights (d, rows).
    pub weights: Mat<f64>,
    /// The loss of the sweep from W0, and after every iteration.
    pub losses: Vec<f64>,
}

/// Iterates from `start`, or from the sweep from W0 where there is none.
pub fn iterate(problem: &LayerProblem<'_>, iteration: &Iteration, start: Option<&Mat<f64>>) -> Iterated {
    let mut at = Iterate::new(problem, iteration, start);
    let mut best = at.weights.clone();
    let mut losses = vec![at.loss];
    let mut least = at.loss;
    for _ in 0..iteration.iterations {
        at.advance();
        losses.push(at.loss);
        if at.loss < least || !iteration.best {
            least = at.loss;
            best.copy_from(&at.weights);
        }
    }
    Iterated { weights: best, losses }
}

/// An iterate; its buffers of shape (d, rows) are used again by the next.
struct Iterate<'a> {
    problem: &'a LayerProblem<'a>,
    iteration: Iteration,
    towards: Towards,
    /// W.
    weights: Mat<f64>,
    /// `tr(D H D^T)`.
    loss: f64,
    /// `D = W - W0`.
    difference: Mat<f64>,
    /// `D G`; that of the iterate before for the ridge-Newton step, which computes it when it is needed.
    direction: Mat<f64>,
    /// `W - eta D G` of the iterate before.
    point: Mat<f64>,
}

impl<'a> Iterate<'a> {
    fn new(problem: &'a LayerProblem<'a>, iteration: &Iteration, start: Option<&Mat<f64>>) -> Self {
        let (d, rows) = (problem.inputs(), problem.rows());
        let dense = || problem.weights.to_owned();
        let weights = start.map_or_else(|| sweep_from(problem, &dense(), iteration.block).weights, Mat::clone);
        let [difference, direction, point] = [(); 3].map(|()| Mat::zeros(d, rows));
        let towards = Towards::new(problem, iteration.step);
        let iteration = *iteration;
        let mut first = Iterate { problem, iteration, towards, weights, loss: 0.0, difference, direction, point };
        first.update_difference();
        first.update_loss();
        first
    }

    /// The step towards W0 and the sweep.
    fn advance(&mut self) {
        let _timed = profile::region(WorkKind::MomentProducts);
        let full_step = self.iteration.length == 1.0;
        let lambda = match &self.towards {
            Towards::Inverse(lambda, inverse) => {
                // H (H + lambda I)^-1 = I - lambda (H + lambda I)^-1: one product in place of two.
                times_into(inverse.as_ref(), &self.difference, &mut self.direction);
                Some(*lambda)
            }
            Towards::Scale(_) => None,
        };
        self.step(lambda);
        let distance = sweep_in_place(self.problem, &mut self.weights, self.iteration.block);
        match self.towards {
            Towards::Inverse(lambda, _) if full_step => self.loss = self.loss_after_full_step(distance, lambda),
            _ => {
                self.update_difference();
                self.update_loss();
            }
        }
    }

    /// The point and the weights after the step, in one pass. With a lambda, the direction is the product of the difference
    /// with `(H + lambda I)^-1`, and is completed.
    fn step(&mut self, lambda: Option<f64>) {
        let length = self.iteration.length;
        let [direction, point, weights] = [&mut self.direction, &mut self.point, &mut self.weights]
            .map(|matrix| column_blocks(matrix.as_mut(), ROWS).into_par_iter());
        let difference = self.difference.as_ref();
        let parts = direction.zip(point).zip(weights).with_max_len(1).enumerate();
        parts.for_each(|(index, ((mut direction, mut point), mut weights))| {
            for c in 0..direction.ncols() {
                let d = row(&difference, index * ROWS + c);
                let [g, p, w] = [&mut direction, &mut point, &mut weights].map(|part| row_mut(part.as_mut(), c));
                for j in 0..d.len() {
                    if let Some(lambda) = lambda {
                        g[j] = d[j] - lambda * g[j];
                    }
                    p[j] = w[j] - length * g[j];
                    w[j] = p[j];
                }
            }
        });
    }

    /// Updates the difference, and returns the loss after a ridge-Newton step of length 1 and its sweep, without a product: with the point P and D of the
    /// iterate before, `P - W0 = D - D G = lambda D (H + lambda I)^-1` and `(P - W0) H = lambda D G`, so that
    ///
    /// ```text
    /// tr((W - W0) H (W - W0)^T) = tr(E H E^T) + lambda (2 <E, D G> + <D - D G, D G>),   E = W - P
    /// ```
    ///
    /// and the sweep's distance is `tr(E H E^T)` with the damping.
    fn loss_after_full_step(&mut self, distance: f64, lambda: f64) -> f64 {
        let (weights, dense, shift) = (self.weights.as_ref(), self.problem.weights, self.problem.moment.shift);
        let (point, direction) = (self.point.as_ref(), self.direction.as_ref());
        let of_part = |(index, mut part): (usize, MatMut<'_, f64>)| {
            let (mut squares, mut products) = (0.0, 0.0);
            for c in 0..part.ncols() {
                let [w, p, g, from] = [weights, point, direction, dense].map(|m| row(&m, index * ROWS + c));
                let d = row_mut(part.as_mut(), c);
                for j in 0..d.len() {
                    let e = w[j] - p[j];
                    squares += e * e;
                    products += (2.0 * e + d[j] - g[j]) * g[j];
                    d[j] = w[j] - from[j];
                }
            }
            lambda * products - shift * squares
        };
        let parts = column_blocks(self.difference.as_mut(), ROWS).into_par_iter().with_max_len(1).enumerate();
        let parts: Vec<f64> = parts.map(of_part).collect();
        distance + parts.iter().sum::<f64>()
    }

    fn update_difference(&mut self) {
        self.difference.copy_from(&self.weights);
        self.difference -= self.problem.weights;
    }

    /// The loss, and the direction along the gradient, which is the same product.
    fn update_loss(&mut self) {
        let moment = self.problem.moment;
        match self.towards {
            Towards::Scale(scale) => {
                times_into(moment.moment(), &self.difference, &mut self.direction);
                self.loss = inner(&self.difference, &self.direction);
                for_each_entry(&mut self.direction, &self.difference, |p, _| scale * p);
            }
            Towards::Inverse(..) => self.loss = loss_by_root(moment, &self.difference),
        }
    }
}

/// What the step towards W0 needs.
enum Towards {
    /// 1 / lambda_max.
    Scale(f64),
    /// lambda and `(H + lambda I)^-1` (d, d).
    Inverse(f64, Mat<f64>),
}

impl Towards {
    fn new(problem: &LayerProblem<'_>, step: Step) -> Self {
        let moment = problem.moment.moment();
        let d = moment.nrows();
        let times = |v: &[f64]| crate::sparse::recovery::dense::symmetric_times(moment, v);
        match step {
            Step::Gradient => {
                let largest = largest_eigenvalue(d, || Arc::new(moment.to_owned()), times, Interrupt::NEVER);
                Towards::Scale(if largest > 0.0 { 1.0 / largest } else { 0.0 })
            }
            Step::RidgeNewton(ridge) => {
                let lambda = ridge * mean_diagonal(moment);
                match lower_factor(moment, lambda) {
                    Some(factor) => {
                        let _timed = profile::time(WorkKind::Factors);
                        profile::count(WorkKind::Factors, || solve_counts(d, d));
                        let mut inverse = Mat::identity(d, d);
                        solve_lower_triangular_in_place(factor.as_ref(), inverse.as_mut(), Par::Seq);
                        solve_upper_triangular_in_place(factor.transpose(), inverse.as_mut(), Par::Seq);
                        Towards::Inverse(lambda, inverse)
                    }
                    // Without a ridge, of a singular moment: the damped moment, which is positive definite.
                    None => Towards::Inverse(problem.moment.shift, problem.moment.inverse().to_owned()),
                }
            }
        }
    }
}

/// Replaces every entry p of a matrix by `value(p, d)`, d the entry of another.
fn for_each_entry(matrix: &mut Mat<f64>, other: &Mat<f64>, value: impl Fn(f64, f64) -> f64 + Sync) {
    let parts = column_blocks(matrix.as_mut(), ROWS);
    parts.into_par_iter().with_max_len(1).enumerate().for_each(|(index, mut part)| {
        for c in 0..part.ncols() {
            let other = row(&other.as_ref(), index * ROWS + c);
            row_mut(part.as_mut(), c).iter_mut().zip(other).for_each(|(p, d)| *p = value(*p, *d));
        }
    });
}
