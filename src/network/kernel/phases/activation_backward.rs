//! The backward phase of the activation: derivatives of the loss in the pre-activations, and the gradient of a.

use super::super::LANES;
use super::{BlockRow, load, store};
use crate::compute::{Job, Real, Simd, activation::ActivationFunction};
use std::marker::PhantomData;

/// The source of the values and slopes of the activation.
pub enum ActivationSource<'a, R> {
    /// Kept values, and kept slopes unless they follow from the values; one row per sample.
    Kept(&'a [BlockRow<R>], &'a [BlockRow<R>]),
    /// They are recomputed from the pre-activations, which [`ActivationBackward::delta`] contains.
    Recomputed,
}

/// Computes `delta_s` and adds `e_s sigma(z_s)` to the gradient of a.
pub struct ActivationBackward<'a, R, F> {
    /// The values and slopes of the activation.
    pub source: ActivationSource<'a, R>,
    /// Residuals, (samples, K).
    pub residual: &'a [R],
    /// Rows of a.
    pub a: &'a [BlockRow<R>],
    /// Rows of the gradient of a.
    pub grad_a: &'a mut [BlockRow<R>],
    /// Derivatives in the pre-activations, one row per sample.
    pub delta: &'a mut [BlockRow<R>],
    /// The activation function.
    pub function: PhantomData<F>,
}

impl<R: Real, F: ActivationFunction> Job<R> for ActivationBackward<'_, R, F> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let ActivationBackward { source, residual, a, grad_a, delta, .. } = self;
        match source {
            ActivationSource::Kept(values, _) if F::SLOPE_FROM_VALUE => {
                activation_backward::<R, S, PG, _>(
                    s,
                    residual,
                    a,
                    grad_a,
                    delta,
                    FromValue::<R, F>(values, PhantomData),
                );
            }
            ActivationSource::Kept(values, slopes) => {
                activation_backward::<R, S, PG, _>(s, residual, a, grad_a, delta, Stored(values, slopes))
            }
            ActivationSource::Recomputed => {
                activation_backward::<R, S, PG, _>(s, residual, a, grad_a, delta, FromPreActivation::<F>(PhantomData))
            }
        }
    }
}

/// Access to the values and slopes of sample n, pack i. A trait and not a closure, because methods can be
/// `#[inline(always)]` and are then compiled with the features of their caller.
trait ActivationRows<R> {
    /// Value and slope; `delta` is the row of the sample in [`ActivationBackward::delta`].
    fn value_and_slope<S: Simd<R>>(&self, s: S, delta: &BlockRow<R>, n: usize, i: usize) -> (S::Pack, S::Pack);
    /// Value and slope times the residual `e`.
    #[inline(always)]
    fn scaled_value_and_slope<S: Simd<R>>(
        &self,
        s: S,
        e: S::Pack,
        delta: &BlockRow<R>,
        n: usize,
        i: usize,
    ) -> (S::Pack, S::Pack) {
        let (value, slope) = self.value_and_slope(s, delta, n, i);
        (s.mul(e, value), s.mul(e, slope))
    }
}

/// Kept values, from which the slopes follow.
struct FromValue<'a, R, F>(&'a [BlockRow<R>], PhantomData<F>);
impl<R: Real, F: ActivationFunction> ActivationRows<R> for FromValue<'_, R, F> {
    #[inline(always)]
    fn value_and_slope<S: Simd<R>>(&self, s: S, _delta: &BlockRow<R>, n: usize, i: usize) -> (S::Pack, S::Pack) {
        let v = load(s, &self.0[n], i);
        (v, F::slope_from_value(s, v))
    }
    #[inline(always)]
    fn scaled_value_and_slope<S: Simd<R>>(
        &self,
        s: S,
        e: S::Pack,
        _delta: &BlockRow<R>,
        n: usize,
        i: usize,
    ) -> (S::Pack, S::Pack) {
        F::scaled_value_and_slope(s, e, load(s, &self.0[n], i))
    }
}

/// Kept values and slopes.
struct Stored<'a, R>(&'a [BlockRow<R>], &'a [BlockRow<R>]);
impl<R: Real> ActivationRows<R> for Stored<'_, R> {
    #[inline(always)]
    fn value_and_slope<S: Simd<R>>(&self, s: S, _delta: &BlockRow<R>, n: usize, i: usize) -> (S::Pack, S::Pack) {
        (load(s, &self.0[n], i), load(s, &self.1[n], i))
    }
}

/// Values and slopes that are recomputed from the pre-activations.
struct FromPreActivation<F>(PhantomData<F>);
impl<R: Real, F: ActivationFunction> ActivationRows<R> for FromPreActivation<F> {
    #[inline(always)]
    fn value_and_slope<S: Simd<R>>(&self, s: S, delta: &BlockRow<R>, _n: usize, i: usize) -> (S::Pack, S::Pack) {
        F::value_and_slope(s, load(s, delta, i))
    }
    #[inline(always)]
    fn scaled_value_and_slope<S: Simd<R>>(
        &self,
        s: S,
        e: S::Pack,
        delta: &BlockRow<R>,
        _n: usize,
        i: usize,
    ) -> (S::Pack, S::Pack) {
        let (value, slope) = F::value_and_slope(s, load(s, delta, i));
        if F::SLOPE_FROM_VALUE { F::scaled_value_and_slope(s, e, value) } else { (s.mul(e, value), s.mul(e, slope)) }
    }
}

/// [`ActivationBackward`] for one kind of access.
#[inline(always)]
fn activation_backward<R: Real, S: Simd<R>, const PG: usize, A: ActivationRows<R>>(
    s: S,
    residual: &[R],
    a: &[BlockRow<R>],
    grad_a: &mut [BlockRow<R>],
    delta: &mut [BlockRow<R>],
    activations: A,
) {
    let zero = s.splat(R::zero());
    if let [grad_a] = grad_a {
        for group in 0..LANES / R::PACK / PG {
            let mut sum = [zero; PG];
            for i in 0..PG {
                sum[i] = load(s, grad_a, group * PG + i);
            }
            for (n, (delta, &e)) in delta.iter_mut().zip(residual).enumerate() {
                let e = s.splat(e);
                for i in 0..PG {
                    let (value, slope) = activations.scaled_value_and_slope(s, e, delta, n, group * PG + i);
                    sum[i] = s.add(value, sum[i]);
                    store(s, slope, delta, group * PG + i);
                }
            }
            for i in 0..PG {
                store(s, sum[i], grad_a, group * PG + i);
            }
        }
        return;
    }
    for (n, (delta, e)) in delta.iter_mut().zip(residual.chunks_exact(a.len())).enumerate() {
        for i in 0..LANES / R::PACK {
            let (value, slope) = activations.value_and_slope(s, delta, n, i);
            let mut output_delta = zero;
            for ((a, grad_a), &e) in a.iter().zip(grad_a.iter_mut()).zip(e) {
                let e = s.splat(e);
                output_delta = s.fma(e, load(s, a, i), output_delta);
                store(s, s.fma(e, value, load(s, grad_a, i)), grad_a, i);
            }
            store(s, s.mul(slope, output_delta), delta, i);
        }
    }
}
