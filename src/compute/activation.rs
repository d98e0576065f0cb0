//! Activation functions and their slopes over packs.
//!
//! Largest errors in units in the last place, against 40 digits (`tests/kernels.rs` holds them to the limits of the
//! table in `docs/performance.md`). NaN stays NaN; outside the range where they vary the functions are exactly at their
//! limits. `f32` is evaluated in `f32`.

use super::exp::{Low, exp_absolute, exp_negative, exp_parts, polynomial};
use super::real::Real;
use super::simd::Simd;

/// Break points `t1, t2` and plateau values `s1, s2` of the piecewise-linear activation of Mei, Montanari, Nguyen (2018).
pub const PLATEAU: (f64, f64, f64, f64) = (0.5, 1.5, -2.5, 7.5);

/// An activation function over packs. One type each, so that every kernel is compiled once per function.
pub trait Function: Copy {
    /// Whether `sigma'` is a function of `sigma` alone that costs a few operations, so that it need not be kept.
    const SLOPE_FROM_VALUE: bool;
    /// `sigma(z)`.
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        Self::both(s, z).0
    }
    /// `(sigma(z), sigma'(z))`, the first the same bits as [`Function::value`].
    fn both<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack);
    /// `sigma'` from `sigma`, the same bits as [`Function::both`]; only where `SLOPE_FROM_VALUE`.
    fn slope<R: Real, S: Simd<R>>(s: S, value: S::Pack) -> S::Pack;
    /// `(e sigma, e sigma')` from `sigma`, by fewer operations than one after the other; only where `SLOPE_FROM_VALUE`.
    #[inline(always)]
    fn pull<R: Real, S: Simd<R>>(s: S, e: S::Pack, value: S::Pack) -> (S::Pack, S::Pack) {
        (s.mul(e, value), s.mul(e, Self::slope(s, value)))
    }
}

/// A function whose slope follows from its value.
macro_rules! from_value {
    () => {
        const SLOPE_FROM_VALUE: bool = true;
        #[inline(always)]
        fn both<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack) {
            let value = Self::value(s, z);
            (value, Self::slope(s, value))
        }
    };
}

/// A function whose slope is evaluated together with its value.
macro_rules! together {
    () => {
        const SLOPE_FROM_VALUE: bool = false;
        #[inline(always)]
        fn slope<R: Real, S: Simd<R>>(s: S, _value: S::Pack) -> S::Pack {
            s.splat(R::of(f64::NAN))
        }
    };
}

/// `z`.
#[derive(Clone, Copy)]
pub struct Identity;
impl Function for Identity {
    from_value!();
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(_s: S, z: S::Pack) -> S::Pack {
        z
    }
    #[inline(always)]
    fn slope<R: Real, S: Simd<R>>(s: S, _value: S::Pack) -> S::Pack {
        s.splat(R::one())
    }
}

/// `tanh z = expm1(2|z|) / (expm1(2|z|) + 2)` with the sign of z.
#[derive(Clone, Copy)]
pub struct Tanh;
impl Function for Tanh {
    from_value!();
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        let size = s.abs(z);
        let y = s.min(s.splat(R::TANH_MAX), s.add(size, size));
        // The rest of ln 2 would move the result by less than a sixteenth of a unit in the last place: where k is large, tanh
        // is flat.
        let (shifted, p) = exp_parts(s, y, Low::Ignored);
        let scale = s.exponent(shifted, R::BIAS);
        let expm1 = s.fma(scale, p, s.sub(scale, s.splat(R::one())));
        s.copysign(s.div(expm1, s.add(expm1, s.splat(R::of(2.0)))), z)
    }
    #[inline(always)]
    fn slope<R: Real, S: Simd<R>>(s: S, value: S::Pack) -> S::Pack {
        s.fnma(value, value, s.splat(R::one()))
    }
    #[inline(always)]
    fn pull<R: Real, S: Simd<R>>(s: S, e: S::Pack, value: S::Pack) -> (S::Pack, S::Pack) {
        let pulled = s.mul(e, value);
        (pulled, s.fnma(pulled, value, e))
    }
}

/// `1 / (1 + exp(-z))`, by the side on which the exponential is small, so that both tails keep their digits.
#[derive(Clone, Copy)]
pub struct Sigmoid;
impl Function for Sigmoid {
    from_value!();
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        let e = exp_negative(s, minus_abs(s, z), Low::Zero);
        let one = s.splat(R::one());
        s.div(s.select_less(z, s.splat(R::zero()), e, one), s.add(one, e))
    }
    #[inline(always)]
    fn slope<R: Real, S: Simd<R>>(s: S, value: S::Pack) -> S::Pack {
        s.fnma(value, value, value)
    }
    #[inline(always)]
    fn pull<R: Real, S: Simd<R>>(s: S, e: S::Pack, value: S::Pack) -> (S::Pack, S::Pack) {
        let pulled = s.mul(e, value);
        (pulled, s.fnma(pulled, value, pulled))
    }
}

/// `max(z, 0)`; slope 0 at 0.
#[derive(Clone, Copy)]
pub struct Relu;
impl Function for Relu {
    from_value!();
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        s.max(s.splat(R::zero()), z)
    }
    #[inline(always)]
    fn slope<R: Real, S: Simd<R>>(s: S, value: S::Pack) -> S::Pack {
        let zero = s.splat(R::zero());
        s.select_less(zero, value, s.splat(R::one()), zero)
    }
}

