//! Estimates with Student's law of error: intervals, and the levels at which they contradict a statement.

use crate::choice::choice;
use crate::number;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// An estimate whose error, divided by its standard error, has Student's law.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimated value.
    #[serde(with = "number")]
    pub value: f64,
    /// Its standard error, positive.
    #[serde(with = "number")]
    pub standard_error: f64,
    /// Degrees of freedom of Student's law, positive; infinite for the normal law.
    #[serde(with = "number")]
    pub degrees_of_freedom: f64,
}

choice! {
    /// The relation that a statement asserts between a quantity and the expected value.
    pub enum Side: "relation" {
        /// The quantity equals the expected value.
        Equal = "equal",
        /// The quantity is at most the expected value.
        AtMost = "at-most",
        /// The quantity is at least the expected value.
        AtLeast = "at-least",
    }
}

/// A statement about a quantity: its relation to an expected value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hypothesis {
    /// The relation.
    pub side: Side,
    /// The expected value.
    pub expected: f64,
    /// Distance from the expected value that does not contradict the statement, nonnegative.
    pub slack: f64,
    /// Largest changes of the quantity, down (at most 0) and up (at least 0), that errors other than the spread over
    /// seeds can have caused.
    pub bend: (f64, f64),
}

impl Hypothesis {
    /// A statement without slack and without other errors.
    pub fn new(side: Side, expected: f64) -> Self {
        Self { side, expected, slack: 0.0, bend: (0.0, 0.0) }
    }
}

impl Side {
    /// The relation in words, before the expected value.
    pub fn words(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::AtMost => "at most ",
            Self::AtLeast => "at least ",
        }
    }
}

impl Estimate {
    /// The two-sided interval at confidence `level`, strictly between 0 and 1.
    pub fn interval(&self, level: f64) -> (f64, f64) {
        let half = self.half_width(level);
        (self.value - half, self.value + half)
    }

    /// Half the length of the interval at confidence `level`.
    pub fn half_width(&self, level: f64) -> f64 {
        let tail = 0.5 + level / 2.0;
        let quantile = match self.student() {
            Some(student) => student.inverse_cdf(tail),
            None => Normal::standard().inverse_cdf(tail),
        };
        quantile * self.standard_error
    }

    /// The level of significance at which the data just contradict a statement: every value of the interval at confidence
    /// `1 - p`, shifted by the bend, contradicts it, and one touches it. 1 where the estimate itself agrees. One-sided
    /// statements are tested with one end of the two-sided interval, so that they are rejected at half this level.
    pub fn p_value(&self, statement: &Hypothesis) -> f64 {
        let Hypothesis { side, expected, slack, bend: (down, up) } = *statement;
        let above = self.value + down - (expected + slack);
        let below = (expected - slack) - (self.value + up);
        let distance = match side {
            Side::Equal => above.max(below),
            Side::AtMost => above,
            Side::AtLeast => below,
        };
        if distance.is_nan() {
            return f64::NAN;
        }
        if distance <= 0.0 {
            return 1.0;
        }
        let t = distance / self.standard_error;
        let tail = match self.student() {
            Some(student) => student.sf(t),
            None => Normal::standard().sf(t),
        };
        2.0 * tail
    }

    fn student(&self) -> Option<StudentsT> {
        StudentsT::new(0.0, 1.0, self.degrees_of_freedom).ok().filter(|_| self.degrees_of_freedom.is_finite())
    }
}

