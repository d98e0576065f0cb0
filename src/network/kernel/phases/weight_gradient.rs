//! The backward phases that sum over samples: the gradient of w and b.

use super::super::LANES;
use super::{BlockRow, load, store};
use crate::compute::{Job, Real, Simd, activation::ActivationFunction};
use std::marker::PhantomData;

/// Adds `sum_s delta_s x_s` to the gradient of w and b.
pub struct WeightGradient<'a, R> {
    /// Derivatives in the pre-activations, one row per sample.
    pub delta: &'a [BlockRow<R>],
    /// Inputs, `[input / 2][sample][input % 2]`, with an input of 1 for the bias.
    pub x: &'a [[R; 2]],
    /// Gradient, rows of w and b.
    pub grad: &'a mut [BlockRow<R>],
    /// Whether the last row is that of b.
    pub bias: bool,
    /// Whether the sums start from zero, whatever `grad` contains.
    pub from_zero: bool,
}

impl<R: Real> Job<R> for WeightGradient<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let WeightGradient { delta, x, grad, bias, from_zero } = self;
        let count = delta.len();
        let mut first = 0;
        // Register tiles of nearly equal size: in a small one the latency of its few sums would not be hidden.
        let pairs = grad.len().div_ceil(2);
        let even = 2 * pairs.div_ceil(pairs.div_ceil(Q).max(1));
        while first < grad.len() {
            let take = (grad.len() - first).min(even);
            let ones = bias && first + take == grad.len();
            let (x, grad) = (&x[first / 2 * count..], &mut grad[first..first + take]);
            for group in 0..LANES / R::PACK / PG {
                let tile = RegisterTile { x, grad, group, count, from_zero };
                let rows = &mut StoredDeltas(delta);
                // An odd last row is processed as a pair, unless it is that of the bias. Tiles of more than Q pairs do
                // not occur and are not compiled.
                match (take.div_ceil(2), ones && take % 2 == 1) {
                    (1, true) if const { Q > 1 } => tile.sum::<S, PG, 1, true, _>(s, rows),
                    (1, false) if const { Q > 1 } => tile.sum::<S, PG, 1, false, _>(s, rows),
                    (2, true) if const { Q > 2 } => tile.sum::<S, PG, 2, true, _>(s, rows),
                    (2, false) if const { Q > 2 } => tile.sum::<S, PG, 2, false, _>(s, rows),
                    (3, true) if const { Q > 3 } => tile.sum::<S, PG, 3, true, _>(s, rows),
                    (3, false) if const { Q > 3 } => tile.sum::<S, PG, 3, false, _>(s, rows),
                    (4, true) if const { Q > 4 } => tile.sum::<S, PG, 4, true, _>(s, rows),
                    (4, false) if const { Q > 4 } => tile.sum::<S, PG, 4, false, _>(s, rows),
                    (5, true) if const { Q > 5 } => tile.sum::<S, PG, 5, true, _>(s, rows),
                    (5, false) if const { Q > 5 } => tile.sum::<S, PG, 5, false, _>(s, rows),
                    (_, true) => tile.sum::<S, PG, Q, true, _>(s, rows),
                    (_, false) => tile.sum::<S, PG, Q, false, _>(s, rows),
                }
            }
            first += take;
        }
    }
}

/// [`ActivationBackward`] fused with [`WeightGradient`], for one output and kept activations. The first register tile
/// of inputs has `delta` in registers; the others load it.
pub struct FusedBackward<'a, R, F> {
    /// Kept values, and kept slopes unless they follow from the values.
    pub kept: (&'a [BlockRow<R>], &'a [BlockRow<R>]),
    /// Rows to prefetch.
    pub next: PrefetchRows<R>,
    /// Residuals, one per sample.
    pub residual: &'a [R],
    /// The gradient of a.
    pub grad_a: &'a mut BlockRow<R>,
    /// Scratch for delta, one row per sample.
    pub delta: &'a mut [BlockRow<R>],
    /// Inputs, `[input / 2][sample][input % 2]`, with an input of 1 for the bias.
    pub x: &'a [[R; 2]],
    /// Gradient, rows of w and b.
    pub grad: &'a mut [BlockRow<R>],
    /// Whether the last row is that of b.
    pub bias: bool,
    /// Whether the sums start from zero, whatever `grad` contains.
    pub from_zero: bool,
    /// The activation function.
    pub function: PhantomData<F>,
}

