//! Checks, and their judgement together.

use super::decision::Test;
use super::outcome::{CheckSection, Verdict};
use crate::analysis::family::{Decision, LEVEL, holm};
use serde::{Deserialize, Serialize};

/// A statement and the result of its check. Numbers are written to JSON exactly; NaN is written as null, an infinity as
/// a string.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Stable identifier, kebab-case.
    pub name: String,
    /// What the check is about.
    #[serde(default)]
    pub section: CheckSection,
    /// The statement.
    pub statement: String,
    /// The measured value; NaN where nothing could be measured.
    pub measured: f64,
    /// The 95 % interval of this measurement alone, where it has one.
    #[serde(default)]
    pub interval: Option<(f64, f64)>,
    /// Its interval at the level at which [`judge`] decided: all joint intervals of a run cover together in 95 % of
    /// runs.
    #[serde(default)]
    pub joint_interval: Option<(f64, f64)>,
    /// The level of significance at which this measurement alone just contradicts the statement.
    #[serde(default)]
    pub p_value: Option<f64>,
    /// The value or the limit of the theory, where it gives one.
    #[serde(default)]
    pub expected: Option<f64>,
    /// The outcome.
    pub verdict: Verdict,
    /// The reason for the verdict, in a sentence.
    pub detail: String,
    #[serde(skip)]
    pub(super) test: Option<Test>,
}

impl Check {
    /// A check with a given verdict.
    pub fn new(
        name: impl Into<String>,
        statement: impl Into<String>,
        measured: f64,
        expected: Option<f64>,
        verdict: Verdict,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            section: CheckSection::Theory,
            statement: statement.into(),
            measured,
            interval: None,
            joint_interval: None,
            p_value: None,
            expected,
            verdict,
            detail: detail.into(),
            test: None,
        }
    }

    /// A contradiction of the data is not one of the statement, for this reason.
    pub(super) fn excused(mut self, why: String) -> Self {
        if let Some(test) = &mut self.test {
            test.excuses.push(why);
        }
        self.alone()
    }

    /// The statement cannot be contradicted by these data, for the reason `why`: something makes the law appear worse
    /// than it is.
    pub fn cannot_fail(mut self, why: impl Into<String>) -> Self {
        if let Some(test) = &mut self.test {
            test.excuses.push(why.into());
            test.cannot_fail = true;
            test.p = 1.0;
        }
        self.alone()
    }

    /// The measurement decides nothing, for the reason `why`, where there is one: its interval is not one.
    pub fn unless(mut self, why: Option<String>) -> Self {
        if let (Some(test), Some(why)) = (&mut self.test, why) {
            test.p = 1.0;
            test.p_without_excuses = 1.0;
            test.resolved = Err(why);
        }
        self.alone()
    }

    /// `measured <= limit` where the measurement is random and exceeds the limit with probability `p` if the statement is
    /// true. `p` is compared with the level of all checks together; the limit is that of this check alone.
    pub fn at_most_with_p(
        name: impl Into<String>,
        statement: impl Into<String>,
        measured: f64,
        limit: f64,
        p: f64,
        detail: impl Into<String>,
    ) -> Self {
        let mut check = Self::new(name, statement, measured, finite(limit), Verdict::NotResolved, detail);
        check.test = Some(Test {
            p,
            p_without_excuses: p,
            estimate: None,
            resolved: if measured.is_nan() { Err("nothing was measured".into()) } else { Ok(()) },
            excuses: Vec::new(),
            cannot_fail: false,
            expected: "statement".into(),
            measured: check.detail.clone(),
            exponent: None,
            bend: 0.0,
            range: None,
        });
        check.alone()
    }

    /// `measured <= limit`, without tolerance. Not resolved where either is NaN.
    pub fn at_most(name: impl Into<String>, statement: impl Into<String>, measured: f64, limit: f64) -> Self {
        let (verdict, detail) = match measured.partial_cmp(&limit) {
            None => (Verdict::NotResolved, format!("measured {measured}, limit {limit}: not comparable")),
            Some(std::cmp::Ordering::Greater) => {
                (Verdict::Fails, format!("{measured:.4e} exceeds the limit {limit:.4e}"))
            }
            Some(_) => (Verdict::Holds, format!("{measured:.4e} is within the limit {limit:.4e}")),
        };
        Self::new(name, statement, measured, finite(limit), verdict, detail)
    }

    /// A statement about which nothing could be measured: not resolved, with the reason `detail`.
    pub fn not_measured(
        name: impl Into<String>,
        statement: impl Into<String>,
        expected: Option<f64>,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(name, statement, f64::NAN, expected.and_then(finite), Verdict::NotResolved, detail)
    }

    /// Marks the check as one of the program: an identity or a numerical tolerance, which no correct data contradict.
    pub fn about_program(self) -> Self {
        Self { section: CheckSection::Program, ..self }
    }

    /// Judges a check as the only one.
    pub(super) fn alone(mut self) -> Self {
        let p = self.test.as_ref().map_or(1.0, |test| test.p);
        self.decide(Decision { rejected: p <= LEVEL, level: LEVEL }, 1);
        self
    }

    /// Sets the verdict of a tested check, one of `family`, from the decision about it.
    fn decide(&mut self, decision: Decision, family: usize) {
        let Some(test) = &self.test else { return };
        let joint = test.estimate.map(|estimate| estimate.interval(1.0 - decision.level));
        let (verdict, why) = test.verdict(decision, joint, family);
        self.detail = format!("{}: {why}", test.measured);
        self.p_value = finite(test.p_without_excuses);
        self.joint_interval = joint.map(|interval| test.shown(interval));
        self.verdict = verdict;
    }
}

/// Judges the checks of a run together: those of the theory that are tests (with a level of significance) form a family,
/// in which Holm's procedure decides at the family-wise level [`LEVEL`] which statements are contradicted. Sets verdicts,
/// details and joint intervals.
pub fn judge(checks: &mut [Check]) {
    let tested: Vec<usize> =
        (0..checks.len()).filter(|&i| checks[i].test.is_some() && checks[i].section == CheckSection::Theory).collect();
    let p: Vec<f64> = tested.iter().map(|&i| checks[i].test.as_ref().map_or(1.0, |test| test.p)).collect();
    for (&i, decision) in tested.iter().zip(holm(&p, LEVEL)) {
        checks[i].decide(decision, tested.len());
    }
}

/// The value as an expectation; a value that is not finite is none.
pub(super) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
