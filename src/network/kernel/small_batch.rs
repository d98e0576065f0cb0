//! Steps on a few samples: the phases of a block in one function, over all blocks of a superblock.
//!
//! With few samples a block's phases take some tens of nanoseconds each, and what a call of each costs (arguments through
//! memory, no overlap of one phase's last operations with the next one's first) would be a third of it.

use super::LANES;
use super::phases::{ActivationForward, BlockRow, FusedBackward, PreActivations, PrefetchRows};
use super::superblock::Superblock;
use super::update::ApplyStep;
use crate::compute::{Job, Real, Simd, activation::ActivationFunction};
use std::marker::PhantomData;

/// The step of a superblock on the samples of one tile.
pub(super) struct SmallBatchStep<'a, R, F> {
    /// What is stepped.
    pub part: Superblock<'a, R>,
    /// One pack per sample: features of the next step.
    pub lanes: &'a mut [R],
    /// Room for h, one row per sample.
    pub h: &'a mut [BlockRow<R>],
    /// Rows of w and b.
    pub grad: &'a mut [BlockRow<R>],
    pub function: PhantomData<F>,
}

impl<R: Real, F: ActivationFunction> Job<R> for SmallBatchStep<'_, R, F> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let SmallBatchStep { part, lanes, h, grad, .. } = self;
        let Superblock { theta, momentum, kept, parameters, inputs, now, ahead, residual, constants, .. } = part;
        let count = now.count;
        let rows = if F::SLOPE_FROM_VALUE { count } else { 2 * count };
        let blocks = theta.len() / parameters;
        let state = theta.chunks_exact_mut(parameters).zip(momentum.chunks_exact_mut(parameters));
        for (block, ((theta, momentum), kept)) in state.zip(kept.chunks_exact_mut(rows)).enumerate() {
            let (value, slope) = kept.split_at_mut(count);
            let mut grad_a = [[R::zero(); LANES]];
            FusedBackward::<R, F> {
                kept: (value, slope),
                next: PrefetchRows::NONE,
                residual,
                grad_a: &mut grad_a[0],
                h,
                x: now.backward,
                grad,
                bias: parameters > inputs + 1,
                fresh: true,
                function: PhantomData,
            }
            .run::<S, PG, Q>(s);
            if block + 1 == blocks {
                grad_a[0][part.used..].fill(R::zero());
            }
            let (hidden, a) = theta.split_at_mut(parameters - 1);
            let (momentum, momentum_a) = momentum.split_at_mut(parameters - 1);
            let (grad, factor) = (&grad[..parameters - 1], Some(&a[0]));
            ApplyStep { grad, factor, theta: hidden, momentum, normals: &[], constants }.run::<S, PG, Q>(s);
            if part.train_a {
                let momentum = momentum_a;
                ApplyStep { grad: &grad_a, factor: None, theta: a, momentum, normals: &[], constants }
                    .run::<S, PG, Q>(s);
            }
            let (w, b) = hidden.split_at(inputs);
            PreActivations { w, b: b.first(), x: ahead.forward, z: value }.run::<S, PG, Q>(s);
            ActivationForward::<R, F> { z: value, slope: Some(slope), a, lanes, function: PhantomData }
                .run::<S, PG, Q>(s);
        }
    }
}
