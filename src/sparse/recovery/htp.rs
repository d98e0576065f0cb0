//! HTP: hard thresholding pursuit (Foucart 2011), least squares on `supp T_k(w - mu g)`.
//!
//! After a solve the gradient vanishes on the support, so that the normalised step is 0/0: the step is one over the mean of
//! the diagonal of H.

use super::dense::{norm, sample};
use super::omp::least_squares;
use super::{Iteration, Problem, RecoveryError, Settings, Step, largest};
use crate::compute::vector::axpy;

/// Hard thresholding pursuit.
pub(super) struct Htp {
    k: usize,
    step: f64,
}

impl Htp {
    pub(super) fn new(problem: &Problem, settings: &Settings) -> Self {
        let trace: f64 = (0..problem.samples()).map(|i| norm(sample(&problem.design(), i)).powi(2)).sum();
        Htp { k: settings.k, step: settings.step * problem.unknowns() as f64 / trace }
    }
}

impl Iteration for Htp {
    fn step(&mut self, problem: &Problem, w: &[f64]) -> Result<Step, RecoveryError> {
        let g = problem.quadratic_gradient(w);
        let mut v = w.to_vec();
        axpy(-self.step, &g, &mut v);
        least_squares(problem, &largest(&v, self.k))
    }

    fn by_support(&self) -> bool {
        true
    }
}
