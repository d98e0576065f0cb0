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
use super::several::Several;
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
    /// One row per sample.
    pub z: &'a mut [Lanes<R>],
}

impl<R: Real> Job<R> for PreActivations<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let PreActivations { w, b, x, z } = self;
        let d = w.len();
        let pairs = z.len().div_ceil(2);
        let mut pair = 0;
        while pair < pairs {
            // The rest after whole register tiles by smaller ones.
            let take = if pairs - pair >= Q { Q } else { (pairs - pair).min(2) };
            let last = z.len().min(2 * (pair + take));
            let (x, z) = (&x[pair * d..(pair + take) * d], &mut z[2 * pair..last]);
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
    assert!(x.len() == Q * d);
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
            // An odd sample has no partner.
            let Some(z) = z.get_mut(2 * q + t) else { continue };
            for i in 0..PG {
                store(s, sum[q][t][i], z, group * PG + i);
            }
        }
    }
}

/// `sigma(z_s)` in the place of `z_s`, and `a_k sigma(z_s)` added to the lanes of every sample and output.
pub struct Activate<'a, R, F> {
    /// Pre-activations in, values out; one row per sample.
    pub z: &'a mut [Lanes<R>],
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
        // Four packs at a time fill 32 registers; where a row has two, that is two samples.
        match (PG, LANES / S::LANES, self.z.len() % 2) {
            (1, ..) => self.rows::<S, 1>(s),
            (_, 2, 1) => self.rows::<S, 2>(s),
            _ => self.rows::<S, 4>(s),
        }
    }
}

impl<R: Real, F: Function> Activate<'_, R, F> {
    /// `K` packs at a time; a whole number of times that.
    #[inline(always)]
    fn rows<S: Simd<R>, const K: usize>(self, s: S) {
        let Activate { z, slope, a, lanes, .. } = self;
        let several = Several::<S, K>(s);
        let per_row = LANES / S::LANES;
        let z = z.as_flattened_mut();
        let mut slope = slope.map(<[_]>::as_flattened_mut);
        let (whole, outputs) = (K * S::LANES, a.len());
        for (n, z) in z.chunks_exact_mut(whole).enumerate() {
            let value = match &mut slope {
                Some(slope) if !F::SLOPE_FROM_VALUE => {
                    let (value, d) = F::both(several, several.load(z));
                    several.store(d, &mut slope[n * whole..]);
                    value
                }
                _ => F::value(several, several.load(z)),
            };
            several.store(value, z);
            let (row, first) = (n * K / per_row, n * K % per_row);
            for sample in 0..K.div_ceil(per_row) {
                let lanes = &mut lanes[(row + sample) * outputs * S::LANES..];
                for (a, lanes) in a.iter().zip(lanes.chunks_exact_mut(S::LANES)) {
                    let mut sum = s.load(lanes);
                    for i in 0..K.min(per_row) {
                        sum = s.fma(load(s, a, first + i), value[sample * per_row + i], sum);
                    }
                    s.store(sum, lanes);
                }
            }
        }
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

/// Values and slopes of sample n, pack i, and both times a residual. Types and not closures, because a method can be
/// `#[inline(always)]` and so take on its caller's instruction set.
trait Both<R> {
    fn both<S: Simd<R>>(&self, s: S, h: &Lanes<R>, n: usize, i: usize) -> (S::Pack, S::Pack);
    #[inline(always)]
    fn pull<S: Simd<R>>(&self, s: S, e: S::Pack, h: &Lanes<R>, n: usize, i: usize) -> (S::Pack, S::Pack) {
        let (value, slope) = self.both(s, h, n, i);
        (s.mul(e, value), s.mul(e, slope))
    }
}

struct FromValue<'a, R, F>(&'a [Lanes<R>], PhantomData<F>);
impl<R: Real, F: Function> Both<R> for FromValue<'_, R, F> {
    #[inline(always)]
    fn both<S: Simd<R>>(&self, s: S, _h: &Lanes<R>, n: usize, i: usize) -> (S::Pack, S::Pack) {
        let v = load(s, &self.0[n], i);
        (v, F::slope(s, v))
    }
    #[inline(always)]
    fn pull<S: Simd<R>>(&self, s: S, e: S::Pack, _h: &Lanes<R>, n: usize, i: usize) -> (S::Pack, S::Pack) {
        F::pull(s, e, load(s, &self.0[n], i))
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
    #[inline(always)]
    fn pull<S: Simd<R>>(&self, s: S, e: S::Pack, h: &Lanes<R>, _n: usize, i: usize) -> (S::Pack, S::Pack) {
        let (value, slope) = F::both(s, load(s, h, i));
        if F::SLOPE_FROM_VALUE { F::pull(s, e, value) } else { (s.mul(e, value), s.mul(e, slope)) }
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
                    let (value, slope) = from.pull(s, e, h, n, group * PG + i);
                    sum[i] = s.add(value, sum[i]);
                    store(s, slope, h, group * PG + i);
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
        rows_of_tiles::<R, S, PG, Q>(s, h, x, grad, fresh, 0);
    }
}

