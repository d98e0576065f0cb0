//! Dispatch from an [`Activation`] to its function over packs ([`crate::compute::activation`]).

use crate::compute::activation::ActivationFunction;
use crate::compute::{Interleaved, Job, Pass, Real, Simd};
use crate::network::Activation;
use std::marker::PhantomData;

/// Evaluates an expression in which `$f` is the type that stands for the activation function.
macro_rules! match_activation {
    ($activation:expr, $f:ident => $body:expr, $($($name:ident)|+ => $function:ident,)+) => {
        match $activation {$(
            $($crate::network::Activation::$name)|+ => {
                type $f = $crate::compute::activation::$function;
                $body
            }
        )+}
    };
}
pub(super) use match_activation;

/// Evaluates an expression in which `$f` is the type of the activation function.
macro_rules! with_activation {
    ($activation:expr, $f:ident => $body:expr) => {
        $crate::network::kernel::activation::match_activation!($activation, $f => $body,
            Identity => Identity,
            Tanh => Tanh,
            Erf => Erf,
            Sigmoid => Sigmoid,
            Relu => Relu,
            Softplus => Softplus,
            Gelu => Gelu,
            PiecewiseLinear => PiecewiseLinear,
            Bump => Bump,
        )
    };
}
pub(super) use with_activation;

/// Evaluates an expression in which `$f` is a type whose slopes are those of the activation function, given the kept
/// values and slopes. Where the slopes are kept, the function itself is not evaluated, and one type stands for all.
macro_rules! with_slope {
    ($activation:expr, $f:ident => $body:expr) => {
        $crate::network::kernel::activation::match_activation!($activation, $f => $body,
            Identity => Identity,
            Tanh => Tanh,
            Sigmoid => Sigmoid,
            Relu => Relu,
            Erf | Softplus | Gelu | PiecewiseLinear | Bump => Erf,
        )
    };
}
pub(super) use with_slope;

/// Whether the slope of the function follows from its value, so that only values are kept.
pub(super) fn slope_follows_from_value(activation: Activation) -> bool {
    with_activation!(activation, F => F::SLOPE_FROM_VALUE)
}

/// Packs that are evaluated in alternation.
const PACKS: usize = 4;

/// Replaces every `z` by `sigma(z)`.
pub fn value<R: Real>(activation: Activation, z: &mut [R]) {
    R::dispatch(SlicePass { activation, z, slope: None });
}

/// Replaces every `z` by `sigma(z)` and writes `sigma'(z)` to `slope`.
///
/// # Panics
/// If the lengths differ.
pub fn value_and_derivative<R: Real>(activation: Activation, z: &mut [R], slope: &mut [R]) {
    R::dispatch(SlicePass { activation, z, slope: Some(slope) });
}

/// The evaluation of an activation over a slice.
struct SlicePass<'a, R> {
    activation: Activation,
    z: &'a mut [R],
    /// The slopes, if they are computed.
    slope: Option<&'a mut [R]>,
}

impl<R: Real> Pass<R> for SlicePass<'_, R> {
    fn run<S: Simd<R>>(self, simd: S) {
        let SlicePass { activation, z, slope } = self;
        with_activation!(activation, F => match slope {
            None => simd.vectorize(ValueJob::<R, F> { z, function: PhantomData }),
            Some(slope) => {
                assert_eq!(z.len(), slope.len());
                simd.vectorize(SlopeJob::<R, F> { z, slope, function: PhantomData });
            }
        });
    }
}

/// The values of one function, compiled for each instruction set.
struct ValueJob<'a, R, F> {
    z: &'a mut [R],
    function: PhantomData<F>,
}

