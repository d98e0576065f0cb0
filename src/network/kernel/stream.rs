//! Steps on one or two samples: a single pass over the state for the gradient, the step and the pre-activations of the
//! next step.
//!
//! Such steps are bound by memory bandwidth: every parameter and momentum is read and written once.

use super::LANES;
use super::phases::{ActivationForward, BlockRow, load, store};
use super::superblock::Superblock;
use crate::compute::{Job, Real, Simd, activation::ActivationFunction};
use std::marker::PhantomData;

/// Size of the last-level cache in bytes. Larger states are streamed from memory.
const LAST_LEVEL_CACHE: usize = 32 << 20;

/// Size of the second-level cache in bytes.
const SECOND_LEVEL_CACHE: usize = 4 << 20;

/// Prefetch distance of a state in memory, in blocks, into the second-level cache.
const PREFETCH_BLOCKS: usize = 8;

/// The values and slopes of a superblock times the scaled residuals `e` of `B` samples.
pub(super) struct StreamedBackward<'a, R, F, const B: usize> {
    /// Kept activations, block after block: values, and slopes unless they follow from the values.
    pub kept: &'a [BlockRow<R>],
    /// The residuals, one per sample.
    pub residual: &'a [R],
    /// A factor of the residuals ([`super::update::StepConstants::kick`]).
    pub kick: R,
    /// The result, block after block: `e sigma` of every sample, then `e sigma'`.
    pub scaled: &'a mut [BlockRow<R>],
    /// The activation function.
    pub function: PhantomData<F>,
}

impl<R: Real, F: ActivationFunction, const B: usize> Job<R> for StreamedBackward<'_, R, F, B> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let rows = if F::SLOPE_FROM_VALUE { B } else { 2 * B };
        for (kept, scaled) in self.kept.chunks_exact(rows).zip(self.scaled.chunks_exact_mut(2 * B)) {
            let (value, slope) = kept.split_at(B);
            let (scaled_value, scaled_slope) = scaled.split_at_mut(B);
            for n in 0..B {
                let e = s.mul(s.splat(self.kick), s.splat(self.residual[n]));
                for i in 0..LANES / R::PACK {
                    let v = load(s, &value[n], i);
                    let (v, d) = if F::SLOPE_FROM_VALUE {
                        F::scaled_value_and_slope(s, e, v)
                    } else {
                        (s.mul(e, v), s.mul(e, load(s, &slope[n], i)))
                    };
                    store(s, v, &mut scaled_value[n], i);
                    store(s, d, &mut scaled_slope[n], i);
                }
            }
        }
    }
}

/// The step of a superblock on `B` samples.
pub(super) struct StreamedStep<'a, 's, R, const B: usize> {
    /// The superblock; its kept values are replaced by the pre-activations of the next batch.
    pub superblock: &'a mut Superblock<'s, R>,
    /// The result of [`StreamedBackward`].
    pub scaled: &'a [BlockRow<R>],
    /// Kept rows of a block.
    pub kept_rows: usize,
}

impl<R: Real, const B: usize> Job<R> for StreamedStep<'_, '_, R, B> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let bytes = self.superblock.state_bytes;
        // More packs of a row at a time mean fewer passes over the rows of a block. With 16 registers more than one
        // pack causes spills, which cost less than repeated passes if the rows are not in a near cache.
        match (PG, LANES / R::PACK, bytes > LAST_LEVEL_CACHE) {
            (1, 4, false) if bytes > SECOND_LEVEL_CACHE => self.pass::<S, 2, 0>(s),
            (1, _, false) => self.pass::<S, 1, 0>(s),
            (1, _, true) | (_, 2, true) => self.pass::<S, 2, PREFETCH_BLOCKS>(s),
            (_, 2, false) => self.pass::<S, 2, 0>(s),
            (_, _, false) => self.pass::<S, 4, 0>(s),
            (_, _, true) => self.pass::<S, 4, PREFETCH_BLOCKS>(s),
        }
    }
}

