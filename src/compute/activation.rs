//! Activation functions and their derivatives, vectorised over packs.
//!
//! The errors in units in the last place are tabulated in `docs/performance.md`; `tests/kernels.rs` checks them against
//! values of 40 digits. NaN propagates. Where a function differs from its limit by less than rounding, the limit is
//! returned exactly. `f32` is evaluated in `f32`.

use super::exp::{LowPart, exp_absolute, exp_negative, polynomial, reduced_exp};
use super::real::Real;
use super::simd::Simd;

/// `(t1, t2, s1, s2)` of the piecewise-linear activation of Mei, Montanari, Nguyen (2018): `s1` up to `t1`, `s2` from
/// `t2`, linear between.
pub const PIECEWISE_LINEAR: (f64, f64, f64, f64) = (0.5, 1.5, -2.5, 7.5);

/// An activation function over packs. Each function is a type, so that every kernel is compiled once per function.
pub trait ActivationFunction: Copy {
    /// Whether `sigma'` is cheap to compute from `sigma` alone, so that it need not be stored.
    const SLOPE_FROM_VALUE: bool;
    /// `sigma(z)`.
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        Self::value_and_slope(s, z).0
    }
    /// `(sigma(z), sigma'(z))`; the first is bitwise equal to [`ActivationFunction::value`].
    fn value_and_slope<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack);
    /// `sigma'` from `sigma`, bitwise equal to [`ActivationFunction::value_and_slope`]; only where `SLOPE_FROM_VALUE`.
    fn slope_from_value<R: Real, S: Simd<R>>(s: S, value: S::Pack) -> S::Pack;
    /// `(e sigma, e sigma')` from `sigma`, sharing operations between the two; only where `SLOPE_FROM_VALUE`.
    #[inline(always)]
    fn scaled_value_and_slope<R: Real, S: Simd<R>>(s: S, e: S::Pack, value: S::Pack) -> (S::Pack, S::Pack) {
        (s.mul(e, value), s.mul(e, Self::slope_from_value(s, value)))
    }
}

/// Items of a function whose slope follows from its value.
macro_rules! slope_from_value {
    () => {
        const SLOPE_FROM_VALUE: bool = true;
        #[inline(always)]
        fn value_and_slope<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack) {
            let value = Self::value(s, z);
            (value, Self::slope_from_value(s, value))
        }
    };
}

/// Items of a function whose slope is evaluated together with its value.
macro_rules! slope_with_value {
    () => {
        const SLOPE_FROM_VALUE: bool = false;
        #[inline(always)]
        fn slope_from_value<R: Real, S: Simd<R>>(s: S, _value: S::Pack) -> S::Pack {
            s.splat(R::of(f64::NAN))
        }
    };
}

/// `z`.
#[derive(Clone, Copy)]
pub struct Identity;
impl ActivationFunction for Identity {
    slope_from_value!();
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(_s: S, z: S::Pack) -> S::Pack {
        z
    }
    #[inline(always)]
    fn slope_from_value<R: Real, S: Simd<R>>(s: S, _value: S::Pack) -> S::Pack {
        s.splat(R::one())
    }
}

/// `tanh z`, evaluated as `expm1(2|z|) / (expm1(2|z|) + 2)` with the sign of z.
#[derive(Clone, Copy)]
pub struct Tanh;
impl ActivationFunction for Tanh {
    slope_from_value!();
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        let magnitude = s.abs(z);
        let y = s.min(s.splat(R::TANH_MAX), s.add(magnitude, magnitude));
        // The low part of ln 2 would change the result by less than a sixteenth of a unit in the last place: tanh is
        // flat where k is large.
        let (shifted, p) = reduced_exp(s, y, LowPart::Ignored);
        let scale = s.exponent(shifted, R::BIAS);
        let expm1 = s.fma(scale, p, s.sub(scale, s.splat(R::one())));
        s.copysign(s.div(expm1, s.add(expm1, s.splat(R::of(2.0)))), z)
    }
    #[inline(always)]
    fn slope_from_value<R: Real, S: Simd<R>>(s: S, value: S::Pack) -> S::Pack {
        s.fnma(value, value, s.splat(R::one()))
    }
    #[inline(always)]
    fn scaled_value_and_slope<R: Real, S: Simd<R>>(s: S, e: S::Pack, value: S::Pack) -> (S::Pack, S::Pack) {
        let scaled = s.mul(e, value);
        (scaled, s.fnma(scaled, value, e))
    }
}

/// `1 / (1 + exp(-z))`, evaluated through `exp(-|z|)`, so that both tails are accurate.
#[derive(Clone, Copy)]
pub struct Sigmoid;
impl ActivationFunction for Sigmoid {
    slope_from_value!();
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        let e = exp_negative(s, negative_abs(s, z), LowPart::Zero);
        let one = s.splat(R::one());
        s.div(s.select_less(z, s.splat(R::zero()), e, one), s.add(one, e))
    }
    #[inline(always)]
    fn slope_from_value<R: Real, S: Simd<R>>(s: S, value: S::Pack) -> S::Pack {
        s.fnma(value, value, value)
    }
    #[inline(always)]
    fn scaled_value_and_slope<R: Real, S: Simd<R>>(s: S, e: S::Pack, value: S::Pack) -> (S::Pack, S::Pack) {
        let scaled = s.mul(e, value);
        (scaled, s.fnma(scaled, value, scaled))
    }
}

/// `max(z, 0)`; slope 0 at 0.
#[derive(Clone, Copy)]
pub struct Relu;
impl ActivationFunction for Relu {
    slope_from_value!();
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        s.max(s.splat(R::zero()), z)
    }
    #[inline(always)]
    fn slope_from_value<R: Real, S: Simd<R>>(s: S, value: S::Pack) -> S::Pack {
        let zero = s.splat(R::zero());
        s.select_less(zero, value, s.splat(R::one()), zero)
    }
}

