//! The inverse question: the smallest width, the largest step and the smallest batch that a tolerance allows, from the law
//! of the sum of all parts.

use super::PredictArrays;
use super::total::NetworkSetting;

/// The probability with which a tolerance is met.
pub const PROBABILITY: f64 = 0.95;

/// Widths and batch sizes above which a part is as good as absent.
const LARGEST: f64 = 1e12;

/// Relative error of a step.
const STEP_ERROR: f64 = 1e-4;

/// A quantity with a tolerance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TolerableQuantity {
    /// The largest distance of the predictions over time.
    Distance,
    /// The loss gap at the end.
    Loss,
    /// The loss added by keeping random neurons at the end: so many, or half of them.
    Dropout(Option<usize>),
    /// The barrier of the constructive path at the end.
    Barrier,
}

/// A part of the setting of networks, which is sought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingPart {
    /// The width N.
    Width,
    /// The step eps.
    Step,
    /// The batch size B.
    Batch,
}

/// The values of a part at which a tolerance is met with probability 95 %, the others given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AllowedValues {
    /// From this one on.
    AtLeast(f64),
    /// Up to this one.
    AtMost(f64),
    /// Up to this one, the largest predicted; a larger one may.
    AtLeastUpTo(f64),
    /// Only values beyond this one, at which the search ends: wider networks, larger batches or shorter steps.
    Beyond(f64),
    /// All.
    All,
    /// None: the best value has this quantile.
    None {
        /// The 95 % quantile where the part has the best value.
        quantile: f64,
    },
}

impl PredictArrays {
    /// The 95 % quantile of a quantity for networks of a setting; `None` where the deviation was not drawn.
    pub fn quantile(&self, quantity: TolerableQuantity, setting: NetworkSetting) -> Option<f64> {
        let draws = self.draws.as_ref()?;
        let setting = self.resolved(setting);
        let law = match quantity {
            TolerableQuantity::Distance => draws.distance(setting),
            TolerableQuantity::Loss => draws.loss(setting),
            TolerableQuantity::Dropout(kept) => {
                draws.dropout(setting, kept.map_or(0.5 * setting.width, |kept| kept as f64))
            }
            TolerableQuantity::Barrier => draws.barrier(setting),
        };
        Some(law.quantile(PROBABILITY))
    }

    /// The values of `part` at which a quantity is at most `tolerance` with probability 95 %, with the other parts of
    /// `setting`; `None` where the deviation was not drawn.
    ///
    /// Quantiles rise with the step and fall with the batch size and the width, except for a given number of kept
    /// neurons, which costs the more, the more are dropped.
    pub fn allowed(
        &self,
        part: SettingPart,
        quantity: TolerableQuantity,
        tolerance: f64,
        setting: NetworkSetting,
    ) -> Option<AllowedValues> {
        let at = |value: f64| {
            let setting = match part {
                SettingPart::Width => NetworkSetting { width: value, ..setting },
                SettingPart::Step => NetworkSetting { step: value, ..setting },
                SettingPart::Batch => NetworkSetting { batch: value, ..setting },
            };
            self.quantile(quantity, setting)
        };
        let meets = |value: f64| at(value).is_some_and(|quantile| quantile <= tolerance);
        // No value within the search meets the tolerance; `limit` is the value of the part that is absent.
        let none = |end: f64, limit: f64| match meets(limit) {
            true => Some(AllowedValues::Beyond(end)),
            false => Some(AllowedValues::None { quantile: at(limit)? }),
        };
        self.draws.as_ref()?;
        match (part, quantity) {
            (SettingPart::Width, TolerableQuantity::Dropout(Some(kept))) => {
                let kept = kept as f64;
                if meets(LARGEST) {
                    return Some(AllowedValues::All);
                }
                Some(AllowedValues::AtMost(smallest_whole(kept, LARGEST, &|width| !meets(width)) - 1.0))
            }
            (SettingPart::Step, _) => {
                let longest = self.step.as_ref().map_or(f64::NAN, |part| part.values[part.values.len() - 1]);
                if meets(longest) {
                    return Some(AllowedValues::AtLeastUpTo(longest));
                }
                let shortest = longest * 1e-9;
                if !meets(shortest) {
                    return none(shortest, 0.0);
                }
                Some(AllowedValues::AtMost(largest(shortest, longest, &meets)))
            }
            (SettingPart::Width | SettingPart::Batch, _) => {
                let least = if part == SettingPart::Width { 2.0 } else { 1.0 };
                if !meets(LARGEST) {
                    return none(LARGEST, f64::INFINITY);
                }
                if meets(least) {
                    return Some(AllowedValues::AtLeast(least));
                }
                Some(AllowedValues::AtLeast(smallest_whole(least, LARGEST, &meets)))
            }
        }
    }
}

/// The largest value between `low`, which meets the tolerance, and `high`, which does not, within a relative error.
fn largest(mut low: f64, mut high: f64, meets: &dyn Fn(f64) -> bool) -> f64 {
    while high / low > 1.0 + STEP_ERROR {
        let middle = (low * high).sqrt();
        if meets(middle) { low = middle } else { high = middle }
    }
    low
}

