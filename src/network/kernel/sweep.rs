//! One pass over the blocks of a state: backward for a batch, the step, forward for the next batch, in any combination.

use super::LANES;
use super::activation::with_activation;
use super::phases::{
    ActivationBackward, ActivationForward, ActivationSource, BlockRow, FusedBackward, PreActivations, PrefetchRows,
    Reduce, WeightGradient,
};
use super::samples::Samples;
use super::small_batch::SmallBatchStep;
use super::stream::StreamedStep;
use super::update::{ApplyStep, StepConstants, WriteGradient};
use super::{Normals, TwoLayerLayout};
use crate::compute::{DisjointSlice, Pass, Real, Simd, activation::ActivationFunction, parallel_for};
use crate::network::{Activation, TwoLayer};
use std::marker::PhantomData;
use std::sync::Mutex;

/// Largest batch whose steps are done in one pass over the state.
pub(super) const STREAMED: usize = 2;

/// What one thread works with; grows to what is asked and stays.
#[derive(Debug, Default)]
pub(super) struct TwoLayerScratch<R> {
    /// Pre-activations of a tile, then h.
    z: Vec<BlockRow<R>>,
    /// Sums over samples.
    grad: Vec<BlockRow<R>>,
    /// Standard normals of a block.
    normals: Vec<R>,
    /// Features of a superblock, one pack per sample and output.
    lanes: Vec<R>,
}

/// The first rows of what grows to what is asked.
fn rows<R: Real>(room: &mut Vec<BlockRow<R>>, count: usize) -> &mut [BlockRow<R>] {
    if room.len() < count {
        room.resize(count, [R::zero(); LANES]);
    }
    &mut room[..count]
}

/// What becomes of the sums over samples.
pub(super) enum BackwardOutput<'a, R> {
    /// The gradient, ridge included.
    Gradient { out: DisjointSlice<'a, R>, ridge: R },
    /// The step.
    Step { momentum: DisjointSlice<'a, R>, constants: StepConstants<R>, normals: Option<&'a Normals<'a, R>> },
}

/// The backward half of a sweep.
pub(super) struct Backward<'a, R> {
    pub samples: &'a Samples<R>,
    /// Residuals, (n, K).
    pub residual: &'a [R],
    pub then: BackwardOutput<'a, R>,
}

/// The forward half of a sweep, at the parameters after the step.
pub(super) struct Forward<'a, R> {
    pub samples: &'a Samples<R>,
    /// Partial sums of features, (superblocks, n, K).
    pub partial: DisjointSlice<'a, f64>,
}

/// A pass over all superblocks.
pub(super) struct BlockSweep<'a, R> {
    pub network: &'a TwoLayer,
    pub layout: TwoLayerLayout,
    pub theta: DisjointSlice<'a, R>,
    pub backward: Option<Backward<'a, R>>,
    pub forward: Option<Forward<'a, R>>,
    /// Values of the activation (and slopes, where they do not follow), kept from the forward pass for the backward pass;
    /// `None`: they are evaluated again.
    pub kept: Option<DisjointSlice<'a, R>>,
    pub scratch: &'a [Mutex<TwoLayerScratch<R>>],
}

/// Rows that are kept per sample and block.
pub(super) fn kept_rows(activation: Activation) -> usize {
    with_activation!(activation, F => if F::SLOPE_FROM_VALUE { 1 } else { 2 })
}

impl<R: Real> Pass<R> for BlockSweep<'_, R> {
    fn run<S: Simd<R>>(self, simd: S) {
        with_activation!(self.network.activation, F => self.superblocks::<S, F>(simd));
    }
}

