//! Checks of statements of the theory against measurements: the entries of `checks.json`.
//!
//! The constants of the papers are not explicit, so that a check concerns a form (an exponent, an order) and is no
//! proof: "holds" means that the measurement is precise enough to contradict the statement and does not. The checks of a
//! run are judged together ([`judge`]): the probability that a run has any false "fails" is at most
//! [`LEVEL`].

use super::estimate::{Estimate, Hypothesis, Side};
use super::family::{Decision, LEVEL, holm};
use super::fit::{CorrectedSlope, ErrorCombination, FitFailure, SlopeFit};
use crate::choice::choice;
use serde::{Deserialize, Serialize};

/// Rounding allowed on an exponent.
const ROUNDING: f64 = 1e-9;

choice! {
    /// The outcome of a check.
    pub enum Verdict: "verdict" {
        /// The measurement agrees, and is precise enough that it could have disagreed.
        Holds = "holds",
        /// The measurement contradicts the statement.
        Fails = "fails",
        /// The measurement does not decide: the interval is too wide, a gap is near the error of the reference, or
        /// nothing was measured.
        NotResolved = "not resolved",
    }
}

choice! {
    /// What a check is about.
    #[derive(Default)]
    pub enum CheckSection: "section" {
        /// A statement of the theory, which the measurement could contradict.
        #[default]
        Theory = "theory",
        /// An identity or a numerical tolerance that every correct program meets, whatever the data.
        Program = "program",
    }
}

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
}

impl Exponent {
    /// The exponent is `expected`, with resolution 0.3, no slack, and no error of the reference.
    pub fn equal(expected: f64) -> Self {
        Self { side: Side::Equal, expected, resolution: 0.3, slack: 0.0, error: None }
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

    /// The statement about a slope, which an error of the reference can have changed by `bend`.
    fn about(&self, bend: impl Fn(f64, ErrorCombination) -> (f64, f64)) -> Hypothesis {
        let bend = self.error.map_or((0.0, 0.0), |(error, combination)| bend(error, combination));
        Hypothesis { side: self.side, expected: self.expected, slack: self.slack + ROUNDING, bend }
    }

    /// The statement in words.
    fn words(&self) -> String {
        // Expected exponents are exact or, where they are computed, shown to three decimals.
        format!("exponent {}{}", self.side.words(), (1e3 * self.expected).round() / 1e3)
    }
}

/// A test of a statement, from which [`judge`] derives its verdict at any level.
#[derive(Clone, Debug, PartialEq)]
struct Test {
    /// The level of significance at which the data just contradict the statement, 1 where they cannot.
    p: f64,
    /// The same where they cannot.
    p_without_excuses: f64,
    /// The estimate, where there is one.
    estimate: Option<Estimate>,
    /// Whether the data could have contradicted the statement; otherwise why not.
    resolved: Result<(), String>,
    /// Reasons why a contradiction of the data is not one of the statement.
    excuses: Vec<String>,
    /// Whether something makes the law appear worse than it is.
    cannot_fail: bool,
    /// The expected value, for the detail.
    expected: String,
    /// What was measured, for the detail.
    measured: String,
    /// The statement about an exponent, where it is one.
    exponent: Option<Exponent>,
    /// Half the range by which an error of the reference can have shifted the estimate.
    bend: f64,
    /// The range of a ratio within which the statement has it; the estimate is that of its logarithm.
    range: Option<(f64, f64)>,
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
    fn shown(&self, (low, high): (f64, f64)) -> (f64, f64) {
        if self.range.is_some() { (low.exp(), high.exp()) } else { (low, high) }
    }
}

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
    test: Option<Test>,
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

