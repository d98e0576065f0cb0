//! k-IHT: iterative hard thresholding (Blumensath, Davies 2009), `w <- T_k(w - g / L)`.
//!
//! `T_k(w - g / L)` minimises the model `f(w) + <g, h> + L |h|^2 / 2` over the changes `h` that lead to at most k
//! entries. Where the model is above f at the next iterate,
//!
//! ```text
//! f(w + h) - f(w) - <g, h> <= L |h|^2 / 2                                                                  (*)
//! ```
//!
//! f does not increase, from any iterate with at most k entries; nor does it with a shorter step. For the squared and the
//! logistic loss (*) holds everywhere with the largest eigenvalue of `X^T X`, or a quarter of it. The exponential loss
//! and quadratic measurements have no bound on their curvature: L is sought in every iteration. It is doubled until (*)
//! holds, from half of the L of the iteration before, and in the first iteration from the curvature at the start. The
//! left side is summed over samples from [`SampleLoss::remainder`](super::SampleLoss::remainder), so that (*) is decided
//! correctly for changes of any size.

use super::dense::{difference, inner_products};
use super::{RecoveryAlgorithm, RecoveryError, RecoveryStep, SampleLoss, Settings, SparseProblem, hard_threshold};
use crate::compute::vector::{axpy, dot};

/// Largest number of times that L is doubled in an iteration; beyond it a change is a rounding error.
const MAX_DOUBLINGS: usize = 200;

/// Iterative hard thresholding.
pub(super) struct Iht {
    k: usize,
    /// The step relative to 1 / L.
    step: f64,
    /// L, or where it is sought the first to be tried.
    smoothness: f64,
}

impl Iht {
    pub(super) fn new(problem: &SparseProblem, settings: &Settings<'_>) -> Self {
        Iht { k: settings.k, step: settings.step, smoothness: problem.smoothness(settings.interrupt) }
    }

    /// The next iterate from the gradient at `w`, with the present L.
    fn next(&self, w: &[f64], g: &[f64]) -> Vec<f64> {
        let mut v = w.to_vec();
        axpy(-self.step / self.smoothness, g, &mut v);
        hard_threshold(&v, self.k)
    }
}

impl RecoveryAlgorithm for Iht {
    fn step(&mut self, problem: &SparseProblem, w: &[f64]) -> Result<RecoveryStep, RecoveryError> {
        if problem.is_quadratic() {
            return Ok(RecoveryStep::plain(self.next(w, &problem.quadratic_gradient(w))));
        }
        let g = problem.value_and_gradient(w).1;
        if problem.loss() == SampleLoss::Logistic {
            return Ok(RecoveryStep::plain(self.next(w, &g)));
        }
        let a = inner_products(problem.design(), w);
        for _ in 0..MAX_DOUBLINGS {
            let next = self.next(w, &g);
            let change = difference(&next, w);
            let h = inner_products(problem.design(), &change);
            let samples = a.iter().zip(problem.measurements()).zip(&h);
            let remainder: f64 = samples.map(|((&a, &y), &h)| problem.loss().remainder(a, y, h)).sum();
            let holds = remainder <= 0.5 * self.smoothness * dot(&change, &change);
            self.smoothness *= if holds { 0.5 } else { 2.0 };
            if holds {
                return Ok(RecoveryStep::plain(next));
            }
        }
        Ok(RecoveryStep::plain(hard_threshold(w, self.k)))
    }
}
