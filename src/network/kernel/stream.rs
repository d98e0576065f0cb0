//! Steps on one or two samples: one pass over the state does gradient, step and the next step's pre-activations.
//!
//! Such steps are bound by memory: every parameter and momentum is read and written once.

// Register tiles are indexed as on paper; their loops have constant bounds and are unrolled.
#![allow(clippy::needless_range_loop)]

use super::LANES;
use super::finish::Constants;
use super::math::Function;
use super::phases::{Activate, Lanes};
use super::simd::{Job, Simd};
use crate::network::Real;
use std::marker::PhantomData;

/// The step of the blocks of a superblock on `B` samples, for one output and without noise.
pub(super) struct Stream<'a, R, F, const B: usize> {
    /// Rows of w, b (where there is one) and a, block after block.
    pub theta: &'a mut [Lanes<R>],
    /// Momenta.
    pub momentum: &'a mut [Lanes<R>],
    /// Rows of a block, and those of w.
    pub parameters: usize,
    pub inputs: usize,
    /// This step's inputs, `[input][sample]`, and residuals.
    pub x: &'a [[R; 2]],
    pub residual: &'a [R],
    /// The next step's inputs.
    pub ahead: &'a [[R; 2]],
    /// Values, and slopes where they do not follow from them, block after block: this step's in, the next step's out.
    pub kept: &'a mut [Lanes<R>],
    /// For the last block, 1 for neurons and 0 for padding.
    pub mask: &'a Lanes<R>,
    /// Whether output weights are trained.
    pub train_a: bool,
    pub constants: Constants<R>,
    /// One pack per sample: features of the next step.
    pub lanes: &'a mut [R],
    pub function: PhantomData<F>,
}

impl<R: Real, F: Function, const B: usize> Job<R> for Stream<'_, R, F, B> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        match (self.constants.first_order, self.constants.shrink == R::zero()) {
            (true, _) => self.blocks::<S, PG, Q, true, true>(s),
            (false, false) => self.blocks::<S, PG, Q, false, true>(s),
            (false, true) => self.blocks::<S, PG, Q, false, false>(s),
        }
    }
}