impl<R: Real, const B: usize> StreamedStep<'_, '_, R, B> {
    /// The gradient, the step and the pre-activations of the next batch, which replace the kept values. `PREFETCH` is
    /// the prefetch distance in blocks; 0: none.
    #[inline(always)]
    fn pass<S: Simd<R>, const PG: usize, const PREFETCH: usize>(self, s: S) {
        let Superblock {
            theta,
            momentum,
            kept,
            parameters,
            inputs,
            used,
            constants: c,
            batch,
            next_batch,
            train_a,
            ..
        } = self.superblock;
        let (parameters, inputs, used, train_a) = (*parameters, *inputs, *used, *train_a);
        // At most two samples are one pair.
        let (x, next_x) = (batch.forward, next_batch.forward);
        assert!(theta.len() == momentum.len() && x.len() == inputs && next_x.len() == inputs);
        let mut mask = [R::one(); LANES];
        mask[used..].fill(R::zero());
        let zero = s.splat(R::zero());
        let [decay, drift, shrink] = [c.decay, c.drift, c.shrink].map(|v| s.splat(v));
        let step = StepPacks { decay, drift, shrink, first_order: c.first_order, s };
        let blocks = theta.len() / parameters;
        let block_len = parameters * LANES;
        let state = theta.chunks_exact_mut(parameters).zip(momentum.chunks_exact_mut(parameters));
        let ones = [R::one(); LANES];
        let rows = kept.chunks_exact_mut(self.kept_rows).zip(self.scaled.chunks_exact(2 * B));
        for (block, ((theta, momentum), (value, scaled))) in state.zip(rows).enumerate() {
            let mask = if block + 1 == blocks { &mask } else { &ones };
            let (scaled_value, scaled_slope) = scaled.split_at(B);
            let (w, rest) = theta.split_at_mut(inputs);
            let (momentum_w, momentum_rest) = momentum.split_at_mut(inputs);
            for group in 0..LANES / R::PACK / PG {
                let at = |i: usize| {
                    let start = (group * PG + i) % (LANES / R::PACK) * R::PACK;
                    start..start + R::PACK
                };
                let (mut delta, mut grad_a, mut z) = ([[zero; PG]; B], [zero; PG], [[zero; PG]; B]);
                let a = rest.len() - 1;
                for n in 0..B {
                    for i in 0..PG {
                        grad_a[i] = s.add(s.load(&scaled_value[n][at(i)]), grad_a[i]);
                        delta[n][i] = s.mul(s.load(&scaled_slope[n][at(i)]), s.load(&rest[a][at(i)]));
                    }
                }
                if a == 1 {
                    for i in 0..PG {
                        let mut increment = delta[0][i];
                        for delta in &delta[1..] {
                            increment = s.add(increment, delta[i]);
                        }
                        let b = step.apply(increment, &mut rest[0][at(i)], &mut momentum_rest[0][at(i)]);
                        for z in &mut z {
                            z[i] = b;
                        }
                    }
                }
                for (((w, r), x), next_x) in w.iter_mut().zip(momentum_w.iter_mut()).zip(x).zip(next_x) {
                    if PREFETCH > 0 && group == 0 {
                        s.prefetch(std::ptr::from_ref(w).wrapping_add(PREFETCH * parameters));
                        s.prefetch(std::ptr::from_ref(r).wrapping_add(PREFETCH * parameters));
                    }
                    for i in 0..PG {
                        // The same row of the next block, into the first-level cache; harmless beyond the end of the
                        // state.
                        s.prefetch_line(w[at(i)].as_ptr().wrapping_add(block_len));
                        s.prefetch_line(r[at(i)].as_ptr().wrapping_add(block_len));
                        let mut increment = s.mul(delta[0][i], s.splat(x[0]));
                        for n in 1..B {
                            increment = s.fma(delta[n][i], s.splat(x[n]), increment);
                        }
                        let updated = step.apply(increment, &mut w[at(i)], &mut r[at(i)]);
                        for n in 0..B {
                            z[n][i] = s.fma(s.splat(next_x[n]), updated, z[n][i]);
                        }
                    }
                }
                for i in 0..PG {
                    if train_a {
                        let increment = s.mul(grad_a[i], s.load(&mask[at(i)]));
                        step.apply(increment, &mut rest[a][at(i)], &mut momentum_rest[a][at(i)]);
                    }
                    for n in 0..B {
                        s.store(z[n][i], &mut value[n][at(i)]);
                    }
                }
            }
        }
    }
}

/// The activations of the next batch, from the pre-activations, and the predictions.
pub(super) struct StreamedForward<'a, 's, R, F, const B: usize> {
    /// The superblock after [`StreamedStep`].
    pub superblock: &'a mut Superblock<'s, R>,
    /// Predictions on the next batch before the sum over lanes, one pack per sample.
    pub lane_sums: &'a mut [R],
    /// The activation function.
    pub function: PhantomData<F>,
}

impl<R: Real, F: ActivationFunction, const B: usize> Job<R> for StreamedForward<'_, '_, R, F, B> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let Superblock { theta, kept, parameters, .. } = self.superblock;
        let rows = if F::SLOPE_FROM_VALUE { B } else { 2 * B };
        // After the pass and not block by block: the chains of operations of different blocks overlap.
        for (theta, kept) in theta.chunks_exact(*parameters).zip(kept.chunks_exact_mut(rows)) {
            let (z, slope) = kept.split_at_mut(B);
            let (slope, a, lane_sums) = (Some(slope), &theta[*parameters - 1..], &mut *self.lane_sums);
            ActivationForward::<R, F> { z, slope, a, lane_sums, function: PhantomData }.run::<S, PG, Q>(s);
        }
    }
}

/// The constants of a step in every lane.
struct StepPacks<R, S: Simd<R>> {
    decay: S::Pack,
    drift: S::Pack,
    shrink: S::Pack,
    first_order: bool,
    s: S,
}

impl<R: Real, S: Simd<R>> StepPacks<R, S> {
    /// Moves one pack of parameters, with the ridge term added to `increment`; returns the new parameters.
    #[inline(always)]
    fn apply(&self, increment: S::Pack, theta: &mut [R], momentum: &mut [R]) -> S::Pack {
        let s = self.s;
        let position = s.load(theta);
        let increment = s.fma(self.shrink, position, increment);
        let updated = if self.first_order {
            s.add(position, increment)
        } else {
            let r = s.fma(self.decay, s.load(momentum), increment);
            s.store(r, momentum);
            s.fma(self.drift, r, position)
        };
        s.store(updated, theta);
        updated
    }
}
