//! Checks of statements of the theory against measurements: the entries of `checks.json`.
//!
//! The constants of the papers are not explicit, so that a check concerns a form (an exponent, an order, an exact
//! identity) and is no proof: "holds" means that the measurement is precise enough to contradict the statement and does
//! not.

use super::fit::{FitFailure, SlopeFit};
use crate::choice::choice;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Rounding allowed on an exponent: exact power laws with identical seeds have intervals of length zero.
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

/// An exponent of the theory, and how precisely it must be measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exponent {
    /// The exponent of the theory.
    pub expected: f64,
    /// Largest half-width of the interval that still resolves the exponent.
    pub resolution: f64,
    /// Distance between interval and exponent that is tolerated: for exponents that hold asymptotically only, where the
    /// spread over seeds is smaller than the curvature of the law.
    pub slack: f64,
    /// Whether measured points are near the reference's own error ([`SlopeFit::near_reference`]): then an equality is
    /// not resolved, and a one-sided statement cannot fail.
    pub near_reference: bool,
}

impl Exponent {
    /// `expected` with resolution 0.3, no slack, away from the reference's error.
    pub fn new(expected: f64) -> Self {
        Self { expected, resolution: 0.3, slack: 0.0, near_reference: false }
    }

    /// With another resolution.
    pub fn resolution(self, resolution: f64) -> Self {
        Self { resolution, ..self }
    }

    /// With a slack.
    pub fn slack(self, slack: f64) -> Self {
        Self { slack, ..self }
    }

    /// With the points near the reference's error, or not.
    pub fn near_reference(self, near_reference: bool) -> Self {
        Self { near_reference, ..self }
    }
}

/// A statement and the result of its check. Numbers are written to JSON exactly; NaN is written as null, an infinity as
/// a string.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Stable identifier, kebab-case.
    pub name: String,
    /// The statement of the theory.
    pub statement: String,
    /// The measured value; NaN where nothing could be measured.
    pub measured: f64,
    /// Interval of the measurement, where it has one.
    #[serde(default)]
    pub interval: Option<(f64, f64)>,
    /// The value or the limit of the theory, where it gives one.
    #[serde(default)]
    pub expected: Option<f64>,
    /// The outcome.
    pub verdict: Verdict,
    /// The reason for the verdict, in a sentence.
    pub detail: String,
}

impl Check {
    /// The exponent equals `exponent.expected`. Fails when the interval excludes it; holds when the interval contains
    /// it and is short enough; otherwise, and whenever the points are near the reference's error, not resolved.
    pub fn exponent_equals(
        name: impl Into<String>,
        statement: impl Into<String>,
        fit: &Result<SlopeFit, FitFailure>,
        exponent: Exponent,
    ) -> Self {
        Self::exponent_check(name.into(), statement.into(), fit, exponent, Side::Equal)
    }

    /// The exponent is at most `exponent.expected`: a gap that decays faster than its bound does not contradict it.
    /// Fails only when the interval lies entirely above; holds when it lies entirely below, or contains the exponent
    /// and is short enough.
    pub fn exponent_at_most(
        name: impl Into<String>,
        statement: impl Into<String>,
        fit: &Result<SlopeFit, FitFailure>,
        exponent: Exponent,
    ) -> Self {
        Self::exponent_check(name.into(), statement.into(), fit, exponent, Side::AtMost)
    }

    /// The exponent is at least `exponent.expected`, for a quantity that vanishes with the abscissa (a step): as
    /// [`Check::exponent_at_most`] with the sides exchanged.
    pub fn exponent_at_least(
        name: impl Into<String>,
        statement: impl Into<String>,
        fit: &Result<SlopeFit, FitFailure>,
        exponent: Exponent,
    ) -> Self {
        Self::exponent_check(name.into(), statement.into(), fit, exponent, Side::AtLeast)
    }

    /// For an exponent that holds asymptotically: where this check fails and `without_smallest`, the same check without
    /// the smallest abscissa, does not, the data have not reached the asymptotic regime, and the check is not resolved.
    pub fn or_pre_asymptotic(mut self, without_smallest: &Check) -> Self {
        if self.verdict == Verdict::Fails && without_smallest.verdict != Verdict::Fails {
            self.verdict = Verdict::NotResolved;
            self.detail += &format!(
                "; without the smallest value {}: the smallest value is not in the asymptotic regime",
                without_smallest.detail
            );
        }
        self
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
        let (name, statement) = (name.into(), statement.into());
        Self { name, statement, measured, interval: None, expected: finite(limit), verdict, detail }
    }

