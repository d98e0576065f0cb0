//! Statements about exponents.

use crate::analysis::estimate::{Hypothesis, Side};
use crate::analysis::fit::ErrorCombination;
use crate::analysis::repetition::Repetition;

/// Rounding allowed on an exponent.
const ROUNDING: f64 = 1e-9;

/// An exponent of the theory, and how precisely it must be measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponent {
    /// The relation of the exponent to the expected one.
    pub side: Side,
    /// The exponent of the theory.
    pub expected: f64,
    /// Largest half-width of the interval that still resolves the exponent. A one-sided statement is also resolved where
    /// the interval ends within this distance of the expected exponent.
    pub resolution: f64,
    /// Distance between interval and exponent that is tolerated: for exponents that hold asymptotically only, where the
    /// spread over seeds is smaller than the curvature of the law.
    pub slack: f64,
    /// The error of the reference, in the units of the gaps, and how it combines with them.
    pub error: Option<(f64, ErrorCombination)>,
    /// What its interval is over.
    pub over: Repetition,
}

impl Exponent {
    /// The exponent is `expected`, with resolution 0.3, no slack, no error of the reference, and an interval over seeds.
    pub fn equal(expected: f64) -> Self {
        Self { side: Side::Equal, expected, resolution: 0.3, slack: 0.0, error: None, over: Repetition::Seed }
    }

    /// The exponent is at most `expected`: a gap that decays faster than its bound does not contradict it.
    pub fn at_most(expected: f64) -> Self {
        Self { side: Side::AtMost, ..Self::equal(expected) }
    }

    /// The exponent is at least `expected`, for a quantity that vanishes with the abscissa, as a step.
    pub fn at_least(expected: f64) -> Self {
        Self { side: Side::AtLeast, ..Self::equal(expected) }
    }

    /// With another resolution.
    pub fn resolution(self, resolution: f64) -> Self {
        Self { resolution, ..self }
    }

    /// With a slack.
    pub fn slack(self, slack: f64) -> Self {
        Self { slack, ..self }
    }

    /// With an error of the reference.
    pub fn error(self, error: f64, combination: ErrorCombination) -> Self {
        Self { error: Some((error, combination)), ..self }
    }

    /// With an interval over other repetitions.
    pub fn over(self, over: Repetition) -> Self {
        Self { over, ..self }
    }

    /// The statement about a slope, which an error of the reference can have changed by `bend`.
    pub(super) fn about(&self, bend: impl Fn(f64, ErrorCombination) -> (f64, f64)) -> Hypothesis {
        let bend = self.error.map_or((0.0, 0.0), |(error, combination)| bend(error, combination));
        Hypothesis { side: self.side, expected: self.expected, slack: self.slack + ROUNDING, bend }
    }

    /// The statement in words.
    pub(super) fn words(&self) -> String {
        // Expected exponents are exact or, where they are computed, shown to three decimals.
        format!("exponent {}{}", self.side.words(), (1e3 * self.expected).round() / 1e3)
    }
}
