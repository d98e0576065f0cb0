//! Activations over slices of pre-activations, branch-free so that the compiler can vectorise them.
//!
//! Everything is evaluated in `f64` and rounded once for `f32`. `exp` follows the classical scheme: reduce to
//! `|r| <= ln 2 / 2` by a rounded multiple of `ln 2` held in two parts (Cody, Waite 1980), a minimax polynomial for
//! `(exp r - 1 - r) / r^2`, and a scaling through the exponent bits. NaN stays NaN.

use crate::network::activation::{PLATEAU, normal_density, normal_distribution};
use crate::network::{Activation, Real};

/// `(exp r - 1 - r) / r^2` on `|r| <= ln 2 / 2`, relative error 3.9e-17, constant term first.
const EXP: [f64; 10] = [
    0.5000000000000001,
    0.16666666666666669,
    0.04166666666662413,
    0.008333333333330062,
    0.0013888888917213717,
    0.00019841269863053618,
    2.4801521295954376e-05,
    2.7557268459997064e-06,
    2.7620088445409746e-07,
    2.510038549551032e-08,
];
/// `ln 2` to 32 bits and the rest: a multiple below 2^20 of the first is exact.
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Adding and subtracting it rounds to an integer and leaves the integer in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// Replaces every `z` by `sigma(z)`.
#[inline(always)]
pub fn value<R: Real>(activation: Activation, z: &mut [R]) {
    match activation {
        Activation::Identity => {}
        Activation::Tanh => map(z, tanh),
        Activation::Erf => map(z, |z| Activation::Erf.value(z)),
        Activation::Sigmoid => map(z, sigmoid),
        Activation::Relu => map(z, relu),
        Activation::Softplus => map(z, |z| Activation::Softplus.value(z)),
        Activation::Gelu => map(z, |z| Activation::Gelu.value(z)),
        Activation::PiecewiseLinear => map(z, |z| plateau(z).0),
    }
}

/// Replaces every `z` by `sigma(z)` and writes `sigma'(z)` into `slope`.
#[inline(always)]
pub fn value_and_derivative<R: Real>(activation: Activation, z: &mut [R], slope: &mut [R]) {
    match activation {
        Activation::Identity => slope.fill(R::one()),
        Activation::Tanh => map_two(z, slope, |z| {
            let s = tanh(z);
            (s, s.mul_add(-s, 1.0))
        }),
        Activation::Erf => map_two(z, slope, |z| (Activation::Erf.value(z), Activation::Erf.derivative(z))),
        Activation::Sigmoid => map_two(z, slope, |z| {
            let s = sigmoid(z);
            (s, s * (1.0 - s))
        }),
        Activation::Relu => map_two(z, slope, |z| (relu(z), if z > 0.0 { 1.0 } else { 0.0 })),
        Activation::Softplus => map_two(z, slope, |z| (Activation::Softplus.value(z), sigmoid(z))),
        Activation::Gelu => map_two(z, slope, |z| {
            let phi = normal_distribution(z);
            (z * phi, phi + z * normal_density(z))
        }),
        Activation::PiecewiseLinear => map_two(z, slope, plateau),
    }
}

#[inline(always)]
fn map<R: Real>(z: &mut [R], f: impl Fn(f64) -> f64) {
    for z in z {
        *z = R::of(f(z.wide()));
    }
}

#[inline(always)]
fn map_two<R: Real>(z: &mut [R], slope: &mut [R], f: impl Fn(f64) -> (f64, f64)) {
    for (z, slope) in z.iter_mut().zip(slope) {
        let (value, derivative) = f(z.wide());
        *z = R::of(value);
        *slope = R::of(derivative);
    }
}

/// `(2^k, exp(r) - 1)` with `y = k ln 2 + r`; `|y| < 708`.
#[inline(always)]
fn exp_parts(y: f64) -> (f64, f64) {
    let shifted = y.mul_add(std::f64::consts::LOG2_E, ROUND);
    let k = shifted - ROUND;
    let r = k.mul_add(-LN2_LOW, k.mul_add(-LN2_HIGH, y));
    let mut q = EXP[9];
    for c in EXP[..9].iter().rev() {
        q = q.mul_add(r, *c);
    }
    // The low bits of `shifted` hold k in two's complement, so this is the bit pattern of 2^k.
    let scale = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    (scale, (r * r).mul_add(q, r))
}

/// `tanh z = expm1(2|z|) / (expm1(2|z|) + 2)` with the sign of z; exactly +-1 beyond 20.
#[inline(always)]
fn tanh(z: f64) -> f64 {
    let y = 2.0 * z.abs();
    let y = if y > 40.0 { 40.0 } else { y };
    let (scale, p) = exp_parts(y);
    let expm1 = scale.mul_add(p, scale - 1.0);
    (expm1 / (expm1 + 2.0)).copysign(z)
}

/// `1 / (1 + exp(-z))`, by the side on which the exponential is small, so that both tails keep their digits.
#[inline(always)]
fn sigmoid(z: f64) -> f64 {
    let y = -z.abs();
    let y = if y < -700.0 { -700.0 } else { y };
    let (scale, p) = exp_parts(y);
    let e = scale.mul_add(p, scale);
    let small = e / (1.0 + e);
    if z > 0.0 { 1.0 - small } else { small }
}

#[inline(always)]
fn relu(z: f64) -> f64 {
    if z < 0.0 { 0.0 } else { z }
}

/// MMN's piecewise-linear activation and its derivative.
#[inline(always)]
fn plateau(z: f64) -> (f64, f64) {
    let (t1, t2, s1, s2) = PLATEAU;
    let slope = (s2 - s1) / (t2 - t1);
    let value = slope.mul_add(z - t1, s1);
    let value = if value < s1 { s1 } else { value };
    (if value > s2 { s2 } else { value }, if z > t1 && z <= t2 { slope } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both evaluations, relative to the scalar library's, over the range where the functions vary, and at its ends.
    #[test]
    fn agrees_with_the_scalar_definitions_to_rounding() {
        for &(name, activation) in Activation::NAMES {
            for i in -40_000..=40_000 {
                let z = f64::from(i) * 1.07e-3;
                let (mut value_alone, mut value_with, mut slope) = ([z], [z], [0.0]);
                value(activation, &mut value_alone);
                value_and_derivative(activation, &mut value_with, &mut slope);
                assert_eq!(value_alone[0].to_bits(), value_with[0].to_bits(), "{name} at {z}");
                let (exact, derivative) = (activation.value(z), activation.derivative(z));
                // The piecewise-linear function crosses zero on a slope of 10: rounding there is relative to the plateau.
                let scale = if activation == Activation::PiecewiseLinear { 10.0 } else { exact.abs().max(1e-290) };
                assert!((value_alone[0] - exact).abs() <= 8e-16 * scale, "{name} at {z}");
                assert!((slope[0] - derivative).abs() <= 8e-16, "{name}' at {z}: {} {derivative}", slope[0]);
            }
        }
    }

    #[test]
    fn nan_stays_nan_and_infinities_saturate() {
        for &(name, activation) in Activation::NAMES {
            let (mut z, mut slope) = ([f64::NAN, f64::INFINITY, -1e300], [0.0; 3]);
            value_and_derivative(activation, &mut z, &mut slope);
            assert!(z[0].is_nan(), "{name}");
            assert!(!z[1].is_nan() && !z[2].is_nan(), "{name}: {z:?}");
        }
    }
}
