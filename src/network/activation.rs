//! Activation functions `sigma`, their derivatives and properties.
//!
//! These are the scalar reference definitions. The kernels evaluate the same functions over blocks of neurons
//! ([`super::kernel::activation`]).

use crate::choice::choice;
use crate::compute::activation::PIECEWISE_LINEAR;

choice! {
    /// An activation function.
    pub enum Activation: "activation" {
        /// `z`: linear neurons, whose mean-field limit has a closed form.
        Identity = "identity",
        /// `tanh z`.
        Tanh = "tanh",
        /// `erf(z / sqrt 2)`, normalised so that Gaussian averages of products are arcsines (Saad, Solla 1995).
        Erf = "erf",
        /// `1 / (1 + exp(-z))`.
        Sigmoid = "sigmoid",
        /// `max(z, 0)`; derivative 0 at 0.
        Relu = "relu",
        /// `log(1 + exp z)`.
        Softplus = "softplus",
        /// `z Phi(z)` with the normal distribution function (the exact form, not the tanh approximation).
        Gelu = "gelu",
        /// The piecewise-linear function of MMN: -2.5 up to z = 0.5, 7.5 from z = 1.5, linear between.
        PiecewiseLinear = "piecewise-linear",
        /// `exp(-z^2 / 2)`, for bump neurons only ([`super::TwoLayer::bump`]); their first input weight is fixed.
        Bump = "bump",
    }
}

impl Activation {
    /// `sigma(z)`.
    pub fn value(self, z: f64) -> f64 {
        let (t1, t2, s1, s2) = PIECEWISE_LINEAR;
        match self {
            Activation::Identity => z,
            Activation::Tanh => libm::tanh(z),
            Activation::Erf => libm::erf(z * std::f64::consts::FRAC_1_SQRT_2),
            Activation::Sigmoid => 1.0 / (1.0 + libm::exp(-z)),
            Activation::Relu => z.max(0.0),
            Activation::Softplus => z.max(0.0) + libm::log1p(libm::exp(-z.abs())),
            Activation::Gelu => z * normal_distribution(z),
            Activation::PiecewiseLinear => s1 + (s2 - s1) * ((z - t1) / (t2 - t1)).clamp(0.0, 1.0),
            Activation::Bump => libm::exp(-0.5 * z * z),
        }
    }

    /// `sigma'(z)`; at a kink the value from the left.
    pub fn derivative(self, z: f64) -> f64 {
        let (t1, t2, s1, s2) = PIECEWISE_LINEAR;
        match self {
            Activation::Identity => 1.0,
            Activation::Tanh => 1.0 - libm::tanh(z).powi(2),
            Activation::Erf => 2.0 * normal_density(z),
            Activation::Sigmoid => {
                let s = self.value(z);
                s * (1.0 - s)
            }
            Activation::Relu => f64::from(z > 0.0),
            Activation::Softplus => Activation::Sigmoid.value(z),
            Activation::Gelu => normal_distribution(z) + z * normal_density(z),
            Activation::PiecewiseLinear => {
                if z > t1 && z <= t2 {
                    (s2 - s1) / (t2 - t1)
                } else {
                    0.0
                }
            }
            Activation::Bump => -z * libm::exp(-0.5 * z * z),
        }
    }

    /// `sigma''(z)` away from kinks; at a kink 0.
    pub fn second_derivative(self, z: f64) -> f64 {
        self.higher_derivatives(z, self.value(z), self.derivative(z))[0]
    }

    /// `sigma'''(z)` away from kinks; at a kink 0.
    pub fn third_derivative(self, z: f64) -> f64 {
        self.higher_derivatives(z, self.value(z), self.derivative(z))[1]
    }