/// [`Pull`] and [`Outer`] in one, for one output and kept values: the first register tile of inputs finds `h` in registers,
/// the others where it was put for them.
pub struct PullOuter<'a, R, F> {
    /// Kept values, and kept slopes where they do not follow from the values.
    pub kept: (&'a [Lanes<R>], &'a [Lanes<R>]),
    /// Values and slopes that will be wanted next, to be fetched meanwhile; may be empty.
    pub next: (&'a [Lanes<R>], &'a [Lanes<R>]),
    /// Residuals.
    pub residual: &'a [R],
    /// The row of the gradient of a.
    pub grad_a: &'a mut Lanes<R>,
    /// One row per sample.
    pub h: &'a mut [Lanes<R>],
    /// `[input / 2][sample][input % 2]`.
    pub x: &'a [[R; 2]],
    /// Rows of w and b, their number rounded up to even.
    pub grad: &'a mut [Lanes<R>],
    /// Whether the sums start from zero, whatever the rows hold.
    pub fresh: bool,
    /// The activation.
    pub function: PhantomData<F>,
}

impl<R: Real, F: Function> Job<R> for PullOuter<'_, R, F> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let PullOuter { kept: (values, slopes), next, residual, grad_a, h, x, grad, fresh, .. } = self;
        let count = h.len();
        let pairs = grad.len() / 2;
        let first = if pairs >= Q { Q } else { pairs.min(2) };
        let whole = first == pairs;
        for group in 0..LANES / R::PACK / PG {
            let mut sum_a = [s.splat(R::zero()); PG];
            for i in 0..PG {
                sum_a[i] = load(s, grad_a, group * PG + i);
            }
            let mut rows = Pulled::<R, S, F, PG> {
                values: &values[..count],
                slopes,
                residual: &residual[..count],
                next: if group == 0 { next } else { (&[], &[]) },
                h: if whole { &mut [] } else { &mut *h },
                sum_a,
                function: PhantomData,
            };
            let (x, grad) = (&x[..first * count], &mut grad[..2 * first]);
            match first {
                1 => outer_tile::<R, S, PG, 1, _>(s, count, &mut rows, x, group, grad, fresh),
                2 => outer_tile::<R, S, PG, 2, _>(s, count, &mut rows, x, group, grad, fresh),
                _ => outer_tile::<R, S, PG, Q, _>(s, count, &mut rows, x, group, grad, fresh),
            }
            for i in 0..PG {
                store(s, rows.sum_a[i], grad_a, group * PG + i);
            }
        }
        rows_of_tiles::<R, S, PG, Q>(s, h, x, grad, fresh, first);
    }
}