/// `erf(z / sqrt 2)`, evaluated as `z P(z^2) / Q(z^2)` with one rational function over the whole range; slope
/// `sqrt(2/pi) exp(-z^2/2)`.
#[derive(Clone, Copy)]
pub struct Erf;
impl ActivationFunction for Erf {
    slope_with_value!();
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        let bounded = s.min(s.splat(R::ERF_MAX), s.abs(z));
        let u = s.mul(bounded, bounded);
        let (p, q) = (polynomial(s, R::ERF.0, u), polynomial(s, R::ERF.1, u));
        // In the tail the quotient may round to one unit in the last place above 1.
        let magnitude = s.min(s.splat(R::one()), s.div(s.mul(bounded, p), q));
        s.copysign(magnitude, z)
    }
    #[inline(always)]
    fn value_and_slope<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack) {
        let density = R::of(std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
        (Self::value(s, z), exp_absolute(s, s.mul(s.mul(s.splat(R::of(-0.5)), z), z), density))
    }
}

/// `max(z, 0) + log(1 + exp(-|z|))`; slope: the logistic function.
#[derive(Clone, Copy)]
pub struct Softplus;
impl ActivationFunction for Softplus {
    slope_with_value!();
    #[inline(always)]
    fn value_and_slope<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack) {
        let (one, zero) = (s.splat(R::one()), s.splat(R::zero()));
        let e = exp_negative(s, negative_abs(s, z), LowPart::Zero);
        // log(1 + e) = 2 atanh(e / (2 + e)).
        let t = s.div(e, s.add(e, s.splat(R::of(2.0))));
        let square = s.mul(t, t);
        let tail = s.mul(s.mul(t, square), polynomial(s, R::LOG1P, square));
        let value = s.add(s.max(zero, z), s.add(s.add(t, t), tail));
        (value, s.div(s.select_less(z, zero, e, one), s.add(one, e)))
    }
}

/// `z Phi(z)` with the normal distribution function, evaluated through its tail `Phi(-|z|) = exp(-z^2/2) R(|z|)`; slope
/// `Phi(z) + z phi(z)`.
#[derive(Clone, Copy)]
pub struct Gelu;
impl ActivationFunction for Gelu {
    slope_with_value!();
    #[inline(always)]
    fn value_and_slope<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack) {
        let (one, four) = (s.splat(R::one()), s.splat(R::of(4.0)));
        // The tail is zero beyond the bound. Clamping gives -0 and not NaN at -inf.
        let z = s.max(s.splat(-R::TAIL_MAX), z);
        let x = s.min(s.splat(R::TAIL_MAX), s.abs(z));
        let gaussian = gaussian(s, z);
        let t = s.div(s.sub(x, four), s.add(x, four));
        let (scaled, denominator) = (s.mul(gaussian, polynomial(s, R::TAIL, t)), s.add(one, x));
        let (tail, zero) = (s.div(scaled, denominator), s.splat(R::zero()));
        let phi = s.select_less(z, zero, tail, s.sub(one, tail));
        // For negative z the factor z is applied before the tail is rounded, as the tail may be subnormal.
        let value = s.select_less(z, zero, s.div(s.mul(z, scaled), denominator), s.mul(z, phi));
        let density = 0.5 * std::f64::consts::FRAC_1_SQRT_2 * std::f64::consts::FRAC_2_SQRT_PI;
        let bounded = s.min(s.splat(R::TAIL_MAX), z);
        (value, s.fma(bounded, s.mul(s.splat(R::of(density)), gaussian), phi))
    }
}

/// The piecewise-linear function of Mei, Montanari, Nguyen (2018) with the constants [`PIECEWISE_LINEAR`]; the slope at
/// a kink is that from the left.
#[derive(Clone, Copy)]
pub struct PiecewiseLinear;
impl ActivationFunction for PiecewiseLinear {
    slope_with_value!();
    #[inline(always)]
    fn value_and_slope<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack) {
        let (t1, t2, s1, s2) = PIECEWISE_LINEAR;
        let [t1, t2, s1, s2, slope, zero] = [t1, t2, s1, s2, (s2 - s1) / (t2 - t1), 0.0].map(|v| s.splat(R::of(v)));
        let value = s.fma(slope, s.sub(z, t1), s1);
        let value = s.min(s2, s.max(s1, value));
        (value, s.select_less(t1, z, s.select_less(t2, z, zero, slope), zero))
    }
}

/// `exp(-z^2 / 2)`.
#[derive(Clone, Copy)]
pub struct Bump;
impl ActivationFunction for Bump {
    slope_with_value!();
    #[inline(always)]
    fn value_and_slope<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack) {
        let value = gaussian(s, z);
        // The value is zero beyond the bound. Clamping gives zero and not NaN at an infinity.
        let bounded = s.min(s.splat(R::TAIL_MAX), s.max(s.splat(-R::TAIL_MAX), z));
        (value, s.mul(s.sub(s.splat(R::zero()), bounded), value))
    }
}

/// `-|z|`.
#[inline(always)]
fn negative_abs<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
    s.sub(s.splat(R::zero()), s.abs(z))
}

/// `exp(-z^2 / 2)`, corrected for the rounding error of the square.
#[inline(always)]
fn gaussian<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
    let half = s.splat(R::of(-0.5));
    let x = s.min(s.splat(R::TAIL_MAX), s.abs(z));
    let square = s.mul(x, x);
    let error = s.square_error(x, square);
    exp_negative(s, s.mul(half, square), LowPart::Value(s.mul(half, error)))
}
