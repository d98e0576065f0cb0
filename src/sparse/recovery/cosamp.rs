//! CoSaMP: compressive sampling matching pursuit (Needell, Tropp 2009).
//!
//! Least squares on the union of the support and the `2k` largest `|g_j|`, then the `k` largest entries.

use super::omp::least_squares;
use super::threshold::support;
use super::{
    Interrupt, RecoveryAlgorithm, RecoveryError, RecoveryStep, Settings, SparseProblem, hard_threshold, largest_entries,
};

/// Compressive sampling matching pursuit (Needell, Tropp 2009).
pub(super) struct CoSaMp<'a> {
    k: usize,
    interrupt: Interrupt<'a>,
}

impl<'a> CoSaMp<'a> {
    pub(super) fn new(settings: &Settings<'a>) -> Self {
        CoSaMp { k: settings.k, interrupt: settings.interrupt }
    }
}

impl RecoveryAlgorithm for CoSaMp<'_> {
    fn step(&mut self, problem: &SparseProblem, w: &[f64]) -> Result<RecoveryStep, RecoveryError> {
        let w = hard_threshold(w, self.k);
        let g = problem.quadratic_gradient(&w);
        let mut union = largest_entries(&g, (2 * self.k).min(w.len()));
        union.extend(support(&w));
        union.sort_unstable();
        union.dedup();
        let solved = least_squares(problem, &union, self.interrupt)?;
        Ok(RecoveryStep { w: hard_threshold(&solved.w, self.k), ..solved })
    }
}