impl<R: Real, F: ActivationFunction> Job<R> for ValueJob<'_, R, F> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let interleaved = Interleaved::<S, PACKS>(s);
        let mut whole = self.z.chunks_exact_mut(PACKS * S::LANES);
        for z in &mut whole {
            interleaved.store(F::value(interleaved, interleaved.load(z)), z);
        }
        for z in whole.into_remainder().chunks_mut(S::LANES) {
            let mut buffer = [R::zero(); 16];
            buffer[..z.len()].copy_from_slice(z);
            s.store(F::value(s, s.load(&buffer)), &mut buffer);
            z.copy_from_slice(&buffer[..z.len()]);
        }
    }
}

/// The values and slopes of one function, compiled for each instruction set.
struct SlopeJob<'a, R, F> {
    z: &'a mut [R],
    slope: &'a mut [R],
    function: PhantomData<F>,
}

impl<R: Real, F: ActivationFunction> Job<R> for SlopeJob<'_, R, F> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let interleaved = Interleaved::<S, PACKS>(s);
        let mut whole = self.z.chunks_exact_mut(PACKS * S::LANES);
        let mut slopes = self.slope.chunks_exact_mut(PACKS * S::LANES);
        for (z, slope) in (&mut whole).zip(&mut slopes) {
            let (v, d) = F::value_and_slope(interleaved, interleaved.load(z));
            interleaved.store(v, z);
            interleaved.store(d, slope);
        }
        let rest = whole.into_remainder().chunks_mut(S::LANES).zip(slopes.into_remainder().chunks_mut(S::LANES));
        for (z, slope) in rest {
            let mut buffer = [R::zero(); 16];
            buffer[..z.len()].copy_from_slice(z);
            let (v, d) = F::value_and_slope(s, s.load(&buffer));
            s.store(v, &mut buffer);
            z.copy_from_slice(&buffer[..z.len()]);
            s.store(d, &mut buffer);
            slope.copy_from_slice(&buffer[..slope.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Choice;

    /// The two evaluations against the scalar definitions, over the range where the functions vary.
    #[test]
    fn agrees_with_the_scalar_definitions_to_rounding() {
        for &activation in Activation::ALL {
            let name = activation.name();
            let z: Vec<f64> = (-40_000..=40_000).map(|i| f64::from(i) * 1.07e-3).collect();
            let (mut alone, mut with, mut slope) = (z.clone(), z.clone(), vec![0.0; z.len()]);
            value(activation, &mut alone);
            value_and_derivative(activation, &mut with, &mut slope);
            for (i, &z) in z.iter().enumerate() {
                assert_eq!(alone[i].to_bits(), with[i].to_bits(), "{name} at {z}");
                let (exact, derivative) = (activation.value(z), activation.derivative(z));
                // The piecewise-linear function crosses zero with slope 10, where its error is relative to its range.
                let scale = if activation == Activation::PiecewiseLinear { 10.0 } else { exact.abs().max(1e-290) };
                // The scalar definitions round z / sqrt 2 or z^2 before exponentiation.
                let tail = if matches!(activation, Activation::Gelu | Activation::Bump) { 1.0 + z * z } else { 1.0 };
                assert!((alone[i] - exact).abs() <= 1.5e-15 * scale * tail, "{name} at {z}: {} {exact}", alone[i]);
                assert!((slope[i] - derivative).abs() <= 1e-15, "{name}' at {z}: {} {derivative}", slope[i]);
            }
        }
    }

    #[test]
    fn nan_stays_nan_and_infinities_saturate() {
        for &activation in Activation::ALL {
            let name = activation.name();
            let (mut z, mut slope) = ([f64::NAN, f64::INFINITY, -1e300, f64::NEG_INFINITY], [0.0; 4]);
            value_and_derivative(activation, &mut z, &mut slope);
            assert!(
                z[0].is_nan()
                    && slope[0].is_nan()
                        == !matches!(activation, Activation::Identity | Activation::Relu | Activation::PiecewiseLinear),
                "{name} {slope:?}"
            );
            assert!(
                z[1..].iter().all(|z| !z.is_nan()) && slope[1..].iter().all(|d| !d.is_nan()),
                "{name}: {z:?} {slope:?}"
            );
        }
    }
}
