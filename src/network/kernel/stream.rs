//! Steps on one or two samples: one pass over the state does gradient, step and the next step's pre-activations.
//!
//! Such steps are bound by memory: every parameter and momentum is read and written once.

// Register tiles are indexed as on paper; their loops have constant bounds and are unrolled.
#![allow(clippy::needless_range_loop)]

use super::LANES;
use super::phases::ActivationForward;
use super::superblock::Superblock;
use crate::compute::{Job, Real, Simd, activation::ActivationFunction};
use std::marker::PhantomData;

/// Bytes of a state above which a step finds nothing of it in a cache.
const MEMORY: usize = 32 << 20;

/// Bytes of a state above which a step finds nothing of it in the second-level cache.
const SHARED: usize = 4 << 20;

/// Blocks that a state in memory is asked for ahead of time, into the second-level cache.
const FAR: usize = 8;

/// The step of a superblock on `B` samples.
pub(super) struct StreamedStep<'a, R, F, const B: usize> {
    /// What is stepped.
    pub superblock: Superblock<'a, R>,
    /// One pack per sample: features of the next step.
    pub lane_sums: &'a mut [R],
    pub function: PhantomData<F>,
}

impl<R: Real, F: ActivationFunction, const B: usize> Job<R> for StreamedStep<'_, R, F, B> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(mut self, s: S) {
        let bytes = self.superblock.state_bytes;
        // The more of a row at once, the fewer passes over a block's rows; 16 registers lose by more than a pack,
        // which is the smaller loss where rows come from far.
        match (PG, LANES / R::PACK, bytes > MEMORY) {
            (1, 4, false) if bytes > SHARED => self.pass::<S, 2, 0>(s),
            (1, _, false) => self.pass::<S, 1, 0>(s),
            (1, _, true) | (_, 2, true) => self.pass::<S, 2, FAR>(s),
            (_, 2, false) => self.pass::<S, 2, 0>(s),
            (_, _, false) => self.pass::<S, 4, 0>(s),
            (_, _, true) => self.pass::<S, 4, FAR>(s),
        }
        self.activate::<S, PG, Q>(s);
    }
}

impl<R: Real, F: ActivationFunction, const B: usize> StreamedStep<'_, R, F, B> {
    #[inline(always)]
    fn pass<S: Simd<R>, const PG: usize, const AHEAD: usize>(&mut self, s: S) {
        let Superblock {
            theta,
            momentum,
            kept,
            parameters,
            inputs,
            used,
            residual,
            constants: c,
            batch,
            next_batch,
            train_a,
            ..
        } = &mut self.superblock;
        let (parameters, inputs, used, train_a) = (*parameters, *inputs, *used, *train_a);
        // Of two samples at most there is one pair.
        let (x, next_batch) = (batch.forward, next_batch.forward);
        assert!(theta.len() == momentum.len() && x.len() == inputs && next_batch.len() == inputs);
        assert!(residual.len() == B && self.lane_sums.len() == B * R::PACK);
        let mut mask = [R::one(); LANES];
        mask[used..].fill(R::zero());
        let zero = s.splat(R::zero());
        let [decay, kick, drift, shrink] = [c.decay, c.kick, c.drift, c.shrink].map(|v| s.splat(v));
        let step = StepPacks { decay, drift, shrink, first_order: c.first_order, s };
        let rows = if F::SLOPE_FROM_VALUE { B } else { 2 * B };
        let blocks = theta.len() / parameters;
        let block_len = parameters * LANES;
        let state = theta.chunks_exact_mut(parameters).zip(momentum.chunks_exact_mut(parameters));
        let ones = [R::one(); LANES];
        for (block, ((theta, momentum), kept)) in state.zip(kept.chunks_exact_mut(rows)).enumerate() {
            let mask = if block + 1 == blocks { &mask } else { &ones };
            let (value, slope) = kept.split_at_mut(B);
            let (w, rest) = theta.split_at_mut(inputs);
            let (w_r, rest_r) = momentum.split_at_mut(inputs);
            for group in 0..LANES / R::PACK / PG {
                let at = |i: usize| {
                    let start = (group * PG + i) % (LANES / R::PACK) * R::PACK;
                    start..start + R::PACK
                };
                let (mut delta, mut grad_a, mut z) = ([[zero; PG]; B], [zero; PG], [[zero; PG]; B]);
                let a = rest.len() - 1;
                for n in 0..B {
                    let e = s.mul(kick, s.splat(residual[n]));
                    for i in 0..PG {
                        let v = s.load(&value[n][at(i)]);
                        let (scaled_value, slope) = if F::SLOPE_FROM_VALUE {
                            F::scaled_value_and_slope(s, e, v)
                        } else {
                            (s.mul(e, v), s.mul(e, s.load(&slope[n][at(i)])))
                        };
                        grad_a[i] = s.add(scaled_value, grad_a[i]);
                        delta[n][i] = s.mul(slope, s.load(&rest[a][at(i)]));
                    }
                }
                if a == 1 {
                    for i in 0..PG {
                        let mut increment = delta[0][i];
                        for delta in &delta[1..] {
                            increment = s.add(increment, delta[i]);
                        }
                        let b = step.take(increment, &mut rest[0][at(i)], &mut rest_r[0][at(i)]);
                        for z in &mut z {
                            z[i] = b;
                        }
                    }
                }
                for (((w, r), x), next_batch) in w.iter_mut().zip(w_r.iter_mut()).zip(x).zip(next_batch) {
                    if AHEAD > 0 && group == 0 {
                        s.prefetch(std::ptr::from_ref(w).wrapping_add(AHEAD * parameters));
                        s.prefetch(std::ptr::from_ref(r).wrapping_add(AHEAD * parameters));
                    }
                    for i in 0..PG {
                        // The same place of the next block, into the nearest cache; past the state's end it asks for nothing.
                        s.prefetch_line(w[at(i)].as_ptr().wrapping_add(block_len));
                        s.prefetch_line(r[at(i)].as_ptr().wrapping_add(block_len));
                        let mut increment = s.mul(delta[0][i], s.splat(x[0]));
                        for n in 1..B {
                            increment = s.fma(delta[n][i], s.splat(x[n]), increment);
                        }
                        let updated = step.take(increment, &mut w[at(i)], &mut r[at(i)]);
                        for n in 0..B {
                            z[n][i] = s.fma(s.splat(next_batch[n]), updated, z[n][i]);
                        }
                    }
                }
                for i in 0..PG {
                    if train_a {
                        let increment = s.mul(grad_a[i], s.load(&mask[at(i)]));
                        step.take(increment, &mut rest[a][at(i)], &mut rest_r[a][at(i)]);
                    }
                    for n in 0..B {
                        s.store(z[n][i], &mut value[n][at(i)]);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn activate<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let Superblock { theta, kept, parameters, .. } = self.superblock;
        let rows = if F::SLOPE_FROM_VALUE { B } else { 2 * B };
        // A block's activation is one long chain of operations, a superblock's are many to choose from.
        for (theta, kept) in theta.chunks_exact(parameters).zip(kept.chunks_exact_mut(rows)) {
            let (z, slope) = kept.split_at_mut(B);
            let (slope, a, lane_sums) = (Some(slope), &theta[parameters - 1..], &mut *self.lane_sums);
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
    /// Moves one pack by the push, shrinkage included; returns where it is then.
    #[inline(always)]
    fn take(&self, increment: S::Pack, theta: &mut [R], momentum: &mut [R]) -> S::Pack {
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
