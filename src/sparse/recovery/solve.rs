//! The loop around every algorithm: what is recorded, what is kept, when it ends.

use super::dense::{difference, norm};
use super::threshold::support;
use super::{Method, Problem, RecoveryError};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// How an algorithm is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Entries kept.
    pub k: usize,
    /// Iterations at most.
    pub iterations: usize,
    /// The step eta: a fraction of the step that each method calls 1 (`1/L` for k-IHT, a Newton step for I-OBS).
    pub step: f64,
    /// Damping of second-order steps.
    pub damping: super::Damping,
    /// An iterate that moves by no more than this part of its length is the last.
    pub tolerance: f64,
    /// With a known truth: the relative error at which an iterate is the last; 0 never.
    pub reached: f64,
}

impl Settings {
    /// The usual settings for `k` entries: 1000 iterations, step 1, automatic damping, tolerance 1e-12.
    pub fn new(k: usize) -> Self {
        Settings { k, iterations: 1000, step: 1.0, damping: super::Damping::Auto, tolerance: 1e-12, reached: 0.0 }
    }

    /// The published code's spelling on `n` samples (author mode): its gradient is that of the *mean* of squares, `2/n`
    /// times ours, while its Hessian and its `L` are those of `X^T X`; so both methods take `2/n` of their step.
    pub fn author(k: usize, n: usize) -> Self {
        Settings { step: 2.0 / n as f64, tolerance: 0.0, ..Self::new(k) }
    }
}

/// One step of an algorithm.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The next iterate (d), with at most k entries that are not zero.
    pub w: Vec<f64>,
    /// The relative damping that was in use; 0 for methods without.
    pub damping: f64,
    /// Whether it had to be raised above what was asked for.
    pub raised: bool,
    /// Set where the algorithm knows that further steps change nothing.
    pub last: Option<Stop>,
}

impl Step {
    /// A step of a method without damping.
    pub(super) fn plain(w: Vec<f64>) -> Self {
        Step { w, damping: 0.0, raised: false, last: None }
    }
}

/// An algorithm in progress: from an iterate to the next.
pub trait Iteration {
    /// The iterate after `w` (d).
    ///
    /// # Errors
    /// A matrix that cannot be made positive definite, a search that is too large.
    fn step(&mut self, problem: &Problem, w: &[f64]) -> Result<Step, RecoveryError>;

    /// Whether the next iterate depends on the support of this one alone, so that a support seen before means a cycle.
    fn by_support(&self) -> bool {
        false
    }

    /// Whether an iterate that stays where it is means the end; not for methods that go down a list of their own.
    fn settles(&self) -> bool {
        true
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// The iterate moves no more.
    Settled,
    /// The truth was reached to the accuracy asked for.
    Reached,
    /// The support has been seen before, in a method that goes by the support alone.
    RepeatedSupport,
    /// An undamped full Newton step on a quadratic: every further step would end at the same point.
    OnePass,
    /// A method of a fixed number of steps did them all.
    Done,
    /// The number of iterations allowed.
    Iterations,
    /// An iterate or its value is not finite.
    Diverged,
}

/// An iterate in numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// `f(w)`.
    pub value: f64,
    /// `|w - w*| / |w*|`; NaN without a truth.
    pub error: f64,
    /// Indices in which the support differs from the iterate's before.
    pub moved: usize,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The iterate of least value (d); of equals the first.
    pub w: Vec<f64>,
    /// Its support, increasing.
    pub support: Vec<usize>,
    /// The start and every iterate.
    pub curve: Vec<Point>,
    /// Which of them is the best.
    pub best: usize,
    /// Why it ended.
    pub stop: Stop,
    /// The largest relative damping in use.
    pub damping: f64,
    /// Whether damping had to be raised.
    pub raised: bool,
}

impl Outcome {
    /// The best iterate in numbers.
    pub fn point(&self) -> Point {
        self.curve[self.best]
    }

    /// The first iterate within a relative error; `None` where there is none.
    pub fn iterations_to(&self, error: f64) -> Option<usize> {
        self.curve.iter().position(|point| point.error <= error)
    }
}

/// Runs `method` on `problem`. `each` sees every iterate, the start included.
///
/// # Errors
/// `k` out of range, a method that does not apply to the problem, and what [`Iteration::step`] gives up on.
pub fn solve(
    problem: &Problem,
    method: Method,
    settings: &Settings,
    mut each: impl FnMut(&[f64]),
) -> Result<Outcome, RecoveryError> {
    let mut iteration = method.begin(problem, settings)?;
    let mut w = method.start(problem, settings)?;
    each(&w);
    let point = |w: &[f64], moved| Point { value: problem.value(w), error: problem.relative_error(w), moved };
    let mut curve = vec![point(&w, 0)];
    // A dense start is no answer: the best is sought among sparse iterates.
    let sparse = |w: &[f64]| w.iter().filter(|v| **v != 0.0).count() <= settings.k;
    let (mut best, mut answer) = (0, sparse(&w).then(|| w.clone()));
    let (mut damping, mut raised) = (0.0_f64, false);
    let mut seen = HashSet::new();
    let mut stop = Stop::Iterations;
    for _ in 0..settings.iterations {
        let step = iteration.step(problem, &w)?;
        damping = damping.max(step.damping);
        raised |= step.raised;
        let before = std::mem::replace(&mut w, step.w);
        let (old, new) = (support(&before), support(&w));
        let moved = new.iter().filter(|j| old.binary_search(j).is_err()).count()
            + old.iter().filter(|j| new.binary_search(j).is_err()).count();
        let at = point(&w, moved);
        each(&w);
        if !at.value.is_finite() {
            stop = Stop::Diverged;
            break;
        }
        curve.push(at);
        if answer.is_none() || at.value < curve[best].value {
            (best, answer) = (curve.len() - 1, Some(w.clone()));
        }
        if let Some(last) = step.last {
            stop = last;
        } else if at.error <= settings.reached {
            stop = Stop::Reached;
        } else if iteration.by_support() && !seen.insert(new) {
            stop = Stop::RepeatedSupport;
        } else if iteration.settles() && norm(&difference(&w, &before)) <= settings.tolerance * norm(&w) {
            stop = Stop::Settled;
        } else {
            continue;
        }
        break;
    }
    let w = answer.unwrap_or_else(|| super::threshold(&w, settings.k));
    let support = support(&w);
    Ok(Outcome { support, w, curve, best, stop, damping, raised })
}