    /// A statement about which nothing could be measured: not resolved, with the reason `detail`.
    pub fn not_measured(
        name: impl Into<String>,
        statement: impl Into<String>,
        expected: Option<f64>,
        detail: impl Into<String>,
    ) -> Self {
        let (name, statement, detail) = (name.into(), statement.into(), detail.into());
        let verdict = Verdict::NotResolved;
        Self { name, statement, measured: f64::NAN, interval: None, expected, verdict, detail }
    }

    /// The check of an exponent on one side or both.
    fn exponent_check(
        name: String,
        statement: String,
        fit: &Result<SlopeFit, FitFailure>,
        exponent: Exponent,
        side: Side,
    ) -> Self {
        let Exponent { expected, resolution, slack, near_reference } = exponent;
        let (measured, interval, verdict, detail) = match fit {
            Err(failure) => {
                let slope = if let FitFailure::OneSeed { slope, .. } = failure { *slope } else { f64::NAN };
                (slope, None, Verdict::NotResolved, failure.to_string())
            }
            Ok(fit) => {
                let (low, high) = fit.interval;
                let margin = slack + ROUNDING;
                let excluded = match side {
                    Side::Equal => low > expected + margin || high < expected - margin,
                    Side::AtMost => low > expected + margin,
                    Side::AtLeast => high < expected - margin,
                };
                let beyond = match side {
                    Side::Equal => false,
                    Side::AtMost => high <= expected,
                    Side::AtLeast => low >= expected,
                };
                let sharp = fit.half_width() <= resolution;
                // An error that does not decrease flattens a decay: it can make a one-sided statement fail, but not
                // hold.
                let unresolved = near_reference && (excluded || matches!(side, Side::Equal));
                let (verdict, why) = if unresolved {
                    (Verdict::NotResolved, "points within three times the reference's own error".to_owned())
                } else if excluded {
                    (Verdict::Fails, format!("excludes {side} {expected}"))
                } else if beyond || sharp {
                    (Verdict::Holds, format!("agrees with {side} {expected}"))
                } else {
                    (Verdict::NotResolved, format!("half-width above {resolution}, does not resolve {side} {expected}"))
                };
                let slack_note = if slack > 0.0 { format!(" (slack {slack})") } else { String::new() };
                let fitted = fit.points.iter().filter(|p| p.interval.is_some()).count();
                let detail = format!(
                    "slope {:.3}, {:.0} % interval [{low:.3}, {high:.3}] over {fitted} points and {} seeds: {why}{slack_note}",
                    fit.slope,
                    100.0 * fit.level,
                    fit.seeds,
                );
                (fit.slope, Some(fit.interval), verdict, detail)
            }
        };
        Self { name, statement, measured, interval, expected: finite(expected), verdict, detail }
    }
}

/// The relation that a statement asserts between the exponent and the expected one.
#[derive(Clone, Copy)]
enum Side {
    Equal,
    AtMost,
    AtLeast,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "exponent",
            Self::AtMost => "exponent at most",
            Self::AtLeast => "exponent at least",
        })
    }
}