    /// `[sigma''(z), sigma'''(z)]` from `value` = sigma(z) and `slope` = sigma'(z), which were evaluated before.
    pub fn higher_derivatives(self, z: f64, value: f64, slope: f64) -> [f64; 2] {
        match self {
            Activation::Identity | Activation::Relu | Activation::PiecewiseLinear => [0.0, 0.0],
            Activation::Tanh => [-2.0 * value * slope, slope * (6.0 * value * value - 2.0)],
            Activation::Erf => [-z * slope, (z * z - 1.0) * slope],
            Activation::Sigmoid => [slope * (1.0 - 2.0 * value), slope * (1.0 - 6.0 * slope)],
            // The slope is the logistic function.
            Activation::Softplus => {
                let second = slope * (1.0 - slope);
                [second, second * (1.0 - 2.0 * slope)]
            }
            Activation::Gelu => {
                let density = normal_density(z);
                [(2.0 - z * z) * density, z * (z * z - 4.0) * density]
            }
            Activation::Bump => [(z * z - 1.0) * value, z * (3.0 - z * z) * value],
        }
    }

    /// Whether the derivative jumps, so that the gradient of the potential is not continuous.
    pub const fn has_kink(self) -> bool {
        match self {
            Activation::Relu | Activation::PiecewiseLinear => true,
            Activation::Identity
            | Activation::Tanh
            | Activation::Erf
            | Activation::Sigmoid
            | Activation::Softplus
            | Activation::Gelu
            | Activation::Bump => false,
        }
    }

    /// Whether `sigma(-z) = -sigma(z)`.
    pub const fn is_odd(self) -> bool {
        match self {
            Activation::Identity | Activation::Tanh | Activation::Erf => true,
            Activation::Sigmoid
            | Activation::Relu
            | Activation::Softplus
            | Activation::Gelu
            | Activation::PiecewiseLinear
            | Activation::Bump => false,
        }
    }

    /// The points where `sigma` is not differentiable, in increasing order.
    pub const fn kinks(self) -> &'static [f64] {
        match self {
            Activation::Relu => &[0.0],
            Activation::PiecewiseLinear => &[PIECEWISE_LINEAR.0, PIECEWISE_LINEAR.1],
            Activation::Identity
            | Activation::Tanh
            | Activation::Erf
            | Activation::Sigmoid
            | Activation::Softplus
            | Activation::Gelu
            | Activation::Bump => &[],
        }
    }

    /// Number of leading input weights of a neuron that are fixed at -1: one for bump neurons, otherwise none.
    pub const fn fixed_inputs(self) -> usize {
        match self {
            Activation::Bump => 1,
            Activation::Identity
            | Activation::Tanh
            | Activation::Erf
            | Activation::Sigmoid
            | Activation::Relu
            | Activation::Softplus
            | Activation::Gelu
            | Activation::PiecewiseLinear => 0,
        }
    }
}

/// The standard normal density.
pub(super) fn normal_density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) * (0.5 * std::f64::consts::FRAC_1_SQRT_2 * std::f64::consts::FRAC_2_SQRT_PI)
}

/// The standard normal distribution function, accurate in the left tail.
pub(super) fn normal_distribution(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Choice;

    /// Central differences of order 4 of one derivative are the next.
    #[test]
    fn higher_derivatives_are_those_of_the_lower() {
        let difference = |f: &dyn Fn(f64) -> f64, z: f64| {
            let h = 2e-3;
            (8.0 * (f(z + h) - f(z - h)) - (f(z + 2.0 * h) - f(z - 2.0 * h))) / (12.0 * h)
        };
        for &activation in Activation::ALL {
            for z in (-40..=40).map(|i| 0.1 * f64::from(i) + 0.013) {
                if activation.kinks().iter().any(|kink| (z - kink).abs() < 0.01) {
                    continue;
                }
                let second = difference(&|z| activation.derivative(z), z);
                let third = difference(&|z| activation.second_derivative(z), z);
                let name = activation.name();
                assert!((activation.second_derivative(z) - second).abs() < 1e-9, "{name}'' at {z}");
                assert!((activation.third_derivative(z) - third).abs() < 1e-9, "{name}''' at {z}");
            }
        }
    }
}
