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

use super::moment::{DampedMoment, lower_factor, mean_diagonal};
use super::problem::{LayerProblem, inner, loss_by_root, row, times};
use super::sweep::sweep_from;
use crate::sparse::recovery::Interrupt;
use crate::sparse::recovery::dense::largest_eigenvalue;
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Mat, Par};
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
    let dense = problem.weights.to_owned();
    let mut weights = start.map_or_else(|| sweep_from(problem, &dense, iteration.block).weights, Mat::clone);
    let towards = Towards::new(problem, iteration.step);
    let mut difference = &weights - &dense;
    let (mut least, mut direction) = towards.loss_and_direction(problem.moment, &difference);
    let (mut best, mut losses) = (weights.clone(), vec![least]);
    for _ in 0..iteration.iterations {
        let mut point = direction;
        for r in 0..point.ncols() {
            let from = row(&weights.as_ref(), r);
            let point = point.col_mut(r).try_as_col_major_mut().expect("columns are contiguous").as_slice_mut();
            point.iter_mut().zip(from).for_each(|(p, w)| *p = w - iteration.length * *p);
        }
        weights = sweep_from(problem, &point, iteration.block).weights;
        difference.copy_from(&weights);
        difference -= &dense;
        let loss;
        (loss, direction) = towards.loss_and_direction(problem.moment, &difference);
        losses.push(loss);
        if loss < least || !iteration.best {
            (least, best) = (loss, weights.clone());
        }
    }
    Iterated { weights: best, losses }
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

    /// The loss of `D = W - W0` (d, rows), and `D G` (d, rows).
    fn loss_and_direction(&self, moment: &DampedMoment, difference: &Mat<f64>) -> (f64, Mat<f64>) {
        match self {
            Towards::Scale(scale) => {
                let mut product = times(moment.moment(), difference);
                let loss = inner(difference, &product);
                for_each_entry(&mut product, difference, |p, _| scale * p);
                (loss, product)
            }
            Towards::Inverse(lambda, inverse) => {
                // H (H + lambda I)^-1 = I - lambda (H + lambda I)^-1: one product in place of two.
                let mut product = times(inverse.as_ref(), difference);
                for_each_entry(&mut product, difference, |p, d| d - lambda * p);
                (loss_by_root(moment, difference), product)
            }
        }
    }
}

/// Replaces every entry p of a matrix by `value(p, d)`, d the entry of another.
fn for_each_entry(matrix: &mut Mat<f64>, other: &Mat<f64>, value: impl Fn(f64, f64) -> f64) {
    for r in 0..matrix.ncols() {
        let column = matrix.col_mut(r).try_as_col_major_mut().expect("columns are contiguous").as_slice_mut();
        column.iter_mut().zip(row(&other.as_ref(), r)).for_each(|(p, d)| *p = value(*p, *d));
    }
}
