//! Checks of ratios.

use super::check::{Check, finite};
use super::decision::Test;
use super::outcome::Verdict;
use crate::analysis::estimate::{Estimate, Hypothesis, Side};
use crate::analysis::family::LEVEL;

impl Check {
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
}
