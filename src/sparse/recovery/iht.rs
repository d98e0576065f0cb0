//! k-IHT: iterative hard thresholding (Blumensath, Davies 2009), `w <- T_k(w - g / L)`.

use super::{RecoveryAlgorithm, RecoveryError, RecoveryStep, Settings, SparseProblem, hard_threshold};
use crate::compute::vector::axpy;

/// Iterative hard thresholding with a fixed step.
pub(super) struct Iht {
    k: usize,
    step: f64,
}

impl Iht {
    pub(super) fn new(problem: &SparseProblem, settings: &Settings) -> Self {
        Iht { k: settings.k, step: settings.step / problem.smoothness() }
    }
}

impl RecoveryAlgorithm for Iht {
    fn step(&mut self, problem: &SparseProblem, w: &[f64]) -> Result<RecoveryStep, RecoveryError> {
        let g = if problem.is_quadratic() { problem.quadratic_gradient(w) } else { problem.value_and_gradient(w).1 };
        let mut v = w.to_vec();
        axpy(-self.step, &g, &mut v);
        Ok(RecoveryStep::plain(hard_threshold(&v, self.k)))
    }
}
