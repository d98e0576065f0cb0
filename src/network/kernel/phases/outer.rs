//! The backward phases that sum over samples.

// Register tiles are indexed as on paper; their loops have constant bounds and are unrolled.
#![allow(clippy::needless_range_loop)]

use super::super::LANES;
use super::super::math::Function;
use super::super::simd::{Job, Simd};
use super::{Lanes, load, store};
use crate::network::Real;
use std::marker::PhantomData;

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
    /// What will be wanted next, to be fetched meanwhile.
    pub next: Next<R>,
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
                next: if group == 0 { next } else { Next::NOTHING },
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

/// Where rows that will be wanted next begin, one per sample; null where none are. Addresses, because another thread may be
/// at work on them.
#[derive(Clone, Copy)]
pub struct Next<R> {
    /// Values of the activation.
    pub values: *const Lanes<R>,
    /// Its slopes.
    pub slopes: *const Lanes<R>,
}

impl<R> Next<R> {
    /// Nothing to fetch.
    pub const NOTHING: Self = Next { values: std::ptr::null(), slopes: std::ptr::null() };
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
    next: Next<R>,
    h: &'a mut [Lanes<R>],
    sum_a: [S::Pack; PG],
    function: PhantomData<F>,
}

impl<R: Real, S: Simd<R>, F: Function, const PG: usize> Rows<R, S, PG> for Pulled<'_, R, S, F, PG> {
    #[inline(always)]
    fn row(&mut self, s: S, n: usize, group: usize) -> [S::Pack; PG] {
        let e = s.splat(self.residual[n]);
        for rows in [self.next.values, self.next.slopes] {
            if !rows.is_null() {
                s.prefetch(rows.wrapping_add(n));
            }
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
