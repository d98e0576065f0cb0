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

use super::moment::{lower_factor, mean_diagonal};
use super::problem::{LayerProblem, inner, row, times};
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
    let moment = problem.moment.moment();
    let mut weights = start.map_or_else(|| sweep_from(problem, &dense, iteration.block).weights, Mat::clone);
    let towards = Towards::new(problem, iteration.step);
    let mut difference = &weights - &dense;
    let mut product = times(moment, &difference);
    let mut least = inner(&difference, &product);
    let (mut best, mut losses) = (weights.clone(), vec![least]);
    for _ in 0..iteration.iterations {
        // (W - W0) H is at hand from the loss.
        let (mut point, scale) = towards.direction(product);
        for r in 0..point.ncols() {
            let from = row(&weights.as_ref(), r);
            let point = point.col_mut(r).try_as_col_major_mut().expect("columns are contiguous").as_slice_mut();
            point.iter_mut().zip(from).for_each(|(p, w)| *p = w - iteration.length * scale * *p);
        }
        weights = sweep_from(problem, &point, iteration.block).weights;
        difference.copy_from(&weights);
        difference -= &dense;
        product = times(moment, &difference);
        let loss = inner(&difference, &product);
        losses.push(loss);
        if loss < least || !iteration.best {
            (least, best) = (loss, weights.clone());
        }
    }
    Iterated { weights: best, losses }
}

/// The matrix by which the gradient is multiplied.
enum Towards {
    /// 1 / lambda_max.
    Scale(f64),
    /// (H + lambda I)^-1 (d, d).
    Inverse(Mat<f64>),
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
            Step::RidgeNewton(ridge) => match lower_factor(moment, ridge * mean_diagonal(moment)) {
                Some(factor) => {
                    let mut inverse = Mat::identity(d, d);
                    solve_lower_triangular_in_place(factor.as_ref(), inverse.as_mut(), Par::Seq);
                    solve_upper_triangular_in_place(factor.transpose(), inverse.as_mut(), Par::Seq);
                    Towards::Inverse(inverse)
                }
                // Without a ridge, of a singular moment: the damped moment, which is positive definite.
                None => Towards::Inverse(problem.moment.inverse().to_owned()),
            },
        }
    }

    /// A matrix (d, rows) and a number whose product is `(W - W0) G`, from `(W - W0) H` (d, rows).
    fn direction(&self, product: Mat<f64>) -> (Mat<f64>, f64) {
        match self {
            Towards::Scale(scale) => (product, *scale),
            Towards::Inverse(inverse) => (times(inverse.as_ref(), &product), 1.0),
        }
    }
}
