//! The lasso by FISTA (Beck, Teboulle 2009): soft thresholding at `lambda / L` with Nesterov's momentum, for a
//! geometrically decreasing path of `lambda` from `|X^T y|_inf`, each started at the previous solution; then least
//! squares on the support of the `k` largest entries.
//!
//! An iteration is one `lambda` of the path. The best of them is that whose least-squares solution has the least value.

use super::dense::{difference, norm};
use super::omp::least_squares;
use super::solve::Stop;
use super::{Interrupt, RecoveryAlgorithm, RecoveryError, RecoveryStep, Settings, SparseProblem, largest_entries};
use crate::compute::vector::axpy;

/// The factor between successive weights.
const RATIO: f64 = 0.85;
/// Number of weights on the path, down to 7e-4 of the first.
const PATH_LENGTH: usize = 45;
/// Largest number of FISTA steps per weight, and the relative change at which the iteration has converged.
const MAX_STEPS: usize = 1000;
const TOLERANCE: f64 = 1e-8;

/// The lasso path.
pub(super) struct Lasso<'a> {
    k: usize,
    interrupt: Interrupt<'a>,
    step: f64,
    weight: f64,
    index: usize,
    /// The solution for the current weight; the start for the next one.
    solution: Vec<f64>,
}

impl<'a> Lasso<'a> {
    pub(super) fn new(problem: &SparseProblem, settings: &Settings<'a>) -> Self {
        // The path takes enough steps for the Gram matrix to pay off.
        if problem.unknowns() <= problem.samples() {
            problem.shared_gram(settings.interrupt);
        }
        let weight = problem.xty().iter().fold(0.0_f64, |most, b| most.max(b.abs()));
        let solution = vec![0.0; problem.unknowns()];
        let step = settings.step / problem.smoothness(settings.interrupt);
        Lasso { k: settings.k, interrupt: settings.interrupt, step, weight, index: 0, solution }
    }
}

impl RecoveryAlgorithm for Lasso<'_> {
    fn step(&mut self, problem: &SparseProblem, _: &[f64]) -> Result<RecoveryStep, RecoveryError> {
        self.index += 1;
        self.weight *= RATIO;
        let start = std::mem::take(&mut self.solution);
        self.solution = fista(problem, start, self.weight, self.step, self.interrupt);
        // A solution with fewer than k nonzero entries is not filled up with zero entries, whose choice would be
        // arbitrary.
        let mut support = largest_entries(&self.solution, self.k);
        support.retain(|&j| self.solution[j] != 0.0);
        let empty = || RecoveryStep::plain(vec![0.0; self.solution.len()]);
        let mut step = if support.is_empty() { empty() } else { least_squares(problem, &support, self.interrupt)? };
        if self.index == PATH_LENGTH {
            step.last = Some(Stop::Done);
        }
        Ok(step)
    }

    fn converges_when_stationary(&self) -> bool {
        false
    }
}

/// Minimises `f(w) + weight |w|_1` by FISTA with the step `step` = 1/L, from a start (d). Ends early where a stop is
/// requested.
fn fista(problem: &SparseProblem, start: Vec<f64>, weight: f64, step: f64, interrupt: Interrupt<'_>) -> Vec<f64> {
    let (mut w, mut extrapolated, mut t) = (start.clone(), start, 1.0_f64);
    for _ in 0..MAX_STEPS {
        if interrupt.requested() {
            break;
        }
        let g = problem.quadratic_gradient(&extrapolated);
        axpy(-step, &g, &mut extrapolated);
        let next: Vec<f64> = extrapolated.iter().map(|v| v.signum() * (v.abs() - step * weight).max(0.0)).collect();
        let change = difference(&next, &w);
        let t_next = 0.5 * (1.0 + (1.0 + 4.0 * t * t).sqrt());
        extrapolated.clone_from(&next);
        axpy((t - 1.0) / t_next, &change, &mut extrapolated);
        let done = norm(&change) <= TOLERANCE * norm(&next);
        (w, t) = (next, t_next);
        if done {
            break;
        }
    }
    w
}