impl<R: Real> BlockSweep<'_, R> {
    fn superblocks<S: Simd<R>, F: ActivationFunction>(&self, s: S) {
        let per = self.layout.superblock();
        parallel_for(self.scratch.len(), self.layout.superblocks(), &|superblock, thread| {
            let mut scratch = self.scratch[thread].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let scratch = &mut *scratch;
            if let Some(forward) = &self.forward {
                scratch.lanes.clear();
                scratch.lanes.resize(forward.samples.count() * self.network.outputs * R::PACK, R::zero());
            }
            if !self.stream::<S, F>(s, superblock, scratch) {
                for block in superblock * per..((superblock + 1) * per).min(self.layout.blocks()) {
                    self.block::<S, F>(s, block, scratch);
                }
            }
            self.reduce(s, superblock, scratch);
        });
    }

    /// The kept rows of a block: values, then slopes.
    #[allow(clippy::mut_from_ref, clippy::type_complexity)]
    fn kept<F: ActivationFunction>(
        &self,
        block: usize,
        count: usize,
    ) -> Option<(&mut [BlockRow<R>], &mut [BlockRow<R>])> {
        let len = if F::SLOPE_FROM_VALUE { 1 } else { 2 } * count * LANES;
        // SAFETY: a block belongs to one superblock, which is handed out once, and the rows are taken once at a time there.
        let rows = unsafe { self.kept.as_ref()?.get_mut(block * len..(block + 1) * len) };
        Some(rows.as_chunks_mut::<LANES>().0.split_at_mut(count))
    }

    /// Where the kept values and slopes of the next block begin, from a sample on: they are fetched while this one is worked on.
    fn next_kept<F: ActivationFunction>(&self, block: usize, count: usize, sample: usize) -> PrefetchRows<R> {
        let rows = if F::SLOPE_FROM_VALUE { 1 } else { 2 } * count;
        let from = |row: usize| match &self.kept {
            Some(kept) if block + 1 < self.layout.blocks() => kept.address(((block + 1) * rows + row) * LANES).cast(),
            _ => std::ptr::null(),
        };
        PrefetchRows {
            values: from(sample),
            slopes: if F::SLOPE_FROM_VALUE { std::ptr::null() } else { from(count + sample) },
        }
    }

    fn block<S: Simd<R>, F: ActivationFunction>(&self, s: S, block: usize, scratch: &mut TwoLayerScratch<R>) {
        let size = self.layout.parameters * LANES;
        let at = block * size..(block + 1) * size;
        let Some(backward) = &self.backward else {
            // SAFETY: without a backward half nothing is written.
            let theta = unsafe { self.theta.get(at) };
            return self.forward::<S, F>(s, block, theta.as_chunks().0, scratch);
        };
        match &backward.then {
            BackwardOutput::Gradient { out, ridge } => {
                // SAFETY: parameters are only read; the block's part of the gradient belongs to this call alone.
                let (theta, out) = unsafe { (self.theta.get(at.clone()), out.get_mut(at)) };
                let (theta, out) = (theta.as_chunks().0, out.as_chunks_mut().0);
                self.sums::<S, F>(s, block, theta, backward, scratch);
                self.gradient(s, block, theta, &scratch.grad, *ridge, out);
                self.forward::<S, F>(s, block, theta, scratch);
            }
            BackwardOutput::Step { momentum, constants, normals } => {
                // SAFETY: the block's parts of parameters and momenta belong to this call alone.
                let (theta, momentum) = unsafe { (self.theta.get_mut(at.clone()), momentum.get_mut(at)) };
                let (theta, momentum) = (theta.as_chunks_mut().0, momentum.as_chunks_mut().0);
                self.sums::<S, F>(s, block, theta, backward, scratch);
                if let Some(normals) = normals {
                    scratch.normals.resize(size, R::zero());
                    normals(block, &mut scratch.normals);
                }
                let normals = if normals.is_some() { scratch.normals.as_chunks().0 } else { &[] };
                self.step(s, theta, momentum, &scratch.grad, normals, *constants);
                self.forward::<S, F>(s, block, theta, scratch);
            }
        }
    }

    /// Sums the lanes of a superblock's features into its part of the predictions.
    fn reduce<S: Simd<R>>(&self, s: S, superblock: usize, scratch: &TwoLayerScratch<R>) {
        let Some(forward) = &self.forward else { return };
        let len = forward.samples.count() * self.network.outputs;
        // SAFETY: every superblock is handed out once and has its own part.
        let out = unsafe { forward.partial.get_mut(superblock * len..(superblock + 1) * len) };
        s.vectorize(Reduce { lanes: &scratch.lanes, out });
    }

    /// Rows of w and b.
    fn hidden(&self) -> usize {
        self.layout.parameters - self.network.outputs
    }

    fn pre_activations<S: Simd<R>>(&self, s: S, theta: &[BlockRow<R>], x: &[[R; 2]], z: &mut [BlockRow<R>]) {
        let d = self.network.inputs;
        let b = self.network.bias.then(|| &theta[d]);
        s.vectorize(PreActivations { w: &theta[..d], b, x, z });
    }

    fn forward<S: Simd<R>, F: ActivationFunction>(
        &self,
        s: S,
        block: usize,
        theta: &[BlockRow<R>],
        scratch: &mut TwoLayerScratch<R>,
    ) {
        let Some(Forward { samples, .. }) = &self.forward else { return };
        let a = &theta[self.hidden()..];
        let mut kept = self.kept::<F>(block, samples.count());
        for tile in samples.tiles() {
            let at = tile.first..tile.first + tile.count;
            let per = a.len() * R::PACK;
            let (z, slope) = match &mut kept {
                None => (rows(&mut scratch.z, tile.count), None),
                Some((value, _)) if F::SLOPE_FROM_VALUE => (&mut value[at.clone()], None),
                Some((value, slope)) => (&mut value[at.clone()], Some(&mut slope[at.clone()])),
            };
            self.pre_activations(s, theta, tile.forward, z);
            let lanes = &mut scratch.lanes[at.start * per..at.end * per];
            s.vectorize(ActivationForward::<R, F> { z, slope, a, lanes, function: PhantomData });
        }
    }

    /// Sums over the samples of the backward half, in `scratch.grad`: rows of w and b, then rows of a.
    fn sums<S: Simd<R>, F: ActivationFunction>(
        &self,
        s: S,
        block: usize,
        theta: &[BlockRow<R>],
        backward: &Backward<'_, R>,
        scratch: &mut TwoLayerScratch<R>,
    ) {
        let Backward { samples, residual, .. } = backward;
        let (hidden, outputs, bias) = (self.hidden(), self.network.outputs, self.network.bias);
        scratch.grad.resize(hidden + outputs, [R::zero(); LANES]);
        let (grad, grad_a) = scratch.grad.split_at_mut(hidden);
        grad_a.fill([R::zero(); LANES]);
        let kept = self.kept::<F>(block, samples.count());
        for tile in samples.tiles() {
            let at = tile.first..tile.first + tile.count;
            let h = rows(&mut scratch.z, tile.count);
            if let (Some((value, slope)), [grad_a]) = (&kept, &mut *grad_a) {
                let slope = if F::SLOPE_FROM_VALUE { &[] } else { &slope[at.clone()] };
                s.vectorize(FusedBackward::<R, F> {
                    kept: (&value[at.clone()], slope),
                    next: self.next_kept::<F>(block, samples.count(), at.start),
                    residual: &residual[at],
                    grad_a,
                    h,
                    x: tile.backward,
                    grad,
                    bias,
                    fresh: tile.first == 0,
                    function: PhantomData,
                });
                continue;
            }
            let source = match &kept {
                Some((value, _)) if F::SLOPE_FROM_VALUE => ActivationSource::Kept(&value[at.clone()], &[]),
                Some((value, slope)) => ActivationSource::Kept(&value[at.clone()], &slope[at.clone()]),
                None => {
                    self.pre_activations(s, theta, tile.forward, h);
                    ActivationSource::Recomputed
                }
            };
            let residual = &residual[at.start * outputs..at.end * outputs];
            s.vectorize(ActivationBackward::<R, F> {
                source,
                residual,
                a: &theta[hidden..],
                grad_a,
                h,
                function: PhantomData,
            });
            s.vectorize(WeightGradient { h, x: tile.backward, grad, bias, fresh: tile.first == 0 });
        }
        // Padded neurons have a = 0, so that only the gradient of a must be told that they do not exist.
        let used = self.layout.lanes_in_use(block);
        for row in grad_a {
            row[used..].fill(R::zero());
        }
    }

    fn gradient<S: Simd<R>>(
        &self,
        s: S,
        block: usize,
        theta: &[BlockRow<R>],
        grad: &[BlockRow<R>],
        ridge: R,
        out: &mut [BlockRow<R>],
    ) {
        let (hidden, outputs) = (self.hidden(), self.network.outputs);
        let factor = (outputs == 1).then(|| &theta[hidden]);
        let (out_hidden, out_a) = out.split_at_mut(hidden);
        s.vectorize(WriteGradient { grad: &grad[..hidden], factor, theta: &theta[..hidden], ridge, out: out_hidden });
        if self.network.trains_output() {
            let grad = &grad[grad.len() - outputs..];
            s.vectorize(WriteGradient { grad, factor: None, theta: &theta[hidden..], ridge, out: out_a });
        } else {
            out_a.fill([R::zero(); LANES]);
        }
        let used = self.layout.lanes_in_use(block);
        if used < LANES {
            // Also the sign of zero.
            out.iter_mut().for_each(|row| row[used..].fill(R::zero()));
        }
    }

    fn step<S: Simd<R>>(
        &self,
        s: S,
        theta: &mut [BlockRow<R>],
        momentum: &mut [BlockRow<R>],
        grad: &[BlockRow<R>],
        normals: &[BlockRow<R>],
        constants: StepConstants<R>,
    ) {
        let (hidden, outputs) = (self.hidden(), self.network.outputs);
        let (theta, a) = theta.split_at_mut(hidden);
        let (momentum, momentum_a) = momentum.split_at_mut(hidden);
        let (normals, normals_a) = normals.split_at(hidden.min(normals.len()));
        let factor = (outputs == 1).then(|| &a[0]);
        s.vectorize(ApplyStep { grad: &grad[..hidden], factor, theta, momentum, normals, constants });
        if self.network.trains_output() {
            let grad = &grad[grad.len() - outputs..];
            let (momentum, normals) = (momentum_a, normals_a);
            s.vectorize(ApplyStep { grad, factor: None, theta: a, momentum, normals, constants });
        }
    }

    /// Does the step of a superblock in one pass over the state, where it can be done so; says whether.
    fn stream<S: Simd<R>, F: ActivationFunction>(
        &self,
        s: S,
        superblock: usize,
        scratch: &mut TwoLayerScratch<R>,
    ) -> bool {
        let Some(part) = self.superblock::<F>(superblock) else { return false };
        let (lanes, function) = (&mut scratch.lanes[..], PhantomData);
        match part.now.count {
            1 => s.vectorize(StreamedStep::<R, F, 1> { part, lanes, function }),
            2 => s.vectorize(StreamedStep::<R, F, 2> { part, lanes, function }),
            count => {
                scratch.grad.resize(self.hidden(), [R::zero(); LANES]);
                let (h, grad) = (rows(&mut scratch.z, count), &mut scratch.grad[..]);
                s.vectorize(SmallBatchStep::<R, F> { part, lanes, h, grad, function });
            }
        }
        true
    }
}
