//! CoSaMP: compressive sampling matching pursuit (Needell, Tropp 2009).
//!
//! Least squares on the union of the support and the `2k` largest `|g_j|`, then the `k` largest entries.

use super::omp::least_squares;
use super::threshold::support;
use super::{Iteration, Problem, RecoveryError, Settings, Step, largest, threshold};

/// Compressive sampling matching pursuit.
pub(super) struct CoSaMp {
    k: usize,
}

impl CoSaMp {
    pub(super) fn new(settings: &Settings) -> Self {
        CoSaMp { k: settings.k }
    }
}

impl Iteration for CoSaMp {
    fn step(&mut self, problem: &Problem, w: &[f64]) -> Result<Step, RecoveryError> {
        let w = threshold(w, self.k);
        let g = problem.quadratic_gradient(&w);
        let mut union = largest(&g, (2 * self.k).min(w.len()));
        union.extend(support(&w));
        union.sort_unstable();
        union.dedup();
        let solved = least_squares(problem, &union)?;
        Ok(Step { w: threshold(&solved.w, self.k), ..solved })
    }
}