impl<R: Real, F: Function, const B: usize> Stream<'_, R, F, B> {
    #[inline(always)]
    fn blocks<S: Simd<R>, const PG: usize, const Q: usize, const FIRST_ORDER: bool, const RIDGE: bool>(self, s: S) {
        let Stream { parameters, inputs, x, residual, ahead, mask, train_a, .. } = self;
        let (theta, momentum, kept) = (&mut *self.theta, &mut *self.momentum, &mut *self.kept);
        let c = self.constants;
        assert!(theta.len() == momentum.len() && x.len() == inputs && ahead.len() == inputs);
        assert!(residual.len() == B && self.lanes.len() == B * R::PACK);
        let zero = s.splat(R::zero());
        let [keep, kick, drift, shrink] = [c.keep, c.kick, c.drift, c.shrink].map(|v| s.splat(v));
        let step = Step::<R, S, FIRST_ORDER, RIDGE> { keep, drift, shrink, s };
        let rows = if F::SLOPE_FROM_VALUE { B } else { 2 * B };
        let blocks = theta.len() / parameters;
        let block_len = parameters * LANES;
        let state = theta.chunks_exact_mut(parameters).zip(momentum.chunks_exact_mut(parameters));
        let ones = [R::one(); LANES];
        for (block, ((theta, momentum), kept)) in state.zip(kept.chunks_exact_mut(rows)).enumerate() {
            let mask = if block + 1 == blocks { mask } else { &ones };
            let (value, slope) = kept.split_at_mut(B);
            let (w, rest) = theta.split_at_mut(inputs);
            let (w_r, rest_r) = momentum.split_at_mut(inputs);
            for group in 0..LANES / R::PACK / PG {
                let at = |i: usize| {
                    let start = (group * PG + i) % (LANES / R::PACK) * R::PACK;
                    start..start + R::PACK
                };
                let (mut h, mut grad_a, mut z) = ([[zero; PG]; B], [zero; PG], [[zero; PG]; B]);
                let a = rest.len() - 1;
                for n in 0..B {
                    let e = s.mul(kick, s.splat(residual[n]));
                    for i in 0..PG {
                        let v = s.load(&value[n][at(i)]);
                        let (pulled, slope) = if F::SLOPE_FROM_VALUE {
                            F::pull(s, e, v)
                        } else {
                            (s.mul(e, v), s.mul(e, s.load(&slope[n][at(i)])))
                        };
                        grad_a[i] = s.add(pulled, grad_a[i]);
                        h[n][i] = s.mul(slope, s.load(&rest[a][at(i)]));
                    }
                }
                if a == 1 {
                    for i in 0..PG {
                        let mut push = h[0][i];
                        for h in &h[1..] {
                            push = s.add(push, h[i]);
                        }
                        let b = step.take(push, &mut rest[0][at(i)], &mut rest_r[0][at(i)]);
                        for z in &mut z {
                            z[i] = b;
                        }
                    }
                }
                for (((w, r), x), ahead) in w.iter_mut().zip(w_r.iter_mut()).zip(x).zip(ahead) {
                    for i in 0..PG {
                        // The same place of the next block, into the nearest cache; past the state's end it asks for nothing.
                        s.prefetch_line(w[at(i)].as_ptr().wrapping_add(block_len));
                        s.prefetch_line(r[at(i)].as_ptr().wrapping_add(block_len));
                        let mut push = s.mul(h[0][i], s.splat(x[0]));
                        for n in 1..B {
                            push = s.fma(h[n][i], s.splat(x[n]), push);
                        }
                        let moved = step.take(push, &mut w[at(i)], &mut r[at(i)]);
                        for n in 0..B {
                            z[n][i] = s.fma(s.splat(ahead[n]), moved, z[n][i]);
                        }
                    }
                }
                for i in 0..PG {
                    if train_a {
                        let push = s.mul(grad_a[i], s.load(&mask[at(i)]));
                        step.take(push, &mut rest[a][at(i)], &mut rest_r[a][at(i)]);
                    }
                    for n in 0..B {
                        s.store(z[n][i], &mut value[n][at(i)]);
                    }
                }
            }
        }
        // A block's activation is one long chain of operations, a superblock's are many to choose from.
        for (theta, kept) in self.theta.chunks_exact(parameters).zip(self.kept.chunks_exact_mut(rows)) {
            let (z, slope) = kept.split_at_mut(B);
            let (slope, a, lanes) = (Some(slope), &theta[parameters - 1..], &mut *self.lanes);
            Activate::<R, F> { z, slope, a, lanes, function: PhantomData }.run::<S, PG, Q>(s);
        }
    }
}

/// The constants of a step in every lane.
struct Step<R, S: Simd<R>, const FIRST_ORDER: bool, const RIDGE: bool> {
    keep: S::Pack,
    drift: S::Pack,
    shrink: S::Pack,
    s: S,
}

impl<R: Real, S: Simd<R>, const FIRST_ORDER: bool, const RIDGE: bool> Step<R, S, FIRST_ORDER, RIDGE> {
    /// Moves one pack by the push, shrinkage included; returns where it is then.
    #[inline(always)]
    fn take(&self, push: S::Pack, theta: &mut [R], momentum: &mut [R]) -> S::Pack {
        let s = self.s;
        let position = s.load(theta);
        let push = if RIDGE { s.fma(self.shrink, position, push) } else { push };
        let moved = if FIRST_ORDER {
            s.add(position, push)
        } else {
            let r = s.fma(self.keep, s.load(momentum), push);
            s.store(r, momentum);
            s.fma(self.drift, r, position)
        };
        s.store(moved, theta);
        moved
    }
}
