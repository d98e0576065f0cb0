//! Functions of every entry of an array, over packs: activations, and the exponential of the softmax.

use crate::compute::activation::{ActivationFunction, Gelu, Relu, Sigmoid, Tanh};
use crate::compute::exp::{LowPart, exp_negative};
use crate::compute::{Interleaved, Job, Real, Simd};
use std::marker::PhantomData;

/// Packs whose functions are evaluated in alternation.
const PACKS: usize = 4;
/// Most lanes of a pack.
pub(super) const MAX_LANES: usize = 16;

/// The activation of a perceptron by its name in configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationKind {
    /// `z Phi(z)`.
    Gelu,
    /// `z (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))) / 2`.
    GeluTanh,
    /// `max(z, 0)`.
    Relu,
    /// `z / (1 + exp(-z))`.
    Silu,
}

impl ActivationKind {
    /// The names, separated by commas.
    pub const NAMES: &str = "gelu, gelu_new, gelu_pytorch_tanh, relu, silu or swish";

    /// The activation of this name.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "gelu" => Some(ActivationKind::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" => Some(ActivationKind::GeluTanh),
            "relu" => Some(ActivationKind::Relu),
            "silu" | "swish" => Some(ActivationKind::Silu),
            _ => None,
        }
    }

    /// Applies the activation to every value.
    pub fn apply<R: Real>(self, values: &mut [R]) {
        match self {
            ActivationKind::Gelu => apply::<R, ErfGelu>(values),
            ActivationKind::GeluTanh => apply::<R, TanhGelu>(values),
            ActivationKind::Relu => apply::<R, Rectifier>(values),
            ActivationKind::Silu => apply::<R, Swish>(values),
        }
    }

    /// Replaces every value by the derivative of the activation there; that of ReLU at 0 is 0.
    pub fn slopes<R: Real>(self, values: &mut [R]) {
        match self {
            ActivationKind::Gelu => apply::<R, ErfGeluSlope>(values),
            ActivationKind::GeluTanh => apply::<R, TanhGeluSlope>(values),
            ActivationKind::Relu => apply::<R, RectifierSlope>(values),
            ActivationKind::Silu => apply::<R, SwishSlope>(values),
        }
    }
}

/// Replaces every value, none of which is positive, by its exponential.
pub(super) fn exponentials<R: Real>(values: &mut [R]) {
    apply::<R, NegativeExp>(values);
}

fn apply<R: Real, F: PackFunction>(values: &mut [R]) {
    R::vectorize(Entries::<R, F> { values, function: PhantomData });
}

/// A function over packs.
trait PackFunction {
    /// The function of every lane.
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack;
}

struct ErfGelu;
impl PackFunction for ErfGelu {
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        Gelu::value(s, z)
    }
}

struct ErfGeluSlope;
impl PackFunction for ErfGeluSlope {
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        Gelu::value_and_slope(s, z).1
    }
}

/// `sqrt(2/pi)`.
const ROOT: f64 = 0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::SQRT_2;
/// The coefficient of the cube in the approximation of GELU.
const CUBE: f64 = 0.044715;

/// `tanh(sqrt(2/pi) (z + 0.044715 z^3))`.
#[inline(always)]
fn gelu_tanh<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
    let cubic = s.mul(s.splat(R::of(CUBE)), s.mul(z, s.mul(z, z)));
    Tanh::value(s, s.mul(s.splat(R::of(ROOT)), s.add(z, cubic)))
}

struct TanhGelu;
impl PackFunction for TanhGelu {
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        s.mul(s.mul(s.splat(R::of(0.5)), z), s.add(s.splat(R::one()), gelu_tanh(s, z)))
    }
}

struct TanhGeluSlope;
impl PackFunction for TanhGeluSlope {
    /// `((1 + t) + z (1 - t^2) u') / 2`, where `t = tanh u` and `u' = sqrt(2/pi) (1 + 3 * 0.044715 z^2)`.
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        let (t, one) = (gelu_tanh(s, z), s.splat(R::one()));
        let inner = s.mul(s.splat(R::of(ROOT)), s.fma(s.splat(R::of(3.0 * CUBE)), s.mul(z, z), one));
        let through = s.mul(s.mul(z, inner), Tanh::slope_from_value(s, t));
        s.mul(s.splat(R::of(0.5)), s.add(s.add(one, t), through))
    }
}

struct Rectifier;
impl PackFunction for Rectifier {
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        Relu::value(s, z)
    }
}

struct RectifierSlope;
impl PackFunction for RectifierSlope {
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        Relu::value_and_slope(s, z).1
    }
}

struct Swish;
impl PackFunction for Swish {
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        s.mul(z, Sigmoid::value(s, z))
    }
}

struct SwishSlope;
impl PackFunction for SwishSlope {
    /// `p + z p (1 - p)`, where `p = 1 / (1 + exp(-z))`.
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        let p = Sigmoid::value(s, z);
        s.fma(z, Sigmoid::slope_from_value(s, p), p)
    }
}

struct NegativeExp;
impl PackFunction for NegativeExp {
    #[inline(always)]
    fn value<R: Real, S: Simd<R>>(s: S, z: S::Pack) -> S::Pack {
        exp_negative(s, z, LowPart::Zero)
    }
}

/// The entries of an array, and the function that replaces them.
struct Entries<'a, R, F> {
    values: &'a mut [R],
    function: PhantomData<F>,
}

impl<R: Real, F: PackFunction> Job<R> for Entries<'_, R, F> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let interleaved = Interleaved::<S, PACKS>(s);
        let mut whole = self.values.chunks_exact_mut(PACKS * S::LANES);
        for values in &mut whole {
            interleaved.store(F::value(interleaved, interleaved.load(values)), values);
        }
        for rest in whole.into_remainder().chunks_mut(S::LANES) {
            let mut padded = [R::zero(); MAX_LANES];
            padded[..rest.len()].copy_from_slice(rest);
            s.store(F::value(s, s.load(&padded)), &mut padded);
            rest.copy_from_slice(&padded[..rest.len()]);
        }
    }
}