/// Where a register tile finds `h`.
trait Rows<R, S: Simd<R>, const PG: usize> {
    /// The packs of a group of sample n.
    fn row(&mut self, s: S, n: usize, group: usize) -> [S::Pack; PG];
}

/// In memory.
struct Stored<'a, R>(&'a [Lanes<R>]);
impl<R: Real, S: Simd<R>, const PG: usize> Rows<R, S, PG> for Stored<'_, R> {
    #[inline(always)]
    fn row(&mut self, s: S, n: usize, group: usize) -> [S::Pack; PG] {
        let mut row = [s.splat(R::zero()); PG];
        for i in 0..PG {
            row[i] = load(s, &self.0[n], group * PG + i);
        }
        row
    }
}

/// Worked out here, and stored where somebody will ask again.
struct Pulled<'a, R, S: Simd<R>, F, const PG: usize> {
    values: &'a [Lanes<R>],
    slopes: &'a [Lanes<R>],
    residual: &'a [R],
    next: (&'a [Lanes<R>], &'a [Lanes<R>]),
    h: &'a mut [Lanes<R>],
    sum_a: [S::Pack; PG],
    function: PhantomData<F>,
}

impl<R: Real, S: Simd<R>, F: Function, const PG: usize> Rows<R, S, PG> for Pulled<'_, R, S, F, PG> {
    #[inline(always)]
    fn row(&mut self, s: S, n: usize, group: usize) -> [S::Pack; PG] {
        let e = s.splat(self.residual[n]);
        if let Some(next) = self.next.0.get(n) {
            s.prefetch(next);
        }
        if let Some(next) = self.next.1.get(n) {
            s.prefetch(next);
        }
        let mut row = [s.splat(R::zero()); PG];
        for i in 0..PG {
            let v = load(s, &self.values[n], group * PG + i);
            let (pulled, h) = if F::SLOPE_FROM_VALUE {
                F::pull(s, e, v)
            } else {
                (s.mul(e, v), s.mul(e, load(s, &self.slopes[n], group * PG + i)))
            };
            self.sum_a[i] = s.add(pulled, self.sum_a[i]);
            row[i] = h;
            if let Some(h) = self.h.get_mut(n) {
                store(s, row[i], h, group * PG + i);
            }
        }
        row
    }
}

/// Register tiles over the rows of w and b, from pair `from` on.
#[inline(always)]
fn rows_of_tiles<R: Real, S: Simd<R>, const PG: usize, const Q: usize>(
    s: S,
    h: &[Lanes<R>],
    x: &[[R; 2]],
    grad: &mut [Lanes<R>],
    fresh: bool,
    from: usize,
) {
    let count = h.len();
    let pairs = grad.len() / 2;
    let mut pair = from;
    while pair < pairs {
        // The rest after whole register tiles by smaller ones.
        let take = if pairs - pair >= Q { Q } else { (pairs - pair).min(2) };
        let (x, grad) = (&x[pair * count..(pair + take) * count], &mut grad[2 * pair..2 * (pair + take)]);
        for group in 0..LANES / R::PACK / PG {
            let rows = &mut Stored(h);
            match take {
                1 => outer_tile::<R, S, PG, 1, _>(s, count, rows, x, group, grad, fresh),
                2 => outer_tile::<R, S, PG, 2, _>(s, count, rows, x, group, grad, fresh),
                _ => outer_tile::<R, S, PG, Q, _>(s, count, rows, x, group, grad, fresh),
            }
        }
        pair += take;
    }
}

#[inline(always)]
fn outer_tile<R: Real, S: Simd<R>, const PG: usize, const Q: usize, H: Rows<R, S, PG>>(
    s: S,
    count: usize,
    rows: &mut H,
    x: &[[R; 2]],
    group: usize,
    grad: &mut [Lanes<R>],
    fresh: bool,
) {
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
    for n in 0..count {
        let row = rows.row(s, n, group);
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