/// The absolute normal deviate of a studentised mean `t` whose terms are skewed: Hall's transformation (1992).
/// `skewness` is that of the sum of the terms: the third central moment of the sum over the cube of its standard
/// deviation.
///
/// A studentised mean of `n` skewed terms is itself skewed the other way; the transformation removes this to order `1/n`.
pub fn normal_deviate(t: f64, skewness: f64) -> f64 {
    (t + skewness * t * t / 3.0 + skewness * skewness * t * t * t / 27.0 + skewness / 6.0).abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::rng::{Role, stream};
    use rand_distr::{Distribution, Exp1};

    const ESTIMATE: Estimate = Estimate { value: 1.0, standard_error: 0.2, degrees_of_freedom: 5.0 };

    #[test]
    fn intervals_of_student_and_of_the_normal_law() {
        // Tabulated quantiles: t_5(0.975) = 2.570582, normal 1.959964.
        assert!((ESTIMATE.half_width(0.95) - 0.2 * 2.570_581_836).abs() < 1e-8);
        let normal = Estimate { degrees_of_freedom: f64::INFINITY, ..ESTIMATE };
        assert!((normal.half_width(0.95) - 0.2 * 1.959_963_985).abs() < 1e-8);
        let (low, high) = ESTIMATE.interval(0.9);
        assert!((low + high - 2.0).abs() < 1e-15 && low < high);
    }

    #[test]
    fn the_interval_at_one_minus_p_touches_the_statement() {
        let p = |side, expected, slack, bend| ESTIMATE.p_value(&Hypothesis { side, expected, slack, bend });
        for (side, expected) in
            [(Side::Equal, 0.3), (Side::Equal, 1.9), (Side::AtMost, 0.4), (Side::AtLeast, 1.7), (Side::Equal, 0.97)]
        {
            for (slack, bend) in [(0.0, (0.0, 0.0)), (0.005, (0.0, 0.0)), (0.001, (-0.02, 0.01))] {
                let (low, high) = ESTIMATE.interval(1.0 - p(side, expected, slack, bend));
                let (low, high) = (low + bend.0 - slack, high + bend.1 + slack);
                let touched = (low - expected).abs().min((high - expected).abs());
                assert!(touched < 1e-8, "{side:?} {expected} {slack}: [{low}, {high}]");
            }
        }
        assert_eq!(p(Side::AtMost, 1.2, 0.0, (0.0, 0.0)), 1.0);
        assert_eq!(p(Side::AtLeast, 0.8, 0.0, (0.0, 0.0)), 1.0);
        assert_eq!(p(Side::Equal, 1.1, 0.2, (0.0, 0.0)), 1.0);
        assert_eq!(p(Side::AtMost, 0.1, 0.0, (-1.0, 0.0)), 1.0, "the bend explains the difference");
        assert!(p(Side::AtMost, 0.1, 0.0, (0.0, 1.0)) < 0.05, "the other end of the bend does not");
        assert!(p(Side::Equal, f64::NAN, 0.0, (0.0, 0.0)).is_nan());
    }

    #[test]
    fn the_level_of_a_mean_of_skewed_terms() {
        // Means of 40 exponential variables, of skewness 2, estimated from the sample: the uncorrected level of 0.02
        // rejects about three times as often as it should, the corrected one about as often.
        let (tables, n, level) = (20_000, 40, 0.02);
        let (mut plain, mut corrected) = (0, 0);
        for table in 0..tables {
            let mut rng = stream(3, Role::Start, table, 0);
            let x: Vec<f64> = (0..n).map(|_| Exp1.sample(&mut rng)).collect();
            let count = f64::from(n);
            let mean = x.iter().sum::<f64>() / count;
            let moment = |k: i32| x.iter().map(|v| (v - mean).powi(k)).sum::<f64>() / count;
            let deviation = moment(2).sqrt();
            let t = (mean - 1.0) / (deviation / (count - 1.0).sqrt());
            let skewness = moment(3) / deviation.powi(3) / count.sqrt();
            plain += u32::from(2.0 * Normal::standard().sf(t.abs()) < level);
            corrected += u32::from(2.0 * Normal::standard().sf(normal_deviate(t, skewness)) < level);
        }
        let rate = |count: u32| f64::from(count) / tables as f64;
        assert!(rate(plain) > 2.0 * level, "{}", rate(plain));
        assert!((0.5 * level..1.6 * level).contains(&rate(corrected)), "{}", rate(corrected));
    }
}
