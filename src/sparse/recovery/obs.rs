//! I-OBS: the iterative optimal brain surgeon (WMSKA, Wu et al., NeurIPS 2024), a Newton step followed by a projection
//! onto sparse vectors.
//!
//! ```text
//! v = w - eta (H + lambda I)^-1 g;   Q = the entries dropped by the selection;   w <- the value rule on the others
//! ```
//!
//! topk-I-OBS selects by magnitude and keeps `v`; exact I-OBS takes the `Q` of least cost and `P_Q(v)`; greedy I-OBS
//! eliminates one entry at a time, with a new inverse in every iteration.
//!
//! On a quadratic a full undamped Newton step leads to the minimiser from every point, so that one iteration suffices
//! ([`Stop::OnePass`]).

use super::inverse::DampedInverse;
use super::solve::Stop;
use super::{RecoveryAlgorithm, RecoveryError, RecoveryStep, Selection, Settings, SparseProblem, ValueRule};
use crate::compute::vector::axpy;

/// The iterative optimal brain surgeon.
pub(super) struct IterativeObs<'a> {
    settings: Settings<'a>,
    damping: f64,
    selection: Selection,
    values: ValueRule,
    /// The damped inverse of a quadratic, whose Hessian is constant.
    cached: Option<DampedInverse<'a>>,
}

impl<'a> IterativeObs<'a> {
    pub(super) fn new(
        problem: &SparseProblem,
        settings: &Settings<'a>,
        selection: Selection,
        values: ValueRule,
    ) -> Self {
        let damping = settings.damping.of(problem);
        IterativeObs { settings: *settings, damping, selection, values, cached: None }
    }
}

impl RecoveryAlgorithm for IterativeObs<'_> {
    fn step(&mut self, problem: &SparseProblem, w: &[f64]) -> Result<RecoveryStep, RecoveryError> {
        let interrupt = self.settings.interrupt;
        let inverse = match self.cached.take() {
            Some(inverse) => inverse,
            None => DampedInverse::new(problem.hessian(w, interrupt), self.damping, interrupt)?,
        };
        let g = if problem.is_quadratic() { problem.quadratic_gradient(w) } else { problem.value_and_gradient(w).1 };
        let mut v = w.to_vec();
        axpy(-self.settings.step, &inverse.solve(&g), &mut v);
        let support = self.selection.choose(&v, &inverse, self.settings.k)?;
        let (next, refit) = self.values.apply(&support, w, &g, &v, &inverse)?;
        let (damping, raised) = (inverse.damping.max(refit), inverse.raised || refit > 0.0);
        let newton = problem.is_quadratic() && inverse.shift == 0.0 && self.settings.step == 1.0;
        if problem.is_quadratic() {
            self.cached = Some(inverse);
        }
        Ok(RecoveryStep { w: next, damping, raised, last: newton.then_some(Stop::OnePass) })
    }
}
