//! What is done to one block, phase by phase, on tiles that stay in the cache.
//!
//! | phase | what |
//! |---|---|
//! | [`PreActivations`] | `z_s = <w, x_s> + b`, a register tile of samples times lanes |
//! | [`Activate`] | `sigma(z_s)`, and `a sigma(z_s)` added to every sample's lanes |
//! | [`Pull`] | `h_s = e_s sigma'(z_s)`, and `e_s sigma(z_s)` added to the gradient of a |
//! | [`Outer`] | `sum_s h_s x_s`, a register tile of inputs times lanes |
//! | [`Finish`] | the gradient from these sums, or the step itself: the gradient then never leaves the cache |
//!
//! Sums over inputs start from the bias and run in order of the inputs, sums over samples in order of the samples, and both
//! by fused multiply-adds; the shape of a register tile therefore changes no bit. With one output (K = 1) `h` leaves out
//! the factor a, which is common to all samples and comes in [`Finish`]; otherwise `h_s = <e_s, a> sigma'(z_s)`.

// Register tiles are indexed as on paper; their loops have constant bounds and are unrolled.
#![allow(clippy::needless_range_loop)]

use super::LANES;
use super::math::Function;
use super::simd::{Job, Simd};
use crate::network::Real;
use std::marker::PhantomData;

/// One value per neuron of a block.
pub type Lanes<R> = [R; LANES];

/// Pack `i` of a row.
#[inline(always)]
fn load<R: Real, S: Simd<R>>(s: S, row: &Lanes<R>, i: usize) -> S::Pack {
    // The remainder is `i` itself: it spares the bounds check.
    s.load(&row[i % (LANES / R::PACK) * R::PACK..][..R::PACK])
}

/// Writes pack `i` of a row.
#[inline(always)]
fn store<R: Real, S: Simd<R>>(s: S, v: S::Pack, row: &mut Lanes<R>, i: usize) {
    s.store(v, &mut row[i % (LANES / R::PACK) * R::PACK..][..R::PACK]);
}

/// `z_s = <w, x_s> + b` for the samples of a tile.
pub struct PreActivations<'a, R> {
    /// Rows of w.
    pub w: &'a [Lanes<R>],
    /// Row of b.
    pub b: Option<&'a Lanes<R>>,
    /// `[sample / 2][input][sample % 2]`.
    pub x: &'a [[R; 2]],
    /// One row per sample, their number rounded up to even.
    pub z: &'a mut [Lanes<R>],
}

impl<R: Real> Job<R> for PreActivations<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let PreActivations { w, b, x, z } = self;
        let d = w.len();
        let pairs = z.len() / 2;
        let mut pair = 0;
        while pair < pairs {
            // The rest after whole register tiles by smaller ones.
            let take = if pairs - pair >= Q { Q } else { (pairs - pair).min(2) };
            let (x, z) = (&x[pair * d..(pair + take) * d], &mut z[2 * pair..2 * (pair + take)]);
            for group in 0..LANES / R::PACK / PG {
                match take {
                    1 => z_tile::<R, S, PG, 1>(s, w, b, group, x, z),
                    2 => z_tile::<R, S, PG, 2>(s, w, b, group, x, z),
                    _ => z_tile::<R, S, PG, Q>(s, w, b, group, x, z),
                }
            }
            pair += take;
        }
    }
}

#[inline(always)]
fn z_tile<R: Real, S: Simd<R>, const PG: usize, const Q: usize>(
    s: S,
    w: &[Lanes<R>],
    b: Option<&Lanes<R>>,
    group: usize,
    x: &[[R; 2]],
    z: &mut [Lanes<R>],
) {
    let d = w.len();
    assert!(x.len() == Q * d && z.len() == 2 * Q);
    let mut sum = [[[s.splat(R::zero()); PG]; 2]; Q];
    if let Some(b) = b {
        for i in 0..PG {
            let b = load(s, b, group * PG + i);
            for q in 0..Q {
                sum[q][0][i] = b;
                sum[q][1][i] = b;
            }
        }
    }
    for (j, w) in w.iter().enumerate() {
        let mut row = [s.splat(R::zero()); PG];
        for i in 0..PG {
            row[i] = load(s, w, group * PG + i);
        }
        for q in 0..Q {
            // SAFETY: q < Q and j < d, and x has length Q d.
            let x = unsafe { x.get_unchecked(q * d + j) };
            for t in 0..2 {
                let x = s.splat(x[t]);
                for i in 0..PG {
                    sum[q][t][i] = s.fma(x, row[i], sum[q][t][i]);
                }
            }
        }
    }
    for q in 0..Q {
        for t in 0..2 {
            for i in 0..PG {
                store(s, sum[q][t][i], &mut z[2 * q + t], group * PG + i);
            }
        }
    }
}

