//! The backward phase before the sums over samples: every sample's pull on the pre-activations.

// Register tiles are indexed as on paper; their loops have constant bounds and are unrolled.
#![allow(clippy::needless_range_loop)]

use super::super::LANES;
use super::{BlockRow, load, store};
use crate::compute::{Job, Real, Simd, activation::ActivationFunction};
use std::marker::PhantomData;

/// Where [`ActivationBackward`] finds the activation.
pub enum ActivationSource<'a, R> {
    /// Kept values, and kept slopes where they do not follow from the values.
    Kept(&'a [BlockRow<R>], &'a [BlockRow<R>]),
    /// Pre-activations in the rows that `h` is written to.
    Recomputed,
}

/// `h_s`, and `e_s sigma(z_s)` added to the gradient of a.
pub struct ActivationBackward<'a, R, F> {
    /// The activation's values and slopes.
    pub source: ActivationSource<'a, R>,
    /// Residuals, (samples, K).
    pub residual: &'a [R],
    /// Rows of a.
    pub a: &'a [BlockRow<R>],
    /// Rows of the gradient of a.
    pub grad_a: &'a mut [BlockRow<R>],
    /// One row per sample.
    pub delta: &'a mut [BlockRow<R>],
    /// The activation.
    pub function: PhantomData<F>,
}

impl<R: Real, F: ActivationFunction> Job<R> for ActivationBackward<'_, R, F> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let ActivationBackward { source, residual, a, grad_a, delta, .. } = self;
        match source {
            ActivationSource::Kept(values, _) if F::SLOPE_FROM_VALUE => {
                pull::<R, S, PG, _>(s, residual, a, grad_a, delta, FromValue::<R, F>(values, PhantomData));
            }
            ActivationSource::Kept(values, slopes) => {
                pull::<R, S, PG, _>(s, residual, a, grad_a, delta, Stored(values, slopes))
            }
            ActivationSource::Recomputed => {
                pull::<R, S, PG, _>(s, residual, a, grad_a, delta, FromPreActivation::<F>(PhantomData))
            }
        }
    }
}

/// Values and slopes of sample n, pack i, and both times a residual. Types and not closures, because a method can be
/// `#[inline(always)]` and so take on its caller's instruction set.
trait ActivationRows<R> {
    fn both<S: Simd<R>>(&self, s: S, delta: &BlockRow<R>, n: usize, i: usize) -> (S::Pack, S::Pack);
    #[inline(always)]
    fn pull<S: Simd<R>>(&self, s: S, e: S::Pack, delta: &BlockRow<R>, n: usize, i: usize) -> (S::Pack, S::Pack) {
        let (value, slope) = self.both(s, delta, n, i);
        (s.mul(e, value), s.mul(e, slope))
    }
}

struct FromValue<'a, R, F>(&'a [BlockRow<R>], PhantomData<F>);
impl<R: Real, F: ActivationFunction> ActivationRows<R> for FromValue<'_, R, F> {
    #[inline(always)]
    fn both<S: Simd<R>>(&self, s: S, _h: &BlockRow<R>, n: usize, i: usize) -> (S::Pack, S::Pack) {
        let v = load(s, &self.0[n], i);
        (v, F::slope_from_value(s, v))
    }
    #[inline(always)]
    fn pull<S: Simd<R>>(&self, s: S, e: S::Pack, _h: &BlockRow<R>, n: usize, i: usize) -> (S::Pack, S::Pack) {
        F::scaled_value_and_slope(s, e, load(s, &self.0[n], i))
    }
}

struct Stored<'a, R>(&'a [BlockRow<R>], &'a [BlockRow<R>]);
impl<R: Real> ActivationRows<R> for Stored<'_, R> {
    #[inline(always)]
    fn both<S: Simd<R>>(&self, s: S, _h: &BlockRow<R>, n: usize, i: usize) -> (S::Pack, S::Pack) {
        (load(s, &self.0[n], i), load(s, &self.1[n], i))
    }
}

struct FromPreActivation<F>(PhantomData<F>);
impl<R: Real, F: ActivationFunction> ActivationRows<R> for FromPreActivation<F> {
    #[inline(always)]
    fn both<S: Simd<R>>(&self, s: S, delta: &BlockRow<R>, _n: usize, i: usize) -> (S::Pack, S::Pack) {
        F::value_and_slope(s, load(s, delta, i))
    }
    #[inline(always)]
    fn pull<S: Simd<R>>(&self, s: S, e: S::Pack, delta: &BlockRow<R>, _n: usize, i: usize) -> (S::Pack, S::Pack) {
        let (value, slope) = F::value_and_slope(s, load(s, delta, i));
        if F::SLOPE_FROM_VALUE { F::scaled_value_and_slope(s, e, value) } else { (s.mul(e, value), s.mul(e, slope)) }
    }
}

#[inline(always)]
fn pull<R: Real, S: Simd<R>, const PG: usize, B: ActivationRows<R>>(
    s: S,
    residual: &[R],
    a: &[BlockRow<R>],
    grad_a: &mut [BlockRow<R>],
    delta: &mut [BlockRow<R>],
    from: B,
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
                    let (value, slope) = from.pull(s, e, delta, n, group * PG + i);
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
            let (value, slope) = from.both(s, delta, n, i);
            let mut pull = zero;
            for ((a, grad_a), &e) in a.iter().zip(grad_a.iter_mut()).zip(e) {
                let e = s.splat(e);
                pull = s.fma(e, load(s, a, i), pull);
                store(s, s.fma(e, value, load(s, grad_a, i)), grad_a, i);
            }
            store(s, s.mul(slope, pull), delta, i);
        }
    }
}
