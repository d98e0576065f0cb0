//! The error that the step leaves in a quantity, from a solution and one with half the step, and how much the quantity
//! may rise within that error.
//!
//! A scheme of order p has `E_h(t) = E(t) + C(t) h^p + ...`, so that
//!
//! ```text
//! |E_h(t) - E(t)| ~ e(t) = |E_h(t) - E_{h/2}(t)| 2^p / (2^p - 1)
//! ```
//!
//! (Richardson). The terms after the first are smaller by the step in units of the solution's own time,
//! `r ~ (sup e / E)^(1/p)` for a quantity of size E. They are counted as `r sup e`, which also covers times at which
//! `C(t)` changes sign. Where r exceeds [`LARGEST_RATIO`] the terms of the expansion do not decrease, as beyond the
//! stability limit, and the difference of two solutions is no estimate of an error.
//!
//! A quantity that never rises obeys `E_h(t) - E_h(s) <= e(s) + e(t) + 2 r sup e + rounding` for all s < t.

/// Largest ratio of successive terms of the expansion in the step at which its first term is an estimate.
pub const LARGEST_RATIO: f64 = 0.5;

/// The errors of a quantity over time.
#[derive(Clone, Debug, PartialEq)]
pub struct StepErrors {
    /// `e(t)` (times).
    pub errors: Vec<f64>,
    /// The ratio r of successive terms of the expansion.
    pub ratio: f64,
}

impl StepErrors {
    /// The errors of the values `whole` (times) of a quantity of size `scale`, by a scheme of this order, from the
    /// values `half` with half the step.
    pub fn new(whole: &[f64], half: &[f64], order: f64, scale: f64) -> Self {
        let factor = factor(order);
        let errors: Vec<f64> = whole.iter().zip(half).map(|(w, h)| factor * (w - h).abs()).collect();
        let largest = errors.iter().copied().fold(0.0, f64::max);
        let ratio = if largest > 0.0 { (largest / scale).powf(1.0 / order) } else { 0.0 };
        StepErrors { errors, ratio }
    }

    /// The largest error at all times, for a solution whose error has this size but another course over time.
    #[must_use]
    pub fn uniform(self, times: usize) -> Self {
        StepErrors { errors: vec![self.largest(); times], ..self }
    }

    /// With a further error (times), or a single one of all times.
    #[must_use]
    pub fn plus(mut self, other: &[f64]) -> Self {
        let last = other.len().saturating_sub(1);
        for (k, error) in self.errors.iter_mut().enumerate() {
            *error += other.get(k.min(last)).copied().unwrap_or(0.0);
        }
        self
    }

    /// The largest error.
    pub fn largest(&self) -> f64 {
        self.errors.iter().copied().fold(0.0, f64::max)
    }

    /// Whether the difference of the two solutions is an estimate of the error.
    pub fn resolved(&self) -> bool {
        self.ratio <= LARGEST_RATIO
    }

    /// The rise of `values` (times, at least two) between any two times that exceeds the allowed one most, or comes
    /// closest to it. Where the error is not resolved, rounding alone is allowed. NaN where a value is not finite.
    pub fn worst_rise(&self, values: &[f64], rounding: f64) -> Rise {
        let usable = f64::from(u8::from(self.resolved()));
        let error = |k: usize| usable * self.errors[k];
        let common = usable * 2.0 * self.ratio * self.largest() + rounding;
        let upper = |k: usize| values[k] + error(k);
        let not_finite = values.iter().zip(&self.errors).any(|(value, error)| !(value + error).is_finite());
        if not_finite {
            return Rise { rise: f64::NAN, allowed: common, from: 0, to: 0 };
        }
        let (mut from, mut worst) = (0, Rise { rise: f64::NEG_INFINITY, allowed: common, from: 0, to: 0 });
        for to in 1..values.len() {
            let rise = Rise { rise: values[to] - values[from], allowed: error(from) + error(to) + common, from, to };
            if rise.excess() > worst.excess() {
                worst = rise;
            }
            if upper(to) < upper(from) {
                from = to;
            }
        }
        worst
    }
}

/// `2^p / (2^p - 1)`: the error of a solution over its distance from the solution with half the step.
pub fn factor(order: f64) -> f64 {
    1.0 / (1.0 - (-order).exp2())
}

/// A rise of a quantity between two times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rise {
    /// The rise.
    pub rise: f64,
    /// The rise that the errors allow.
    pub allowed: f64,
    /// Index of the earlier time.
    pub from: usize,
    /// Index of the later time.
    pub to: usize,
}

