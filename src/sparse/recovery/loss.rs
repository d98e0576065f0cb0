//! The losses of one sample: values, derivatives, remainders, and the measurements to which they apply.

use crate::choice::choice;

choice! {
    /// The loss of one sample as a function of `a = <x, w>`.
    pub enum SampleLoss: "loss" {
        /// `(a - y)^2 / 2`: sparse linear regression.
        Squared = "squared",
        /// `log(1 + e^a) - y a`, `y` in [0, 1]: logistic regression; `y` may be a probability.
        Logistic = "logistic",
        /// `e^a - y a`: Poisson regression; with `y = e^{<x, w*>}` the minimum is at `w*`.
        Exponential = "exponential",
        /// `(a^2 - y)^2 / 4`: the quadratic measurements of phase retrieval, which do not determine the sign of `w`.
        QuadraticMeasurement = "quadratic-measurement",
    }
}

impl SampleLoss {
    /// The loss `phi(a, y)`.
    pub fn value(self, a: f64, y: f64) -> f64 {
        match self {
            SampleLoss::Squared => 0.5 * (a - y) * (a - y),
            SampleLoss::Logistic => a.max(0.0) + (-a.abs()).exp().ln_1p() - y * a,
            SampleLoss::Exponential => a.exp() - y * a,
            SampleLoss::QuadraticMeasurement => 0.25 * (a * a - y).powi(2),
        }
    }

    /// `phi'(a, y)`, the derivative in a.
    pub fn slope(self, a: f64, y: f64) -> f64 {
        match self {
            SampleLoss::Squared => a - y,
            SampleLoss::Logistic => sigmoid(a) - y,
            SampleLoss::Exponential => a.exp() - y,
            SampleLoss::QuadraticMeasurement => (a * a - y) * a,
        }
    }

    /// `phi''(a, y)`, the second derivative in a.
    pub fn curvature(self, a: f64, y: f64) -> f64 {
        match self {
            SampleLoss::Squared => 1.0,
            SampleLoss::Logistic => sigmoid(a) * sigmoid(-a),
            SampleLoss::Exponential => a.exp(),
            SampleLoss::QuadraticMeasurement => 3.0 * a * a - y,
        }
    }

    /// An upper bound of `|phi'''|` between `a` and `b`.
    pub fn third_bound(self, a: f64, b: f64) -> f64 {
        match self {
            SampleLoss::Squared => 0.0,
            // The largest slope of sigma (1 - sigma), at sigma = (1 +- 1/sqrt 3) / 2.
            SampleLoss::Logistic => 1.0 / (6.0 * 3f64.sqrt()),
            SampleLoss::Exponential => a.max(b).exp(),
            SampleLoss::QuadraticMeasurement => 6.0 * a.abs().max(b.abs()),
        }
    }

    /// The remainder `phi(a + h, y) - phi(a, y) - phi'(a, y) h` of the linear expansion, without the cancellation of the
    /// three terms.
    pub fn remainder(self, a: f64, y: f64, h: f64) -> f64 {
        match self {
            SampleLoss::Squared => 0.5 * h * h,
            SampleLoss::Logistic if h.abs() > 1.0 => self.value(a + h, y) - self.value(a, y) - self.slope(a, y) * h,
            SampleLoss::Logistic => {
                // log(1 + e^(a + h)) - log(1 + e^a) = log(1 + p (e^h - 1)).
                let p = sigmoid(a);
                log_remainder(p * h.exp_m1()) + p * exp_remainder(h)
            }
            SampleLoss::Exponential => a.exp() * exp_remainder(h),
            SampleLoss::QuadraticMeasurement => h * h * (0.5 * (3.0 * a * a - y) + a * h + 0.25 * h * h),
        }
    }

    /// Whether the loss, summed over samples, is bounded below with the measurement `y`.
    pub fn admits(self, y: f64) -> bool {
        match self {
            SampleLoss::Squared => true,
            SampleLoss::Logistic => (0.0..=1.0).contains(&y),
            SampleLoss::Exponential | SampleLoss::QuadraticMeasurement => y >= 0.0,
        }
    }