/// `erf(z / sqrt 2) = z P(z^2) / Q(z^2)`, one rational function over the whole range; slope `sqrt(2/pi) exp(-z^2/2)`.
#[derive(Clone, Copy)]
pub struct Erf;
impl Function for Erf {
    together!();
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        let bounded = s.min(s.splat(R::ERF_MAX), s.abs(z));
        let u = s.mul(bounded, bounded);
        let (p, q) = (polynomial(s, R::ERF.0, u), polynomial(s, R::ERF.1, u));
        // Rounding may carry the quotient a unit above 1 in the tail.
        let size = s.min(s.splat(R::one()), s.div(s.mul(bounded, p), q));
        s.copysign(size, z)
    }
    #[inline(always)]
    fn both<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack) {
        let density = R::of(std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
        (Self::value(s, z), exp_absolute(s, s.mul(s.mul(s.splat(R::of(-0.5)), z), z), density))
    }
}

/// `max(z, 0) + log(1 + exp(-|z|))`; slope: the logistic function.
#[derive(Clone, Copy)]
pub struct Softplus;
impl Function for Softplus {
    together!();
    #[inline(always)]
    fn both<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack) {
        let (one, zero) = (s.splat(R::one()), s.splat(R::zero()));
        let e = exp_negative(s, minus_abs(s, z), Low::Zero);
        // log(1 + e) = 2 atanh(e / (2 + e)).
        let t = s.div(e, s.add(e, s.splat(R::of(2.0))));
        let square = s.mul(t, t);
        let tail = s.mul(s.mul(t, square), polynomial(s, R::LOG1P, square));
        let value = s.add(s.max(zero, z), s.add(s.add(t, t), tail));
        (value, s.div(s.select_less(z, zero, e, one), s.add(one, e)))
    }
}

/// `z Phi(z)` by the tail `Phi(-|z|) = exp(-z^2/2) R(|z|)`; slope `Phi(z) + z phi(z)`.
#[derive(Clone, Copy)]
pub struct Gelu;
impl Function for Gelu {
    together!();
    #[inline(always)]
    fn both<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack) {
        let (one, four) = (s.splat(R::one()), s.splat(R::of(4.0)));
        // Beyond the bound the tail is zero; bounded so that -inf gives -0 and not NaN.
        let z = s.max(s.splat(-R::TAIL_MAX), z);
        let x = s.min(s.splat(R::TAIL_MAX), s.abs(z));
        let bell = bell(s, z);
        let t = s.div(s.sub(x, four), s.add(x, four));
        let (scaled, below) = (s.mul(bell, polynomial(s, R::TAIL, t)), s.add(one, x));
        let (tail, zero) = (s.div(scaled, below), s.splat(R::zero()));
        let phi = s.select_less(z, zero, tail, s.sub(one, tail));
        // On the left z comes in before the tail is rounded to what may be a subnormal number.
        let value = s.select_less(z, zero, s.div(s.mul(z, scaled), below), s.mul(z, phi));
        let density = 0.5 * std::f64::consts::FRAC_1_SQRT_2 * std::f64::consts::FRAC_2_SQRT_PI;
        let bounded = s.min(s.splat(R::TAIL_MAX), z);
        (value, s.fma(bounded, s.mul(s.splat(R::of(density)), bell), phi))
    }
}

/// MMN's piecewise-linear function; slope from the left at its kinks.
#[derive(Clone, Copy)]
pub struct PiecewiseLinear;
impl Function for PiecewiseLinear {
    together!();
    #[inline(always)]
    fn both<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack) {
        let (t1, t2, s1, s2) = PLATEAU;
        let [t1, t2, s1, s2, slope, zero] = [t1, t2, s1, s2, (s2 - s1) / (t2 - t1), 0.0].map(|v| s.splat(R::of(v)));
        let value = s.fma(slope, s.sub(z, t1), s1);
        let value = s.min(s2, s.max(s1, value));
        (value, s.select_less(t1, z, s.select_less(t2, z, zero, slope), zero))
    }
}

/// `exp(-z^2 / 2)`.
#[derive(Clone, Copy)]
pub struct Bump;
impl Function for Bump {
    together!();
    #[inline(always)]
    fn both<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> (S::Pack, S::Pack) {
        let value = bell(s, z);
        // Beyond the bound the bell is zero; bounded so that an infinity gives zero and not NaN.
        let bounded = s.min(s.splat(R::TAIL_MAX), s.max(s.splat(-R::TAIL_MAX), z));
        (value, s.mul(s.sub(s.splat(R::zero()), bounded), value))
    }
}

#[inline(always)]
fn minus_abs<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
    s.sub(s.splat(R::zero()), s.abs(z))
}

/// `exp(-z^2 / 2)`, with the rounding error of the square put back.
#[inline(always)]
fn bell<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
    let half = s.splat(R::of(-0.5));
    let x = s.min(s.splat(R::TAIL_MAX), s.abs(z));
    let square = s.mul(x, x);
    let rest = s.square_rest(x, square);
    exp_negative(s, s.mul(half, square), Low::Rest(s.mul(half, rest)))
}