    /// A check of an exponent. Fails where the interval, shifted by what an error of the reference can have caused,
    /// excludes the statement; holds where it does not and is precise enough ([`Exponent::resolution`]); not resolved
    /// otherwise, and without a fit.
    pub fn exponent(
        name: impl Into<String>,
        statement: impl Into<String>,
        exponent: &Exponent,
        fit: &Result<SlopeFit, FitFailure>,
    ) -> Self {
        let fit = match fit {
            Ok(fit) => fit,
            Err(failure) => {
                let slope = match failure {
                    FitFailure::OneSeed { slope, .. } | FitFailure::NoSpread { slope, .. } => *slope,
                    FitFailure::Shape { .. }
                    | FitFailure::Settings { .. }
                    | FitFailure::TooFewPoints { .. }
                    | FitFailure::Sparse => f64::NAN,
                };
                return Self {
                    measured: slope,
                    ..Self::not_measured(name, statement, Some(exponent.expected), failure.to_string())
                };
            }
        };
        let about = exponent.about(|error, combination| fit.bend(error, combination));
        let (low, high) = fit.interval;
        let (down, up) = about.bend;
        let half = fit.half_width() + 0.5 * (up - down);
        let Exponent { resolution, expected, .. } = *exponent;
        let beyond = match exponent.side {
            Side::Equal => false,
            Side::AtMost => high + up <= expected + resolution,
            Side::AtLeast => low + down >= expected - resolution,
        };
        let resolved = if beyond || half <= resolution {
            Ok(())
        } else if !half.is_finite() {
            Err("the limit's own error is as large as a gap".into())
        } else {
            Err(format!("half-width {half:.3} above {resolution}, does not resolve {}", exponent.words()))
        };
        let fitted = fit.points.iter().filter(|p| p.interval.is_some()).count();
        let mut measured = format!(
            "slope {:.3}, {:.0} % interval [{low:.3}, {high:.3}] over {fitted} points and {} seeds",
            fit.slope,
            100.0 * fit.level,
            fit.seeds
        );
        if up - down > 1e-3 && half.is_finite() {
            measured += &format!(", which the limit's own error shifts by {down:.3} to +{up:.3}");
        }
        let mut check = Self::new(name, statement, fit.slope, finite(expected), Verdict::NotResolved, "");
        check.interval = Some(fit.interval);
        let p = fit.estimate().p_value(&about);
        check.test = Some(Test {
            p,
            p_without_excuses: p,
            estimate: Some(fit.estimate()),
            resolved,
            excuses: Vec::new(),
            cannot_fail: false,
            expected: exponent.words()
                + &if exponent.slack > 0.0 { format!(" (to {})", exponent.slack) } else { String::new() },
            measured,
            exponent: Some(*exponent),
            bend: 0.5 * (up - down),
            range: None,
        });
        check.alone()
    }

    /// An estimated number, called `what`, against a statement about it. Judged like [`Check::exponent`]: fails where the
    /// interval excludes the statement, holds where it does not and its half-width is at most `resolution` (or, under a
    /// one-sided statement, its end is within `resolution` of the expected number), not resolved otherwise.
    pub fn estimated(
        name: impl Into<String>,
        statement: impl Into<String>,
        what: &str,
        about: &Hypothesis,
        resolution: f64,
        estimate: Estimate,
        measured: impl Into<String>,
    ) -> Self {
        let interval = estimate.interval(1.0 - LEVEL);
        let Hypothesis { side, expected, slack, .. } = *about;
        let half = estimate.half_width(1.0 - LEVEL);
        let beyond = match side {
            Side::Equal => false,
            Side::AtMost => interval.1 <= expected + resolution,
            Side::AtLeast => interval.0 >= expected - resolution,
        };
        let words = format!("{what} {}{expected}", side.words());
        let resolved = if beyond || half <= resolution {
            Ok(())
        } else {
            Err(format!("half-width {half:.3} above {resolution}, does not resolve {words}"))
        };
        let p = estimate.p_value(about);
        let mut check = Self::new(name, statement, estimate.value, finite(expected), Verdict::NotResolved, "");
        check.interval = Some(interval);
        check.test = Some(Test {
            p,
            p_without_excuses: p,
            estimate: Some(estimate),
            resolved,
            excuses: Vec::new(),
            cannot_fail: false,
            expected: words + &if slack > 0.0 { format!(" (to {slack})") } else { String::new() },
            measured: measured.into(),
            exponent: Some(Exponent { side, expected, resolution, slack, error: None }),
            bend: 0.0,
            range: None,
        });
        check.alone()
    }

    /// For an exponent that holds asymptotically: a contradiction counts only where the data without the value farthest
    /// from the asymptotic regime confirm it: they deviate in the same direction, at the one-sided level [`LEVEL`].
    /// `rest` is the fit without that value, called `value`.
    pub fn or_pre_asymptotic(self, value: &str, rest: &Result<SlopeFit, FitFailure>) -> Self {
        let Some(exponent) = self.test.as_ref().and_then(|test| test.exponent) else { return self };
        let name = format!("without the {value}, which may not be in the asymptotic regime");
        match rest {
            Ok(fit) => {
                let about = exponent.about(|error, combination| fit.bend(error, combination));
                self.confirmed_by(&name, fit.estimate(), about)
            }
            Err(failure) => self.excused(format!("{name}: {failure}")),
        }
    }

    /// For an exponent in a width N that holds up to a relative correction of order `1/N`: a contradiction counts only
    /// where the exponent fitted beside such a term confirms it. Nothing changes without that fit.
    pub fn or_corrected(self, corrected: Option<&CorrectedSlope>) -> Self {
        let Some(exponent) = self.test.as_ref().and_then(|test| test.exponent) else { return self };
        let Some(fit) = corrected else { return self };
        let about = exponent.about(|error, combination| fit.bend(error, combination));
        self.confirmed_by("beside a relative correction of order 1/N", fit.estimate, about)
    }