/// `sigma(z_s)`, and `a_k sigma(z_s)` added to the lanes of every sample and output.
pub struct Activate<'a, R, F> {
    /// Pre-activations.
    pub z: &'a [Lanes<R>],
    /// Where the values are kept, if at all.
    pub value: Option<&'a mut [Lanes<R>]>,
    /// Where the slopes are kept, if at all.
    pub slope: Option<&'a mut [Lanes<R>]>,
    /// Rows of a.
    pub a: &'a [Lanes<R>],
    /// One pack per sample and output.
    pub lanes: &'a mut [R],
    /// The activation.
    pub function: PhantomData<F>,
}

impl<R: Real, F: Function> Job<R> for Activate<'_, R, F> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let Activate { z, value, slope, a, lanes, .. } = self;
        match (value, slope) {
            (Some(value), Some(slope)) => {
                let to = value.iter_mut().zip(slope);
                for ((z, (value, slope)), lanes) in z.iter().zip(to).zip(lanes.chunks_exact_mut(a.len() * R::PACK)) {
                    for i in 0..LANES / R::PACK {
                        let (v, d) = F::both(s, load(s, z, i));
                        store(s, v, value, i);
                        store(s, d, slope, i);
                        add_features(s, v, a, i, lanes);
                    }
                }
            }
            (Some(value), None) => {
                for ((z, value), lanes) in z.iter().zip(value).zip(lanes.chunks_exact_mut(a.len() * R::PACK)) {
                    for i in 0..LANES / R::PACK {
                        let v = F::value(s, load(s, z, i));
                        store(s, v, value, i);
                        add_features(s, v, a, i, lanes);
                    }
                }
            }
            _ => {
                for (z, lanes) in z.iter().zip(lanes.chunks_exact_mut(a.len() * R::PACK)) {
                    for i in 0..LANES / R::PACK {
                        add_features(s, F::value(s, load(s, z, i)), a, i, lanes);
                    }
                }
            }
        }
    }
}

/// Adds `a_k v` of pack `i` to the lanes of every output.
#[inline(always)]
fn add_features<R: Real, S: Simd<R>>(s: S, v: S::Pack, a: &[Lanes<R>], i: usize, lanes: &mut [R]) {
    for (a, lanes) in a.iter().zip(lanes.chunks_exact_mut(R::PACK)) {
        s.store(s.fma(load(s, a, i), v, s.load(lanes)), lanes);
    }
}

/// Sums every pack of `lanes` into one number.
pub struct Reduce<'a, R> {
    /// One pack per sample and output.
    pub lanes: &'a [R],
    /// One number per sample and output.
    pub out: &'a mut [f64],
}

impl<R: Real> Job<R> for Reduce<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        for (out, lanes) in self.out.iter_mut().zip(self.lanes.chunks_exact(R::PACK)) {
            *out = s.sum(s.load(lanes));
        }
    }
}

/// Where [`Pull`] finds the activation.
pub enum Source<'a, R> {
    /// Kept values, and kept slopes where they do not follow from the values.
    Kept(&'a [Lanes<R>], &'a [Lanes<R>]),
    /// Pre-activations in the rows that `h` is written to.
    Recomputed,
}

/// `h_s`, and `e_s sigma(z_s)` added to the gradient of a.
pub struct Pull<'a, R, F> {
    /// The activation's values and slopes.
    pub source: Source<'a, R>,
    /// Residuals, (samples, K).
    pub residual: &'a [R],
    /// Rows of a.
    pub a: &'a [Lanes<R>],
    /// Rows of the gradient of a.
    pub grad_a: &'a mut [Lanes<R>],
    /// One row per sample.
    pub h: &'a mut [Lanes<R>],
    /// The activation.
    pub function: PhantomData<F>,
}

impl<R: Real, F: Function> Job<R> for Pull<'_, R, F> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let Pull { source, residual, a, grad_a, h, .. } = self;
        match source {
            Source::Kept(values, _) if F::SLOPE_FROM_VALUE => {
                pull::<R, S, PG, _>(s, residual, a, grad_a, h, FromValue::<R, F>(values, PhantomData));
            }
            Source::Kept(values, slopes) => pull::<R, S, PG, _>(s, residual, a, grad_a, h, Kept(values, slopes)),
            Source::Recomputed => pull::<R, S, PG, _>(s, residual, a, grad_a, h, FromZ::<F>(PhantomData)),
        }
    }
}

/// Values and slopes of sample n, pack i. Types and not closures, because a method can be `#[inline(always)]` and so take
/// on its caller's instruction set.
trait Both<R> {
    fn both<S: Simd<R>>(&self, s: S, h: &Lanes<R>, n: usize, i: usize) -> (S::Pack, S::Pack);
}

struct FromValue<'a, R, F>(&'a [Lanes<R>], PhantomData<F>);
impl<R: Real, F: Function> Both<R> for FromValue<'_, R, F> {
    #[inline(always)]
    fn both<S: Simd<R>>(&self, s: S, _h: &Lanes<R>, n: usize, i: usize) -> (S::Pack, S::Pack) {
        let v = load(s, &self.0[n], i);
        (v, F::slope(s, v))
    }
}

