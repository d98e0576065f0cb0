//! The bound `A (C T)^n / n!` on the differences of Picard iterates, and its fitted constant.
//!
//! The existence proof (WKM section 4) gives this form without its constant. `A` is the first difference, and `C T` is
//! fitted as the smallest constant for which the form bounds every other difference. That such a constant exists is
//! tested by the local constants `c_n = n d_n / d_{n-1}`, which must not grow with n; under a merely geometric decay
//! they grow in proportion to n.

use serde::{Deserialize, Serialize};

/// The smallest envelope of the form `A (C T)^n / n!` over a sequence of differences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// `A`: the difference of the first two iterates.
    pub first: f64,
    /// `C T`.
    pub constant: f64,
    /// Number of differences that the envelope was fitted to; later ones are at the level of rounding errors.
    pub used: usize,
}

impl Envelope {
    /// The envelope of the differences `d_0, d_1, ...` before the first that is at most `floor`; `None` where there are
    /// fewer than two of them.
    pub fn of(differences: &[f64], floor: f64) -> Option<Self> {
        let used = differences.iter().take_while(|d| **d > floor).count();
        let first = *differences.first()?;
        if used < 2 {
            return None;
        }
        let mut log_factorial = 0.0;
        let constants = differences[..used].iter().enumerate().skip(1).map(|(n, d)| {
            log_factorial += libm::log(n as f64);
            libm::exp((libm::log(d / first) + log_factorial) / n as f64)
        });
        Some(Envelope { first, constant: constants.fold(0.0, f64::max), used })
    }

    /// The envelope at iterate n.
    pub fn at(&self, n: usize) -> f64 {
        let log_factorial: f64 = (1..=n).map(|k| libm::log(k as f64)).sum();
        self.first * libm::exp(n as f64 * libm::log(self.constant) - log_factorial)
    }
}

/// The local constants `c_n = n d_n / d_{n-1}`, n = 1, 2, ..., of the differences before the first that is at most
/// `floor`.
pub fn local_constants(differences: &[f64], floor: f64) -> Vec<f64> {
    let used = differences.iter().take_while(|d| **d > floor).count();
    differences[..used].windows(2).enumerate().map(|(n, pair)| (n + 1) as f64 * pair[1] / pair[0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_itself_has_its_own_constant() {
        let (mut d, mut all) = (0.7, Vec::new());
        for n in 1..12 {
            all.push(d);
            d *= 2.5 / f64::from(n);
        }
        let envelope = Envelope::of(&all, 0.0).unwrap();
        assert!((envelope.constant - 2.5).abs() < 1e-12 && envelope.first == 0.7 && envelope.used == 11);
        assert!(all.iter().enumerate().all(|(n, d)| (envelope.at(n) - d).abs() < 1e-12 * d));
        assert!(local_constants(&all, 0.0).iter().all(|c| (c - 2.5).abs() < 1e-12));
    }

    #[test]
    fn a_geometric_decay_needs_a_constant_that_grows() {
        let all: Vec<f64> = (0..10).map(|n| 0.5_f64.powi(n)).collect();
        let constants = local_constants(&all, 0.0);
        assert!(constants.iter().enumerate().all(|(n, c)| (c - 0.5 * (n + 1) as f64).abs() < 1e-12), "{constants:?}");
        let envelope = Envelope::of(&all, 0.0).unwrap();
        assert!((0..10).all(|n| envelope.at(n) >= all[n] * (1.0 - 1e-12)), "an envelope covers");
    }

    #[test]
    fn rounding_is_left_out() {
        let all = [1.0, 0.1, 0.01, 1e-17, 2e-17];
        assert_eq!(Envelope::of(&all, 1e-15).unwrap().used, 3);
        assert_eq!(local_constants(&all, 1e-15).len(), 2);
        assert_eq!(Envelope::of(&all[..1], 0.0), None);
        assert_eq!(Envelope::of(&[], 0.0), None);
    }
}
