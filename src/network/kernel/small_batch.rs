//! Steps on small batches: all phases in one function, over all blocks of a superblock.
//!
//! With few samples each phase of a block takes some tens of nanoseconds. Separate function calls, with arguments
//! passed through memory and no overlap between consecutive phases, would take a third of that.

use super::LANES;
use super::phases::{ActivationForward, BlockRow, FusedBackward, PreActivations, PrefetchRows};
use super::superblock::Superblock;
use super::update::ApplyStep;
use crate::compute::{Job, Real, Simd, activation::ActivationFunction};
use std::marker::PhantomData;

/// The step of a superblock on the samples of one tile.
pub(super) struct SmallBatchStep<'a, R, F> {
    /// The superblock.
    pub superblock: Superblock<'a, R>,
    /// Predictions on the next batch before the sum over lanes, one pack per sample.
    pub lane_sums: &'a mut [R],
    /// Scratch for delta, one row per sample.
    pub delta: &'a mut [BlockRow<R>],
    /// Scratch for the gradient, rows of w and b.
    pub grad: &'a mut [BlockRow<R>],
    /// The activation function.
    pub function: PhantomData<F>,
}

impl<R: Real, F: ActivationFunction> Job<R> for SmallBatchStep<'_, R, F> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let SmallBatchStep { superblock, lane_sums, delta, grad, .. } = self;
        let Superblock { theta, momentum, kept, parameters, inputs, batch, next_batch, residual, constants, .. } =
            superblock;
        let count = batch.count;
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
                delta,
                x: batch.backward,
                grad,
                bias: parameters > inputs + 1,
                from_zero: true,
                function: PhantomData,
            }
            .run::<S, PG, Q>(s);
            if block + 1 == blocks {
                grad_a[0][superblock.used..].fill(R::zero());
            }
            let (hidden, a) = theta.split_at_mut(parameters - 1);
            let (momentum, momentum_a) = momentum.split_at_mut(parameters - 1);
            let (grad, factor) = (&grad[..parameters - 1], Some(&a[0]));
            ApplyStep { grad, factor, theta: hidden, momentum, normals: &[], constants }.run::<S, PG, Q>(s);
            if superblock.train_a {
                let momentum = momentum_a;
                ApplyStep { grad: &grad_a, factor: None, theta: a, momentum, normals: &[], constants }
                    .run::<S, PG, Q>(s);
            }
            let (w, b) = hidden.split_at(inputs);
            PreActivations { w, b: b.first(), x: next_batch.forward, z: value }.run::<S, PG, Q>(s);
            ActivationForward::<R, F> { z: value, slope: Some(slope), a, lane_sums, function: PhantomData }
                .run::<S, PG, Q>(s);
        }
    }
}
