//! I-OBS: the iterative optimal brain surgeon (WMSKA), a Newton step and a projection onto sparse vectors.
//!
//! ```text
//! v = w - eta (H + lambda I)^-1 g;   Q = the entries dropped by the selection;   w <- the values on the others
//! ```
//!
//! topk-I-OBS selects by magnitude and keeps `v`; exact I-OBS takes the `Q` of least cost and `P_Q(v)`; greedy I-OBS
//! eliminates one by one with a fresh inverse every iteration.
//!
//! On a quadratic a full undamped step leads to the same point from everywhere, so that the first pass is the last
//! ([`Stop::OnePass`]).

use super::inverse::Inverse;
use super::solve::Stop;
use super::{Iteration, Problem, RecoveryError, Selection, Settings, Step, Values};
use crate::compute::vector::axpy;

/// The iterative optimal brain surgeon.
pub(super) struct IterativeObs {
    settings: Settings,
    damping: f64,
    selection: Selection,
    values: Values,
    /// The inverse of a quadratic, which is the same everywhere.
    constant: Option<Inverse>,
}

impl IterativeObs {
    pub(super) fn new(problem: &Problem, settings: &Settings, selection: Selection, values: Values) -> Self {
        let damping = settings.damping.of(problem);
        IterativeObs { settings: *settings, damping, selection, values, constant: None }
    }
}

impl Iteration for IterativeObs {
    fn step(&mut self, problem: &Problem, w: &[f64]) -> Result<Step, RecoveryError> {
        let inverse = match self.constant.take() {
            Some(inverse) => inverse,
            None => Inverse::new(problem.hessian(w), self.damping)?,
        };
        let g = if problem.is_quadratic() { problem.quadratic_gradient(w) } else { problem.gradient(w).1 };
        let mut v = w.to_vec();
        axpy(-self.settings.step, &inverse.solve(&g), &mut v);
        let support = self.selection.choose(&v, &inverse, self.settings.k)?;
        let (next, refit) = self.values.on(&support, w, &g, &v, &inverse)?;
        let (damping, raised) = (inverse.damping.max(refit), inverse.raised || refit > 0.0);
        let exact = problem.is_quadratic() && inverse.shift == 0.0 && self.settings.step == 1.0;
        if problem.is_quadratic() {
            self.constant = Some(inverse);
        }
        Ok(Step { w: next, damping, raised, last: exact.then_some(Stop::OnePass) })
    }
}
