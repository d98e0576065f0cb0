//! The loop around every algorithm: its records, its best iterate and its stopping criteria.

use super::dense::{difference, norm};
use super::threshold::support;
use super::{Interrupt, MiniBatches, RecoveryError, RecoveryMethod, SparseProblem};
use crate::choice::choice;
use std::collections::HashSet;

/// Settings of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings<'a> {
    /// Largest number of nonzero entries.
    pub k: usize,
    /// Largest number of iterations.
    pub iterations: usize,
    /// The step eta, relative to the natural step of each method (`1/L` for k-IHT, a Newton step for I-OBS).
    /// k-IHT does not increase f where it is at most 1.
    pub step: f64,
    /// Damping of second-order steps.
    pub damping: super::Damping,
    /// Relative change of an iterate at which the run has converged.
    pub tolerance: f64,
    /// With a known truth: the relative error (absolute where the truth is 0) at which the run stops; 0 for none.
    pub reached: f64,
    /// The mini-batches of stochastic steps.
    pub batches: MiniBatches,
    /// The request to stop.
    pub interrupt: Interrupt<'a>,
}

impl Settings<'static> {
    /// Default settings for `k` entries: 1000 iterations, step 1, automatic damping, tolerance 1e-12.
    pub fn new(k: usize) -> Self {
        Settings {
            k,
            iterations: 1000,
            step: 1.0,
            damping: super::Damping::Auto,
            tolerance: 1e-12,
            reached: 0.0,
            batches: MiniBatches::default(),
            interrupt: Interrupt::NEVER,
        }
    }

    /// The settings that reproduce the published code of WMSKA on `n` samples: its gradient is that of the *mean* of
    /// squares, `2/n` times ours, while its Hessian and its `L` are those of `X^T X`, so that its steps are `2/n` of
    /// ours.
    pub fn author(k: usize, n: usize) -> Self {
        Settings { step: 2.0 / n as f64, tolerance: 0.0, ..Self::new(k) }
    }
}

/// One step of an algorithm.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoveryStep {
    /// The next iterate (d), with at most k nonzero entries.
    pub w: Vec<f64>,
    /// The relative damping of the step; 0 for methods without damping.
    pub damping: f64,
    /// Whether a larger damping than requested was needed.
    pub raised: bool,
    /// Set where the algorithm has ended: further steps would not change the iterate, or there are none.
    pub last: Option<Stop>,
}

impl RecoveryStep {
    /// A step of a method without damping.
    pub(super) fn plain(w: Vec<f64>) -> Self {
        RecoveryStep { w, damping: 0.0, raised: false, last: None }
    }
}

/// An algorithm: a map from an iterate to the next.
pub trait RecoveryAlgorithm {
    /// The iterate after `w` (d).
    ///
    /// # Errors
    /// [`RecoveryError::Indefinite`] for a matrix that damping does not make positive definite,
    /// [`RecoveryError::TooManySupports`] for an exact search that is too large, [`RecoveryError::Interrupted`].
    fn step(&mut self, problem: &SparseProblem, w: &[f64]) -> Result<RecoveryStep, RecoveryError>;

    /// Whether the next iterate depends on the support of the current one only, so that a repeated support means a
    /// cycle.
    fn depends_on_support_only(&self) -> bool {
        false
    }

    /// Whether an iterate equal to the previous one means convergence; false for methods with a prescribed sequence of
    /// steps.
    fn converges_when_stationary(&self) -> bool {
        true
    }
}

choice! {
    /// Why a run ended.
    pub enum Stop: "stop reason" {
        /// The iterate has converged.
        Settled = "settled",
        /// The requested relative error to the truth was reached.
        Reached = "reached",
        /// The support has occurred before, in a method whose next iterate depends on the support only.
        RepeatedSupport = "repeated-support",
        /// An undamped full Newton step on a quadratic: every further step ends at the same point.
        OnePass = "one-pass",
        /// A method with a fixed number of steps has taken them all.
        Done = "done",
        /// The largest number of iterations was reached.
        Iterations = "iterations",
        /// An iterate or its value is not finite.
        Diverged = "diverged",
    }
}