impl<R: Real, F: ActivationFunction> Job<R> for FusedBackward<'_, R, F> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let FusedBackward { kept: (values, slopes), next, residual, grad_a, delta, x, grad, bias, from_zero, .. } =
            self;
        let count = delta.len();
        // The sums for a and two loaded rows also occupy registers: with sixteen, four rows fit.
        let first = match grad.len() {
            rows if Q > 3 && rows + 1 >= 2 * Q => rows.min(2 * Q),
            rows => rows.min(4),
        };
        let single_tile = first == grad.len();
        let (grad, grad_rest) = grad.split_at_mut(first);
        for group in 0..LANES / R::PACK / PG {
            let mut sum_a = [s.splat(R::zero()); PG];
            for i in 0..PG {
                sum_a[i] = load(s, grad_a, group * PG + i);
            }
            let mut rows = ComputedDeltas::<R, S, F, PG> {
                values: &values[..count],
                slopes,
                residual: &residual[..count],
                next: if group == 0 { next } else { PrefetchRows::NONE },
                delta: if single_tile { &mut [] } else { &mut *delta },
                sum_a,
                function: PhantomData,
            };
            let tile = RegisterTile { x, grad: &mut *grad, group, count, from_zero };
            match (first.div_ceil(2), bias && single_tile && first % 2 == 1) {
                (1, true) => tile.sum::<S, PG, 1, true, _>(s, &mut rows),
                (1, false) => tile.sum::<S, PG, 1, false, _>(s, &mut rows),
                (2, true) => tile.sum::<S, PG, 2, true, _>(s, &mut rows),
                (2, false) => tile.sum::<S, PG, 2, false, _>(s, &mut rows),
                (_, true) => tile.sum::<S, PG, Q, true, _>(s, &mut rows),
                (_, false) => tile.sum::<S, PG, Q, false, _>(s, &mut rows),
            }
            for i in 0..PG {
                store(s, rows.sum_a[i], grad_a, group * PG + i);
            }
        }
        if !single_tile {
            s.vectorize(WeightGradient { delta, x: &x[first / 2 * count..], grad: grad_rest, bias, from_zero });
        }
    }
}

/// The addresses of rows to prefetch, one row per sample; null if there are none. These are not references, because
/// another thread may write the rows.
#[derive(Clone, Copy)]
pub struct PrefetchRows<R> {
    /// Values of the activation.
    pub values: *const BlockRow<R>,
    /// Slopes of the activation.
    pub slopes: *const BlockRow<R>,
}

impl<R> PrefetchRows<R> {
    /// No rows.
    pub const NONE: Self = PrefetchRows { values: std::ptr::null(), slopes: std::ptr::null() };
}

/// A source of the rows of delta.
trait DeltaRows<R, S: Simd<R>, const PG: usize> {
    /// The packs of group `group` of the row of sample `n`.
    fn row(&mut self, s: S, n: usize, group: usize) -> [S::Pack; PG];
}

/// Rows in memory.
struct StoredDeltas<'a, R>(&'a [BlockRow<R>]);
impl<R: Real, S: Simd<R>, const PG: usize> DeltaRows<R, S, PG> for StoredDeltas<'_, R> {
    #[inline(always)]
    fn row(&mut self, s: S, n: usize, group: usize) -> [S::Pack; PG] {
        let mut row = [s.splat(R::zero()); PG];
        for i in 0..PG {
            row[i] = load(s, &self.0[n], group * PG + i);
        }
        row
    }
}

/// Rows that are computed from the kept activations, added to the gradient of a, and stored for later register tiles.
struct ComputedDeltas<'a, R, S: Simd<R>, F, const PG: usize> {
    values: &'a [BlockRow<R>],
    slopes: &'a [BlockRow<R>],
    residual: &'a [R],
    next: PrefetchRows<R>,
    /// Storage; empty if no later register tile needs the rows.
    delta: &'a mut [BlockRow<R>],
    /// The gradient of a.
    sum_a: [S::Pack; PG],
    function: PhantomData<F>,
}

impl<R: Real, S: Simd<R>, F: ActivationFunction, const PG: usize> DeltaRows<R, S, PG>
    for ComputedDeltas<'_, R, S, F, PG>
{
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
            let (scaled_value, delta) = if F::SLOPE_FROM_VALUE {
                F::scaled_value_and_slope(s, e, v)
            } else {
                (s.mul(e, v), s.mul(e, load(s, &self.slopes[n], group * PG + i)))
            };
            self.sum_a[i] = s.add(scaled_value, self.sum_a[i]);
            row[i] = delta;
            if let Some(delta) = self.delta.get_mut(n) {
                store(s, row[i], delta, group * PG + i);
            }
        }
        row
    }
}

/// A register tile: some rows of w and b times the packs of a group.
struct RegisterTile<'a, R> {
    x: &'a [[R; 2]],
    grad: &'a mut [BlockRow<R>],
    group: usize,
    count: usize,
    from_zero: bool,
}

impl<R: Real> RegisterTile<'_, R> {
    /// The sums of `Q` pairs of rows. `BIAS`: the last pair is a single row, that of the bias, whose inputs are 1. Any
    /// other single row is summed together with padding, which is discarded.
    #[inline(always)]
    fn sum<S: Simd<R>, const PG: usize, const Q: usize, const BIAS: bool, D: DeltaRows<R, S, PG>>(
        self,
        s: S,
        rows: &mut D,
    ) {
        let RegisterTile { x, grad, group, count, from_zero } = self;
        let x = &x[..Q * count];
        assert!(grad.len() == 2 * Q || grad.len() == 2 * Q - 1);
        let mut sum = [[[s.splat(R::zero()); PG]; 2]; Q];
        if !from_zero {
            for q in 0..Q {
                for t in 0..2 {
                    let Some(grad) = grad.get(2 * q + t) else { continue };
                    for i in 0..PG {
                        sum[q][t][i] = load(s, grad, group * PG + i);
                    }
                }
            }
        }
        for n in 0..count {
            let row = rows.row(s, n, group);
            for q in 0..Q {
                if BIAS && q == Q - 1 {
                    for i in 0..PG {
                        sum[q][0][i] = s.add(row[i], sum[q][0][i]);
                    }
                    continue;
                }
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
                let Some(grad) = grad.get_mut(2 * q + t) else { continue };
                for i in 0..PG {
                    store(s, sum[q][t][i], grad, group * PG + i);
                }
            }
        }
    }
}