impl Rise {
    /// The part of the rise that is not allowed; negative where there is none.
    pub fn excess(&self) -> f64 {
        self.rise - self.allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The energy `(r^2 + q^2) / 2` of an oscillator with damping g under symplectic Euler (order 1), at every `every`-th
    /// of `40 every` steps.
    fn oscillator(step: f64, every: usize, damping: f64) -> Vec<f64> {
        with_force(step, every, damping, 1.0)
    }

    /// The same with a force `-stiffness q`, which is not that of the energy where `stiffness` is not 1.
    fn with_force(step: f64, every: usize, damping: f64, stiffness: f64) -> Vec<f64> {
        let (mut q, mut r) = (1.0_f64, 0.0_f64);
        let mut energies = vec![0.5];
        for k in 1..=40 * every {
            r = (1.0 - damping * step) * r - step * stiffness * q;
            q += step * r;
            if k % every == 0 {
                energies.push(0.5 * (q * q + r * r));
            }
        }
        energies
    }

    /// The energies with a step and with half of it, and their errors.
    fn measured(step: f64, every: usize, damping: f64, stiffness: f64) -> (Vec<f64>, StepErrors) {
        let whole = with_force(step, every, damping, stiffness);
        let errors = StepErrors::new(&whole, &with_force(step / 2.0, 2 * every, damping, stiffness), 1.0, whole[0]);
        (whole, errors)
    }

    #[test]
    fn the_error_of_an_exact_power_is_found() {
        for order in [1.0, 2.0, 4.0] {
            let course = |h: f64| -> Vec<f64> { (0..9).map(|k| 1.0 + f64::from(k - 4) * h.powf(order)).collect() };
            let found = StepErrors::new(&course(0.01), &course(0.005), order, 1.0);
            for (k, error) in found.errors.iter().enumerate() {
                let exact = (k as f64 - 4.0).abs() * 0.01_f64.powf(order);
                assert!((error - exact).abs() < 1e-6 * exact + 1e-14, "order {order}, time {k}: {error} {exact}");
            }
            assert!((found.ratio - 4.0_f64.powf(1.0 / order) * 0.01).abs() < 1e-6);
        }
    }

    /// Without damping the energy of symplectic Euler oscillates by h/2 for ever: no rise but that of the step.
    #[test]
    fn a_right_scheme_stays_within_its_error() {
        for (step, every, damping) in [(0.25, 2, 0.0), (0.05, 10, 0.0), (0.1, 5, 0.3), (0.025, 20, 0.02)] {
            let (whole, errors) = measured(step, every, damping, 1.0);
            let worst = errors.worst_rise(&whole, 1e-12);
            assert!(errors.resolved() && worst.excess() <= 0.0, "{step} {damping}: {worst:?}");
            if damping == 0.0 {
                assert!(worst.rise > 1e-3, "the step does make it rise: {worst:?}");
            }
        }
    }

    #[test]
    fn a_wrong_scheme_does_not() {
        // Friction of the wrong sign; a force with an error of a tenth; one of the wrong sign.
        for (damping, stiffness) in [(-0.02, 1.0), (0.0, 1.1), (0.02, -1.0)] {
            let (whole, errors) = measured(0.01, 50, damping, stiffness);
            assert!(errors.worst_rise(&whole, 1e-12).excess() > 0.02, "{damping} {stiffness}");
        }
        // A step beyond stability, 2, beside one that is stable: the difference of the two is no error.
        let (whole, errors) = measured(2.05, 1, 0.0, 1.0);
        assert!(oscillator(1.025, 2, 0.0).iter().all(|energy| *energy < 2.0));
        assert!(!errors.resolved() && errors.worst_rise(&whole, 1e-12).excess() > 1.0);
    }

    #[test]
    fn what_is_not_a_number_does_not_pass() {
        let errors = StepErrors { errors: vec![0.0; 3], ratio: 0.0 };
        assert!(errors.worst_rise(&[1.0, f64::NAN, 0.5], 0.0).rise.is_nan());
    }

    /// A steady rise that every single interval would hide is seen between distant times.
    #[test]
    fn small_rises_add_up() {
        let values: Vec<f64> = (0..100).map(|k| 1.0 + 1e-3 * f64::from(k)).collect();
        let errors = StepErrors { errors: vec![2e-3; 100], ratio: 1e-3 };
        let worst = errors.worst_rise(&values, 0.0);
        assert_eq!((worst.from, worst.to), (0, 99));
        assert!(worst.excess() > 0.09);
        assert!(errors.worst_rise(&values[..3], 0.0).excess() < 0.0);
    }

    #[test]
    fn further_errors_add() {
        let errors = StepErrors { errors: vec![1.0, 2.0], ratio: 0.1 };
        assert_eq!(errors.clone().plus(&[0.5]).errors, [1.5, 2.5]);
        assert_eq!(errors.clone().plus(&[0.5, 1.0]).errors, [1.5, 3.0]);
        assert_eq!(errors.clone().plus(&[]).errors, [1.0, 2.0]);
        assert_eq!(errors.uniform(3).errors, [2.0; 3]);
    }
}
