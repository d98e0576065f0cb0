//! HTP: hard thresholding pursuit (Foucart 2011), least squares on `supp T_k(w - mu g)`.
//!
//! After a least-squares solve the gradient vanishes on the support, so that the normalised step of NIHT would be 0/0.
//! The step mu is one over the mean of the diagonal of H.

use super::dense::{norm, sample};
use super::omp::least_squares;
use super::{Interrupt, RecoveryAlgorithm, RecoveryError, RecoveryStep, Settings, SparseProblem, largest_entries};
use crate::compute::vector::axpy;

/// Hard thresholding pursuit (Foucart 2011).
pub(super) struct Htp<'a> {
    k: usize,
    interrupt: Interrupt<'a>,
    step: f64,
}

impl<'a> Htp<'a> {
    pub(super) fn new(problem: &SparseProblem, settings: &Settings<'a>) -> Self {
        let trace: f64 = (0..problem.samples()).map(|i| norm(sample(&problem.design(), i)).powi(2)).sum();
        let step = settings.step * problem.unknowns() as f64 / trace;
        Htp { k: settings.k, interrupt: settings.interrupt, step }
    }
}

impl RecoveryAlgorithm for Htp<'_> {
    fn step(&mut self, problem: &SparseProblem, w: &[f64]) -> Result<RecoveryStep, RecoveryError> {
        let g = problem.quadratic_gradient(w);
        let mut v = w.to_vec();
        axpy(-self.step, &g, &mut v);
        least_squares(problem, &largest_entries(&v, self.k), self.interrupt)
    }

    fn depends_on_support_only(&self) -> bool {
        true
    }
}