    /// The measurements that the loss admits, as part of a message.
    pub fn admitted(self) -> &'static str {
        match self {
            SampleLoss::Squared => "any number",
            SampleLoss::Logistic => {
                "a number from 0 to 1: 0 and 1 for two classes, or a probability; labels -1 and +1 are written (y + 1) / 2"
            }
            SampleLoss::Exponential => "a number of at least 0, such as a count",
            SampleLoss::QuadraticMeasurement => "a number of at least 0: y is the square of <x, w>",
        }
    }

    /// The noiseless measurement y of `a`.
    pub fn measure(self, a: f64) -> f64 {
        match self {
            SampleLoss::Squared => a,
            SampleLoss::Logistic => sigmoid(a),
            SampleLoss::Exponential => a.exp(),
            SampleLoss::QuadraticMeasurement => a * a,
        }
    }
}

/// The logistic function.
fn sigmoid(a: f64) -> f64 {
    1.0 / (1.0 + (-a).exp())
}

/// Size of an argument below which remainders are computed from their series.
const SMALL: f64 = 1e-2;

/// `e^h - 1 - h`.
fn exp_remainder(h: f64) -> f64 {
    if h.abs() >= SMALL {
        return h.exp_m1() - h;
    }
    // sum_{m >= 2} h^m / m!; the first term left out is below rounding.
    (3..=9).rev().fold(1.0, |tail, m| 1.0 + h / f64::from(m) * tail) * h * h / 2.0
}

/// `log(1 + u) - u`.
fn log_remainder(u: f64) -> f64 {
    if u.abs() >= SMALL {
        return u.ln_1p() - u;
    }
    // sum_{m >= 2} -(-u)^m / m; the first term left out is below rounding.
    (2..=10).rev().fold(0.0, |tail, m| -u * tail + 1.0 / f64::from(m)) * -u * u
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Choice;

    /// The remainder is the integral of `(h - t) phi''(a + t)` over t from 0 to h, here by Gauss-Legendre quadrature
    /// with five nodes on 64 intervals, at sizes of h at which the difference of values has no correct digit.
    #[test]
    fn remainders_are_integrals_of_the_curvature() {
        let root = |sign: f64| (5.0 + sign * 2.0 * (10.0_f64 / 7.0).sqrt()).sqrt() / 3.0;
        let weight = |sign: f64| (322.0 + sign * 13.0 * 70f64.sqrt()) / 900.0;
        let nodes = [
            (0.0, 128.0 / 225.0),
            (root(-1.0), weight(1.0)),
            (-root(-1.0), weight(1.0)),
            (root(1.0), weight(-1.0)),
            (-root(1.0), weight(-1.0)),
        ];
        for &loss in SampleLoss::ALL {
            for (a, y) in [(0.3, 0.8), (-2.0, 0.1), (1.7, 0.0)] {
                for h in [1e-9, -1e-6, 3e-3, -9.9e-3, 1.1e-2, -0.4, 0.99, 1.5, -3.0] {
                    let width = h / 64.0;
                    let integral: f64 = (0..64)
                        .flat_map(|i| {
                            nodes.map(|(x, weight)| (width * (i as f64 + 0.5 + 0.5 * x), 0.5 * width * weight))
                        })
                        .map(|(t, weight)| weight * (h - t) * loss.curvature(a + t, y))
                        .sum();
                    let found = loss.remainder(a, y, h);
                    let error = (found / integral - 1.0).abs();
                    assert!(error < 1e-12, "{} at {a}, {y}, {h}: {found:e}, integral {integral:e}", loss.name());
                }
            }
        }
    }

    #[test]
    fn admitted_measurements() {
        use SampleLoss::{Exponential, Logistic, QuadraticMeasurement, Squared};
        for (loss, admitted, refused) in [
            (Squared, vec![-1.0, 0.0, 2.0], vec![]),
            (Logistic, vec![0.0, 0.3, 1.0], vec![-1.0, 1.0 + f64::EPSILON, 2.0]),
            (Exponential, vec![0.0, 3.0], vec![-1e-300, -1.0]),
            (QuadraticMeasurement, vec![0.0, 3.0], vec![-1e-300, -1.0]),
        ] {
            assert!(admitted.into_iter().all(|y| loss.admits(y)), "{}", loss.name());
            assert!(refused.into_iter().all(|y| !loss.admits(y)), "{}", loss.name());
        }
    }
}