struct Kept<'a, R>(&'a [Lanes<R>], &'a [Lanes<R>]);
impl<R: Real> Both<R> for Kept<'_, R> {
    #[inline(always)]
    fn both<S: Simd<R>>(&self, s: S, _h: &Lanes<R>, n: usize, i: usize) -> (S::Pack, S::Pack) {
        (load(s, &self.0[n], i), load(s, &self.1[n], i))
    }
}

struct FromZ<F>(PhantomData<F>);
impl<R: Real, F: Function> Both<R> for FromZ<F> {
    #[inline(always)]
    fn both<S: Simd<R>>(&self, s: S, h: &Lanes<R>, _n: usize, i: usize) -> (S::Pack, S::Pack) {
        F::both(s, load(s, h, i))
    }
}

#[inline(always)]
fn pull<R: Real, S: Simd<R>, const PG: usize, B: Both<R>>(
    s: S,
    residual: &[R],
    a: &[Lanes<R>],
    grad_a: &mut [Lanes<R>],
    h: &mut [Lanes<R>],
    from: B,
) {
    let zero = s.splat(R::zero());
    if let [grad_a] = grad_a {
        for group in 0..LANES / R::PACK / PG {
            let mut sum = [zero; PG];
            for i in 0..PG {
                sum[i] = load(s, grad_a, group * PG + i);
            }
            for (n, (h, &e)) in h.iter_mut().zip(residual).enumerate() {
                let e = s.splat(e);
                for i in 0..PG {
                    let (value, slope) = from.both(s, h, n, group * PG + i);
                    sum[i] = s.fma(e, value, sum[i]);
                    store(s, s.mul(e, slope), h, group * PG + i);
                }
            }
            for i in 0..PG {
                store(s, sum[i], grad_a, group * PG + i);
            }
        }
        return;
    }
    for (n, (h, e)) in h.iter_mut().zip(residual.chunks_exact(a.len())).enumerate() {
        for i in 0..LANES / R::PACK {
            let (value, slope) = from.both(s, h, n, i);
            let mut pull = zero;
            for ((a, grad_a), &e) in a.iter().zip(grad_a.iter_mut()).zip(e) {
                let e = s.splat(e);
                pull = s.fma(e, load(s, a, i), pull);
                store(s, s.fma(e, value, load(s, grad_a, i)), grad_a, i);
            }
            store(s, s.mul(slope, pull), h, i);
        }
    }
}

/// Adds `sum_s h_s x_s` to the rows of w and b.
pub struct Outer<'a, R> {
    /// One row per sample.
    pub h: &'a [Lanes<R>],
    /// `[input / 2][sample][input % 2]`.
    pub x: &'a [[R; 2]],
    /// Rows of w and b, their number rounded up to even.
    pub grad: &'a mut [Lanes<R>],
    /// Whether the sums start from zero, whatever the rows hold.
    pub fresh: bool,
}

impl<R: Real> Job<R> for Outer<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let Outer { h, x, grad, fresh } = self;
        let pairs = grad.len() / 2;
        let mut pair = 0;
        while pair < pairs {
            let take = if pairs - pair >= Q { Q } else { (pairs - pair).min(2) };
            let (x, grad) = (&x[pair * h.len()..(pair + take) * h.len()], &mut grad[2 * pair..2 * (pair + take)]);
            for group in 0..LANES / R::PACK / PG {
                match take {
                    1 => outer_tile::<R, S, PG, 1>(s, h, x, group, grad, fresh),
                    2 => outer_tile::<R, S, PG, 2>(s, h, x, group, grad, fresh),
                    _ => outer_tile::<R, S, PG, Q>(s, h, x, group, grad, fresh),
                }
            }
            pair += take;
        }
    }
}

#[inline(always)]
fn outer_tile<R: Real, S: Simd<R>, const PG: usize, const Q: usize>(
    s: S,
    h: &[Lanes<R>],
    x: &[[R; 2]],
    group: usize,
    grad: &mut [Lanes<R>],
    fresh: bool,
) {
    let count = h.len();
    assert!(x.len() == Q * count && grad.len() == 2 * Q);
    let mut sum = [[[s.splat(R::zero()); PG]; 2]; Q];
    if !fresh {
        for q in 0..Q {
            for t in 0..2 {
                for i in 0..PG {
                    sum[q][t][i] = load(s, &grad[2 * q + t], group * PG + i);
                }
            }
        }
    }
    for (n, h) in h.iter().enumerate() {
        let mut row = [s.splat(R::zero()); PG];
        for i in 0..PG {
            row[i] = load(s, h, group * PG + i);
        }
        for q in 0..Q {
            // SAFETY: q < Q and n < count, and x has length Q count.
            let x = unsafe { x.get_unchecked(q * count + n) };
            for t in 0..2 {
                let x = s.splat(x[t]);
                for i in 0..PG {
                    sum[q][t][i] = s.fma(x, row[i], sum[q][t][i]);
                }
            }
        }
    }
    for q in 0..Q {
        for t in 0..2 {
            for i in 0..PG {
                store(s, sum[q][t][i], &mut grad[2 * q + t], group * PG + i);
            }
        }
    }
}