/// The value as an expectation; a value that is not finite is none.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fit::Statistic;

    fn fit(low: f64, high: f64) -> Result<SlopeFit, FitFailure> {
        Ok(SlopeFit {
            slope: (low + high) / 2.0,
            intercept: 0.0,
            interval: (low, high),
            level: 0.95,
            resamples: 2000,
            seeds: 8,
            residual: 0.0,
            statistic: Statistic::Mean,
            points: Vec::new(),
            skipped: Vec::new(),
        })
    }

    #[test]
    fn equality_of_exponents() {
        use Verdict::{Fails, Holds, NotResolved};
        let verdict = |low, high, rule| Check::exponent_equals("slope", "", &fit(low, high), rule).verdict;
        let minus_one = Exponent::new(-1.0);
        assert_eq!(verdict(-1.2, -0.9, minus_one), Holds);
        assert_eq!(verdict(-1.5, -0.6, minus_one), NotResolved);
        assert_eq!(verdict(-1.5, -0.6, minus_one.resolution(0.5)), Holds);
        assert_eq!(verdict(-0.9, -0.8, minus_one), Fails);
        assert_eq!(verdict(-1.2, -1.1, minus_one), Fails);
        assert_eq!(verdict(-0.9, 0.9, minus_one), Fails, "wide, and still excluded");
        assert_eq!(verdict(-0.96, -0.94, minus_one.slack(0.05)), Holds);
        assert_eq!(verdict(-1.2, -0.9, minus_one.near_reference(true)), NotResolved);
        assert_eq!(verdict(-1.0 + 1e-14, -1.0 + 1e-14, minus_one), Holds, "rounding of an exact law");
    }

    #[test]
    fn one_sided_exponents() {
        use Verdict::{Fails, Holds, NotResolved};
        for (low, high, expected) in [
            (-0.7, -0.6, Holds),
            (-0.6, -0.4, Holds),
            (-0.45, -0.4, Fails),
            (-3.0, -1.0, Holds),
            (-2.0, 1.0, NotResolved),
        ] {
            let most = Check::exponent_at_most("a", "", &fit(low, high), Exponent::new(-0.5));
            let least = Check::exponent_at_least("a", "", &fit(-high, -low), Exponent::new(0.5));
            assert_eq!((most.verdict, least.verdict), (expected, expected), "[{low}, {high}]");
        }
    }

    #[test]
    fn a_law_not_yet_reached_is_not_a_failure() {
        let check = |low, high| Check::exponent_equals("a", "", &fit(low, high), Exponent::new(-0.5));
        let (off, on) = (check(-0.45, -0.35), check(-0.55, -0.4));
        assert_eq!(off.clone().or_pre_asymptotic(&on).verdict, Verdict::NotResolved);
        assert_eq!(off.clone().or_pre_asymptotic(&off).verdict, Verdict::Fails);
        assert_eq!(on.clone().or_pre_asymptotic(&off), on, "what holds is not reconsidered");
    }

    #[test]
    fn without_a_fit_nothing_is_resolved() {
        let one = Err(FitFailure::OneSeed { slope: -1.0, intercept: 0.0 });
        let check = Check::exponent_equals("a", "", &one, Exponent::new(-1.0));
        assert_eq!((check.verdict, check.measured, check.interval), (Verdict::NotResolved, -1.0, None));
        let none = Err(FitFailure::TooFewPoints { usable: 1, rows: 3 });
        let check = Check::exponent_at_most("a", "", &none, Exponent::new(-1.0));
        assert_eq!(check.verdict, Verdict::NotResolved);
        assert!(check.measured.is_nan() && check.detail.contains("1 of 3 rows"));
    }

    #[test]
    fn limits() {
        let verdict = |measured, limit| Check::at_most("a", "", measured, limit).verdict;
        assert_eq!(verdict(1.0, 1.0), Verdict::Holds);
        assert_eq!(verdict(1.0 + f64::EPSILON, 1.0), Verdict::Fails);
        assert_eq!(verdict(f64::INFINITY, 1.0), Verdict::Fails);
        assert_eq!(verdict(f64::NAN, 1.0), Verdict::NotResolved);
        assert_eq!(verdict(1.0, f64::NAN), Verdict::NotResolved);
    }

    #[test]
    fn json_keeps_every_bit() {
        let mut check = Check::exponent_equals("width-slope", "slope -1", &fit(-1.1, -0.9), Exponent::new(-1.0));
        for value in
            [0.1 + 0.2, 1.0 / 3.0, f64::MIN_POSITIVE, 5e-324, -0.0, f64::MAX, 7.0, f64::INFINITY, f64::NEG_INFINITY]
        {
            check.measured = value;
            check.interval = Some((value, f64::NAN));
            let back: Check = serde_json::from_str(&serde_json::to_string(&check).unwrap()).unwrap();
            assert_eq!(back.measured.to_bits(), value.to_bits());
            let (low, high) = back.interval.unwrap();
            assert!(low.to_bits() == value.to_bits() && high.is_nan());
        }
        let text = serde_json::to_string(&Check { measured: f64::NAN, interval: None, ..check }).unwrap();
        assert!(text.contains("\"measured\":null") && text.contains("\"verdict\":\"holds\""), "{text}");
        let back: Check = serde_json::from_str(&text).unwrap();
        assert!(back.measured.is_nan() && back.interval.is_none());
        assert!(serde_json::from_str::<Check>(&text.replace("\"measured\":null", "\"measured\":\"big\"")).is_err());
    }

    #[test]
    fn names_of_verdicts() {
        for verdict in [Verdict::Holds, Verdict::Fails, Verdict::NotResolved] {
            assert_eq!(serde_json::to_string(&verdict).unwrap(), format!("\"{verdict}\""));
        }
        assert_eq!(Verdict::NotResolved.to_string(), "not resolved");
    }
}
