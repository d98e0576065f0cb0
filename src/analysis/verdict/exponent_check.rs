//! Checks of exponents.

use super::check::{Check, finite};
use super::decision::Test;
use super::exponent::Exponent;
use super::outcome::Verdict;
use crate::analysis::estimate::{Estimate, Hypothesis, Side};
use crate::analysis::family::LEVEL;
use crate::analysis::fit::{CorrectedSlope, FitFailure, SlopeFit};

impl Check {
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
                    ..Self::not_measured(name, statement, Some(exponent.expected), failure.words(exponent.over))
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
            "slope {:.3}, {:.0} % interval [{low:.3}, {high:.3}] over {fitted} points and {} {}",
            fit.slope,
            100.0 * fit.level,
            fit.seeds,
            exponent.over.plural()
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
            exponent: Some(Exponent { side, resolution, slack, ..Exponent::equal(expected) }),
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
            Err(failure) => self.excused(format!("{name}: {}", failure.words(exponent.over))),
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
}
