//! The lasso by FISTA (Beck, Teboulle 2009): soft thresholding at `lambda / L` with Nesterov's momentum, down a geometric
//! path of `lambda` from `|X^T y|_inf`, each from the solution before; then least squares on the `k` largest entries.
//!
//! An iteration is one `lambda` of the path; which one is best is told by the least squares that follow.

use super::dense::{difference, norm};
use super::omp::least_squares;
use super::solve::Stop;
use super::{Iteration, Problem, RecoveryError, Settings, Step, largest};
use crate::compute::vector::axpy;

/// The factor between successive weights.
const RATIO: f64 = 0.85;
/// Weights of the path, down to 7e-4 of the first.
const PATH: usize = 45;
/// Steps of FISTA per weight at most, and the relative change that ends them.
const STEPS: usize = 1000;
const SETTLED: f64 = 1e-8;

/// The lasso path.
pub(super) struct Lasso {
    k: usize,
    step: f64,
    weight: f64,
    at: usize,
    /// The solution of the weight before.
    solution: Vec<f64>,
}

impl Lasso {
    pub(super) fn new(problem: &Problem, settings: &Settings) -> Self {
        // A path takes more steps than it takes passes over the samples to form `X^T X`.
        if problem.unknowns() <= problem.samples() {
            problem.gram();
        }
        let weight = problem.xty().iter().fold(0.0_f64, |most, b| most.max(b.abs()));
        let solution = vec![0.0; problem.unknowns()];
        Lasso { k: settings.k, step: settings.step / problem.smoothness(), weight, at: 0, solution }
    }
}

impl Iteration for Lasso {
    fn step(&mut self, problem: &Problem, _: &[f64]) -> Result<Step, RecoveryError> {
        self.at += 1;
        self.weight *= RATIO;
        self.solution = fista(problem, std::mem::take(&mut self.solution), self.weight, self.step);
        // Of a solution with fewer than k entries no zero is taken up: which one would be a matter of order.
        let mut on = largest(&self.solution, self.k);
        on.retain(|&j| self.solution[j] != 0.0);
        let empty = || Step::plain(vec![0.0; self.solution.len()]);
        let mut step = if on.is_empty() { empty() } else { least_squares(problem, &on)? };
        if self.at == PATH {
            step.last = Some(Stop::Done);
        }
        Ok(step)
    }

    fn settles(&self) -> bool {
        false
    }
}

/// `argmin f(w) + weight |w|_1` from a start.
pub(super) fn fista(problem: &Problem, start: Vec<f64>, weight: f64, step: f64) -> Vec<f64> {
    let (mut w, mut ahead, mut t) = (start.clone(), start, 1.0_f64);
    for _ in 0..STEPS {
        let g = problem.quadratic_gradient(&ahead);
        axpy(-step, &g, &mut ahead);
        let next: Vec<f64> = ahead.iter().map(|v| v.signum() * (v.abs() - step * weight).max(0.0)).collect();
        let change = difference(&next, &w);
        let t_next = 0.5 * (1.0 + (1.0 + 4.0 * t * t).sqrt());
        ahead.clone_from(&next);
        axpy((t - 1.0) / t_next, &change, &mut ahead);
        let done = norm(&change) <= SETTLED * norm(&next);
        (w, t) = (next, t_next);
        if done {
            break;
        }
    }
    w
}
