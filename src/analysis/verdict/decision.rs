//! Tests of statements, and the verdicts that follow from the decisions about them.

use super::exponent::Exponent;
use super::outcome::Verdict;
use crate::analysis::estimate::Estimate;
use crate::analysis::family::{Decision, LEVEL};

/// A test of a statement, from which [`judge`] derives its verdict at any level.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Test {
    /// The level of significance at which the data just contradict the statement, 1 where they cannot.
    pub p: f64,
    /// The same where they cannot.
    pub p_without_excuses: f64,
    /// The estimate, where there is one.
    pub estimate: Option<Estimate>,
    /// Whether the data could have contradicted the statement; otherwise why not.
    pub resolved: Result<(), String>,
    /// Reasons why a contradiction of the data is not one of the statement.
    pub excuses: Vec<String>,
    /// Whether something makes the law appear worse than it is.
    pub cannot_fail: bool,
    /// The expected value, for the detail.
    pub expected: String,
    /// What was measured, for the detail.
    pub measured: String,
    /// The statement about an exponent, where it is one.
    pub exponent: Option<Exponent>,
    /// Half the range by which an error of the reference can have shifted the estimate.
    pub bend: f64,
    /// The range of a ratio within which the statement has it; the estimate is that of its logarithm.
    pub range: Option<(f64, f64)>,
}

impl Test {
    /// Whether an interval of the estimate shows that the statement is true within its range; true where it has none.
    fn confirms(&self, interval: Option<(f64, f64)>) -> bool {
        match (self.range, interval.map(|interval| self.shown(interval))) {
            (Some((least, most)), Some((low, high))) => least <= low && high <= most,
            (Some(_), None) => false,
            (None, _) => true,
        }
    }

    /// An interval of the estimate, of the ratio where it is that of a logarithm.
    pub fn shown(&self, (low, high): (f64, f64)) -> (f64, f64) {
        if self.range.is_some() { (low.exp(), high.exp()) } else { (low, high) }
    }

    /// The verdict and its reason, where the test is one of `family` and `joint` is the interval of its estimate at the level
    /// of the decision.
    pub fn verdict(&self, decision: Decision, joint: Option<(f64, f64)>, family: usize) -> (Verdict, String) {
        // What the single interval excludes; where something makes the law appear worse, that is no agreement.
        let alone = self.p_without_excuses <= LEVEL && !decision.rejected;
        let contradicted = decision.rejected || (alone && self.cannot_fail);
        match &self.resolved {
            _ if contradicted && self.excuses.is_empty() => (Verdict::Fails, format!("excludes {}", self.expected)),
            _ if contradicted => {
                (Verdict::NotResolved, format!("excludes {}; {}", self.expected, self.excuses.join("; ")))
            }
            Err(why) => (Verdict::NotResolved, why.clone()),
            Ok(()) if !self.confirms(joint) => {
                (Verdict::NotResolved, format!("the joint interval is not within {}, and not outside", self.expected))
            }
            Ok(()) if alone => {
                let why = format!("excludes {} at 95 %, and does not as one of {family} checks", self.expected);
                let half = joint.map_or(0.0, |(low, high)| 0.5 * (high - low)) + self.bend;
                match self.exponent.map(|exponent| exponent.resolution) {
                    // A joint interval that is long agrees with everything.
                    Some(resolution) if half > resolution => {
                        (Verdict::NotResolved, format!("{why}, whose half-width {half:.3} is above {resolution}"))
                    }
                    _ => (Verdict::Holds, why),
                }
            }
            Ok(()) => (Verdict::Holds, format!("agrees with {}", self.expected)),
        }
    }
}
