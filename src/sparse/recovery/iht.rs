//! k-IHT: iterative hard thresholding (Blumensath, Davies 2009), `w <- T_k(w - g / L)`.

use super::{Iteration, Problem, RecoveryError, Settings, Step, threshold};
use crate::compute::vector::axpy;

/// Hard thresholding with a fixed step.
pub(super) struct Iht {
    k: usize,
    step: f64,
}

impl Iht {
    pub(super) fn new(problem: &Problem, settings: &Settings) -> Self {
        Iht { k: settings.k, step: settings.step / problem.smoothness() }
    }
}

impl Iteration for Iht {
    fn step(&mut self, problem: &Problem, w: &[f64]) -> Result<Step, RecoveryError> {
        let g = if problem.is_quadratic() { problem.quadratic_gradient(w) } else { problem.gradient(w).1 };
        let mut v = w.to_vec();
        axpy(-self.step, &g, &mut v);
        Ok(Step::plain(threshold(&v, self.k)))
    }
}