    /// Excuses a contradiction unless a second estimate confirms it: it deviates in the same direction, at the one-sided
    /// level [`LEVEL`]. The level is not divided among the checks: this is a condition in addition to the joint one, so
    /// that the probability of a false "fails" can only fall.
    fn confirmed_by(self, name: &str, second: Estimate, about: Hypothesis) -> Self {
        let Some(first) = self.test.as_ref().and_then(|test| test.estimate) else { return self };
        let side = if first.value > about.expected { Side::AtMost } else { Side::AtLeast };
        // The level of a one-sided statement refers to a two-sided interval.
        if second.p_value(&Hypothesis { side, ..about }) <= 2.0 * LEVEL {
            return self;
        }
        let (low, high) = second.interval(1.0 - 2.0 * LEVEL);
        let level = 100.0 * (1.0 - 2.0 * LEVEL);
        self.excused(format!("{name}: slope {:.3}, {level:.0} % interval [{low:.3}, {high:.3}]", second.value))
    }

    /// A contradiction of the data is not one of the statement, for this reason.
    fn excused(mut self, why: String) -> Self {
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

    /// A positive ratio lies in the interval `range`. Holds where the interval of the ratio lies within it, fails where it
    /// lies outside, and is not resolved otherwise: agreement must be shown. `logarithm` estimates the logarithm of the
    /// ratio; `expected` is the ratio of an exact statement.
    pub fn ratio_within(
        name: impl Into<String>,
        statement: impl Into<String>,
        expected: f64,
        range: (f64, f64),
        logarithm: Estimate,
        measured: impl Into<String>,
    ) -> Self {
        let (least, most) = (range.0.ln(), range.1.ln());
        let about = Hypothesis { slack: 0.5 * (most - least), ..Hypothesis::new(Side::Equal, 0.5 * (least + most)) };
        let p = logarithm.p_value(&about);
        let ratio = logarithm.value.exp();
        let mut check = Self::new(name, statement, ratio, finite(expected), Verdict::NotResolved, "");
        let test = Test {
            p,
            p_without_excuses: p,
            estimate: Some(logarithm),
            resolved: Ok(()),
            excuses: Vec::new(),
            cannot_fail: false,
            expected: format!("a ratio in [{}, {}]", range.0, range.1),
            measured: measured.into(),
            exponent: None,
            bend: 0.0,
            range: Some(range),
        };
        check.interval = Some(test.shown(logarithm.interval(1.0 - LEVEL)));
        check.test = Some(test);
        check.alone()
    }

    /// A positive ratio is below `most`. Holds where the interval of the ratio lies below, fails where it lies above, and is
    /// not resolved otherwise: the difference must be shown. `logarithm` estimates the logarithm of the ratio.
    pub fn ratio_below(
        name: impl Into<String>,
        statement: impl Into<String>,
        most: f64,
        logarithm: Estimate,
        measured: impl Into<String>,
    ) -> Self {
        let p = logarithm.p_value(&Hypothesis::new(Side::AtMost, most.ln()));
        let mut check = Self::new(name, statement, logarithm.value.exp(), finite(most), Verdict::NotResolved, "");
        let test = Test {
            p,
            p_without_excuses: p,
            estimate: Some(logarithm),
            resolved: Ok(()),
            excuses: Vec::new(),
            cannot_fail: false,
            expected: format!("a ratio below {most}"),
            measured: measured.into(),
            exponent: None,
            bend: 0.0,
            range: Some((0.0, most)),
        };
        check.interval = Some(test.shown(logarithm.interval(1.0 - LEVEL)));
        check.test = Some(test);
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
    fn alone(mut self) -> Self {
        let p = self.test.as_ref().map_or(1.0, |test| test.p);
        self.decide(Decision { rejected: p <= LEVEL, level: LEVEL }, 1);
        self
    }

    /// Sets the verdict of a tested check, one of `family`, from the decision about it.
    fn decide(&mut self, decision: Decision, family: usize) {
        let Some(test) = &self.test else { return };
        let joint = test.estimate.map(|estimate| estimate.interval(1.0 - decision.level));
        // What the single interval excludes; where something makes the law appear worse, that is no agreement.
        let alone = test.p_without_excuses <= LEVEL && !decision.rejected;
        let contradicted = decision.rejected || (alone && test.cannot_fail);
        let (verdict, why) = match &test.resolved {
            _ if contradicted && test.excuses.is_empty() => (Verdict::Fails, format!("excludes {}", test.expected)),
            _ if contradicted => {
                (Verdict::NotResolved, format!("excludes {}; {}", test.expected, test.excuses.join("; ")))
            }
            Err(why) => (Verdict::NotResolved, why.clone()),
            Ok(()) if !test.confirms(joint) => {
                (Verdict::NotResolved, format!("the joint interval is not within {}, and not outside", test.expected))
            }
            Ok(()) if alone => {
                let why = format!("excludes {} at 95 %, and does not as one of {family} checks", test.expected);
                let half = joint.map_or(0.0, |(low, high)| 0.5 * (high - low)) + test.bend;
                match test.exponent.map(|exponent| exponent.resolution) {
                    // A joint interval that is long agrees with everything.
                    Some(resolution) if half > resolution => {
                        (Verdict::NotResolved, format!("{why}, whose half-width {half:.3} is above {resolution}"))
                    }
                    _ => (Verdict::Holds, why),
                }
            }
            Ok(()) => (Verdict::Holds, format!("agrees with {}", test.expected)),
        };
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
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests;