/// Value and error of an iterate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IterateSummary {
    /// `f(w)`.
    pub value: f64,
    /// `|w - w*| / |w*|`; `|w|` where the truth is 0; NaN without a truth.
    pub error: f64,
    /// Number of indices in which the support differs from that of the previous iterate.
    pub moved: usize,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct RecoveryOutcome {
    /// The sparse iterate of least value (d), the first of equal ones.
    pub w: Vec<f64>,
    /// Support of `w`, increasing.
    pub support: Vec<usize>,
    /// Value and error of the start and of every iterate.
    pub curve: Vec<IterateSummary>,
    /// Index of `w` in `curve`.
    pub best: usize,
    /// Why the run ended.
    pub stop: Stop,
    /// The largest relative damping over the steps.
    pub damping: f64,
    /// Whether any step needed a larger damping than requested.
    pub raised: bool,
}

impl RecoveryOutcome {
    /// Value and error of the best iterate.
    pub fn point(&self) -> IterateSummary {
        self.curve[self.best]
    }

    /// Index of the first iterate whose relative error is at most `error`; `None` where there is none.
    pub fn iterations_to(&self, error: f64) -> Option<usize> {
        self.curve.iter().position(|point| point.error <= error)
    }
}

/// Runs `method` on `problem` in the units of the problem. `observe` is called with every iterate (d), the start included.
///
/// # Errors
/// Those of [`solve()`](super::solve()), solutions that are no floating-point numbers apart.
pub(super) fn iterate(
    problem: &SparseProblem,
    method: RecoveryMethod,
    settings: &Settings<'_>,
    mut observe: impl FnMut(&[f64]),
) -> Result<RecoveryOutcome, RecoveryError> {
    let mut algorithm = method.begin(problem, settings)?;
    settings.interrupt.check()?;
    let mut w = method.start(problem, settings)?;
    settings.interrupt.check()?;
    observe(&w);
    let point = |w: &[f64], moved| IterateSummary { value: problem.value(w), error: problem.relative_error(w), moved };
    let mut curve = vec![point(&w, 0)];
    // The best iterate is sought among sparse ones; the start may be dense.
    let sparse = |w: &[f64]| w.iter().filter(|v| **v != 0.0).count() <= settings.k;
    let (mut best, mut best_iterate) = (0, sparse(&w).then(|| w.clone()));
    let (mut damping, mut raised) = (0.0_f64, false);
    let mut seen_supports = HashSet::new();
    let mut stop = Stop::Iterations;
    for _ in 0..settings.iterations {
        let step = algorithm.step(problem, &w)?;
        settings.interrupt.check()?;
        damping = damping.max(step.damping);
        raised |= step.raised;
        let before = std::mem::replace(&mut w, step.w);
        let (old, new) = (support(&before), support(&w));
        let moved = new.iter().filter(|j| old.binary_search(j).is_err()).count()
            + old.iter().filter(|j| new.binary_search(j).is_err()).count();
        let at = point(&w, moved);
        observe(&w);
        if !at.value.is_finite() {
            stop = Stop::Diverged;
            break;
        }
        curve.push(at);
        if best_iterate.is_none() || at.value < curve[best].value {
            (best, best_iterate) = (curve.len() - 1, Some(w.clone()));
        }
        if let Some(last) = step.last {
            stop = last;
        } else if at.error <= settings.reached {
            stop = Stop::Reached;
        } else if algorithm.depends_on_support_only() && !seen_supports.insert(new) {
            stop = Stop::RepeatedSupport;
        } else if algorithm.converges_when_stationary()
            && norm(&difference(&w, &before)) <= settings.tolerance * norm(&w)
        {
            stop = Stop::Settled;
        } else {
            continue;
        }
        break;
    }
    let w = best_iterate.unwrap_or_else(|| super::hard_threshold(&w, settings.k));
    let support = support(&w);
    Ok(RecoveryOutcome { support, w, curve, best, stop, damping, raised })
}