/// The smallest whole number between `low`, which does not meet the tolerance, and `high`, which does.
fn smallest_whole(mut low: f64, mut high: f64, meets: &dyn Fn(f64) -> bool) -> f64 {
    while high - low > 1.0 {
        let middle = (low * high).sqrt().floor().clamp(low + 1.0, high - 1.0);
        if meets(middle) { high = middle } else { low = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::predict::tests::arrays_with_parts;

    /// The 95 % quantile of k / 50 over k = 1 .. 100, interpolated between draws.
    const HIGH: f64 = (95.0 + 0.05) / 50.0;

    fn allowed(part: SettingPart, quantity: TolerableQuantity, tolerance: f64, setting: [f64; 3]) -> AllowedValues {
        let [width, step, batch] = setting;
        let setting = NetworkSetting::new(width, step, batch);
        arrays_with_parts().allowed(part, quantity, tolerance, setting).unwrap()
    }

    /// All draws have the same direction, so that quantiles of the distance are
    /// `sqrt( (eps / 2)^2 + (1 / N + 2 eps / B) q )`.
    #[test]
    fn every_part_of_a_known_law_is_found() {
        let distance = TolerableQuantity::Distance;
        let found = allowed(SettingPart::Width, distance, 0.2, [f64::NAN, 0.04, 8.0]);
        let width = (HIGH / (0.04 - 0.0004 - 2.0 * 0.005 * HIGH)).ceil();
        assert_eq!(found, AllowedValues::AtLeast(width));
        let found = allowed(SettingPart::Batch, distance, 0.2, [100.0, 0.04, f64::NAN]);
        let batch = (0.08 * HIGH / (0.04 - 0.0004 - HIGH / 100.0)).ceil();
        assert_eq!(found, AllowedValues::AtLeast(batch));
        let AllowedValues::AtMost(step) = allowed(SettingPart::Step, distance, 0.2, [100.0, f64::NAN, 4.0]) else {
            panic!("a largest step")
        };
        let quantile = (step / 2.0).powi(2) + (0.01 + 2.0 * step / 4.0) * HIGH;
        assert!((quantile / 0.04 - 1.0).abs() < 2e-4, "{quantile}");
        // A barrier or a loss that is one half of a square.
        let found = allowed(SettingPart::Width, TolerableQuantity::Loss, 0.01, [f64::NAN, 0.0, f64::INFINITY]);
        assert_eq!(found, AllowedValues::AtLeast((0.5 * HIGH / 0.01).ceil()));
        // Of N neurons M are kept: 1/2 (1/M - 1/N) 4 q.
        let kept = |kept| TolerableQuantity::Dropout(kept);
        let found = allowed(SettingPart::Width, kept(None), 0.01, [f64::NAN, 0.0, f64::INFINITY]);
        assert_eq!(found, AllowedValues::AtLeast((2.0 * HIGH / 0.01).ceil()));
        let AllowedValues::AtMost(width) =
            allowed(SettingPart::Width, kept(Some(100)), 0.01, [f64::NAN, 0.0, f64::INFINITY])
        else {
            panic!("a largest width")
        };
        let expected = 1.0 / (0.01 - 0.01 / (2.0 * HIGH));
        assert_eq!(width, expected.floor());
        let found = allowed(SettingPart::Width, kept(Some(1000)), 0.01, [f64::NAN, 0.0, f64::INFINITY]);
        assert_eq!(found, AllowedValues::All);
    }

    /// Dropping one of 101 neurons costs `2 q (1/100 - 1/101)`; half of N neurons cost `2 q / N`, so that a tolerance
    /// below 4e-12 is met by networks beyond the search alone.
    #[test]
    fn values_at_the_ends_of_the_search() {
        let alone = [f64::NAN, 0.0, f64::INFINITY];
        let kept = TolerableQuantity::Dropout(Some(100));
        let cost = 2.0 * HIGH * (0.01 - 1.0 / 101.0);
        assert_eq!(allowed(SettingPart::Width, kept, 1.01 * cost, alone), AllowedValues::AtMost(101.0));
        assert_eq!(allowed(SettingPart::Width, kept, 0.99 * cost, alone), AllowedValues::AtMost(100.0));
        let half = TolerableQuantity::Dropout(None);
        assert_eq!(allowed(SettingPart::Width, half, 1e-12, alone), AllowedValues::Beyond(1e12));
        let distance = TolerableQuantity::Distance;
        let found = allowed(SettingPart::Step, distance, 1e-12, [f64::INFINITY, f64::NAN, f64::INFINITY]);
        assert_eq!(found, AllowedValues::Beyond(0.04 * 1e-9));
    }

    #[test]
    fn tolerances_that_another_part_exceeds() {
        let distance = TolerableQuantity::Distance;
        let AllowedValues::None { quantile } = allowed(SettingPart::Width, distance, 0.01, [f64::NAN, 0.04, 1e9])
        else {
            panic!("no width")
        };
        assert!((quantile - 0.02).abs() < 1e-4);
        for (part, setting, square) in [
            (SettingPart::Batch, [10.0, 0.04, f64::NAN], 0.0004 + 0.1 * HIGH),
            (SettingPart::Step, [10.0, f64::NAN, 1.0], 0.1 * HIGH),
        ] {
            let found = allowed(part, distance, 0.1, setting);
            let AllowedValues::None { quantile } = found else { panic!("{found:?}") };
            // Between draws distances are interpolated, not their squares.
            assert!((quantile - square.sqrt()).abs() < 1e-5, "{quantile}");
        }
        let all = allowed(SettingPart::Step, distance, 10.0, [10.0, f64::NAN, 1.0]);
        assert_eq!(all, AllowedValues::AtLeastUpTo(0.04));
        assert_eq!(allowed(SettingPart::Batch, distance, 10.0, [10.0, 0.04, f64::NAN]), AllowedValues::AtLeast(1.0));
        let without = crate::study::predict::tests::arrays();
        let setting = NetworkSetting::new(10.0, 0.01, 1.0);
        assert_eq!(without.allowed(SettingPart::Width, distance, 0.1, setting), None);
    }
}
