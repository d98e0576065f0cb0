//! One pass over the blocks of a state: any combination of the backward pass on a batch, the step, and the forward pass
//! on the next batch.

use super::LANES;
use super::activation::{slope_follows_from_value, with_activation, with_slope};
use super::phases::{
    ActivationBackward, ActivationForward, ActivationSource, BlockRow, FusedBackward, PreActivations, PrefetchRows,
    Reduce, WeightGradient,
};
use super::samples::Samples;
use super::shares::Portion;
use super::small_batch::SmallBatchStep;
use super::stream::{StreamedBackward, StreamedForward, StreamedStep};
use super::superblock::Superblock;
use super::update::{ApplyStep, StepConstants, WriteGradient};
use super::{MOST_UPDATED, Normals, RangeUpdate, TwoLayerLayout};
use crate::compute::tree::{TreeNode, TreeSum};
use crate::compute::{DisjointSlice, Pass, Real, Simd, parallel_for};
use crate::network::{Activation, TwoLayer};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Mutex;

/// Largest batch whose steps are streamed ([`StreamedStep`]).
pub(super) const STREAMED: usize = 2;

/// Per-thread scratch, grown on demand.
#[derive(Debug, Default)]
pub(super) struct TwoLayerScratch<R> {
    /// Pre-activations of a tile, overwritten by their derivatives delta.
    z: Vec<BlockRow<R>>,
    /// Gradient rows of a block: sums over samples.
    grad: Vec<BlockRow<R>>,
    /// The gradient of a block, where it is not written to memory.
    gradient: Vec<BlockRow<R>>,
    /// Standard normals of a block.
    normals: Vec<R>,
    /// Predictions of a superblock before the sum over lanes, one pack per sample and output.
    lane_sums: Vec<R>,
    /// The sum of a superblock, where superblocks are added at once.
    partial: Vec<f64>,
    /// The sum of a task over shares.
    tree: TreeSum,
}

/// The first `count` rows of a buffer, which is grown if necessary.
fn rows<R: Real>(buffer: &mut Vec<BlockRow<R>>, count: usize) -> &mut [BlockRow<R>] {
    if buffer.len() < count {
        buffer.resize(count, [R::zero(); LANES]);
    }
    &mut buffer[..count]
}

/// The use of the gradient in a backward pass.
pub(super) enum BackwardOutput<'a, R> {
    /// It is written to `out`, ridge term included.
    Gradient { out: DisjointSlice<'a, R>, ridge: R },
    /// Parameters and momenta take a step.
    Step { momentum: DisjointSlice<'a, R>, constants: StepConstants<R>, normals: Option<&'a Normals<'a, R>> },
    /// It is passed to a function that updates arrays.
    Update(ArrayUpdate<'a, R>),
}

/// Arrays of the length of the state, and their update by the gradient.
pub(super) struct ArrayUpdate<'a, R> {
    /// The arrays.
    pub arrays: Vec<DisjointSlice<'a, R>>,
    /// The array of the parameters at which the gradient is evaluated.
    pub at: usize,
    /// The array of the parameters of the forward pass, if any.
    pub next: Option<usize>,
    /// Ridge coefficient.
    pub ridge: R,
    /// The update.
    pub update: &'a RangeUpdate<'a, R>,
}

impl<'a, R: Real> ArrayUpdate<'a, R> {
    /// The update of `arrays`; `at` and `next` as in the fields.
    pub fn new(
        arrays: &'a mut [&mut [R]],
        (at, next): (usize, Option<usize>),
        ridge: R,
        update: &'a RangeUpdate<'a, R>,
    ) -> Self {
        assert!(arrays.len() <= MOST_UPDATED, "at most {MOST_UPDATED} arrays");
        let arrays = arrays.iter_mut().map(|array| DisjointSlice::exclusive(array)).collect();
        ArrayUpdate { arrays, at, next, ridge, update }
    }

    /// The parameters at which the gradient is evaluated.
    pub fn parameters(&self) -> &DisjointSlice<'_, R> {
        &self.arrays[self.at]
    }

    /// Updates a range of the arrays by the gradient there; returns the ranges.
    ///
    /// # Safety
    /// While the result is in use, no overlapping range of an array is accessed.
    pub unsafe fn apply(&self, range: Range<usize>, gradient: &[R]) -> [&mut [R]; MOST_UPDATED] {
        let mut ranges: [&mut [R]; MOST_UPDATED] = Default::default();
        for (part, array) in ranges.iter_mut().zip(&self.arrays) {
            // SAFETY: stated above; the arrays do not overlap.
            *part = unsafe { array.get_mut(range.clone()) };
        }
        (self.update)(&mut ranges[..self.arrays.len()], gradient);
        ranges
    }
}

/// The backward part of a sweep.
pub(super) struct Backward<'a, R> {
    /// Inputs of the batch.
    pub samples: &'a Samples<R>,
    /// Residuals, (n, K).
    pub residual: &'a [R],
    /// The use of the gradient.
    pub output: BackwardOutput<'a, R>,
}

/// The forward part of a sweep, at the parameters after the step.
pub(super) struct Forward<'a, R> {
    /// Inputs of the batch.
    pub samples: &'a Samples<R>,
    /// Sums `sum a sigma` over the neurons of each superblock, or of each task, (superblocks or tasks, n, K).
    pub partial: DisjointSlice<'a, f64>,
    /// The shares of a wide layer and the nodes of their tree that are summed, one by each task.
    pub tasks: Option<(&'a Portion, &'a [TreeNode])>,
}

/// A pass over all superblocks.
pub(super) struct BlockSweep<'a, R> {
    /// The network.
    pub network: &'a TwoLayer,
    /// The memory layout of the neurons that are present.
    pub layout: TwoLayerLayout,
    /// Blocks of a superblock, a function of the width of the whole layer.
    pub per_superblock: usize,
    /// Parameters; not used where they are among the arrays of [`BackwardOutput::Update`].
    pub theta: DisjointSlice<'a, R>,
    /// The backward part, if any.
    pub backward: Option<Backward<'a, R>>,
    /// The forward part, if any.
    pub forward: Option<Forward<'a, R>>,
    /// Activations kept from the forward for the backward pass: values, and slopes unless they follow from the values.
    /// `None`: they are recomputed.
    pub kept: Option<DisjointSlice<'a, R>>,
    /// One scratch per thread.
    pub scratch: &'a [Mutex<TwoLayerScratch<R>>],
}

/// The values and the slopes of the activation for the samples of a batch, one row per sample. There are no slopes if
/// they follow from the values.
type KeptRows<'a, R> = (&'a mut [BlockRow<R>], &'a mut [BlockRow<R>]);

/// Rows that are kept per sample and block.
pub(super) fn kept_rows(activation: Activation) -> usize {
    if slope_follows_from_value(activation) { 1 } else { 2 }
}

impl<R: Real> Pass<R> for BlockSweep<'_, R> {
    fn run<S: Simd<R>>(self, simd: S) {
        self.superblocks(simd);
    }
}

/// The activation function is chosen where a phase uses it, so that everything else is compiled once for all of them.
impl<R: Real> BlockSweep<'_, R> {
    /// The pass over all superblocks.
    fn superblocks<S: Simd<R>>(&self, s: S) {
        let lock = |thread: usize| self.scratch[thread].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some((forward, (portion, tasks))) = self.forward.as_ref().and_then(|f| Some((f, f.tasks?))) else {
            let superblocks = self.layout.blocks().div_ceil(self.per_superblock);
            return parallel_for(self.scratch.len(), superblocks, &|superblock, thread| {
                let scratch = &mut *lock(thread);
                self.superblock_pass(s, superblock, scratch);
                self.reduce(s, superblock, scratch);
            });
        };
        let len = forward.samples.count() * self.network.outputs;
        parallel_for(self.scratch.len(), tasks.len(), &|task, thread| {
            let scratch = &mut *lock(thread);
            self.sum_shares(s, portion, tasks[task], scratch);
            let [(_, sum)] = scratch.tree.nodes() else { unreachable!("a task is one node") };
            // SAFETY: every task is processed by one thread and has its own range.
            unsafe { forward.partial.get_mut(task * len..(task + 1) * len) }.copy_from_slice(sum);
        });
    }

    /// The pass over the superblocks of a node, and the sum of their partial predictions, left in `scratch.tree`: a
    /// chain over the superblocks of a share, the tree over shares.
    fn sum_shares<S: Simd<R>>(&self, s: S, portion: &Portion, node: TreeNode, scratch: &mut TwoLayerScratch<R>) {
        let (shares, first) = (portion.shares(), portion.shares().superblocks(portion.own()).start);
        scratch.tree.clear();
        for share in node.leaves() {
            let len = self.forward.as_ref().map_or(0, |f| f.samples.count() * self.network.outputs);
            let mut sum = scratch.tree.zeros(len);
            scratch.partial.resize(len, 0.0);
            for superblock in shares.superblocks(share..share + 1) {
                self.superblock_pass(s, superblock - first, scratch);
                s.vectorize(Reduce { lane_sums: &scratch.lane_sums, out: &mut scratch.partial });
                sum.iter_mut().zip(&scratch.partial).for_each(|(sum, p)| *sum += p);
            }
            scratch.tree.push(TreeNode::leaf(share), sum);
        }
    }

    /// The pass over one superblock, with its predictions before the sum over lanes left in `scratch.lane_sums`.
    fn superblock_pass<S: Simd<R>>(&self, s: S, superblock: usize, scratch: &mut TwoLayerScratch<R>) {
        let per = self.per_superblock;
        if let Some(forward) = &self.forward {
            scratch.lane_sums.clear();
            scratch.lane_sums.resize(forward.samples.count() * self.network.outputs * R::PACK, R::zero());
        }
        if !self.fused_step(s, superblock, scratch) {
            for block in superblock * per..((superblock + 1) * per).min(self.layout.blocks()) {
                self.block(s, block, scratch);
            }
        }
    }

    /// The kept rows of a block.
    fn kept(&self, block: usize, count: usize) -> Option<KeptRows<'_, R>> {
        let len = kept_rows(self.network.activation) * count * LANES;
        // SAFETY: a block belongs to one superblock, which is processed by one thread, and its rows are borrowed once
        // at a time.
        let rows = unsafe { self.kept.as_ref()?.get_mut(block * len..(block + 1) * len) };
        Some(rows.as_chunks_mut::<LANES>().0.split_at_mut(count))
    }

    /// The addresses of the kept rows of the next block from `sample` on, which are prefetched while `block` is
    /// processed.
    fn next_kept(&self, block: usize, count: usize, sample: usize) -> PrefetchRows<R> {
        let rows = kept_rows(self.network.activation) * count;
        let from = |row: usize| match &self.kept {
            Some(kept) if block + 1 < self.layout.blocks() => kept.address(((block + 1) * rows + row) * LANES).cast(),
            _ => std::ptr::null(),
        };
        PrefetchRows {
            values: from(sample),
            slopes: if rows == count { std::ptr::null() } else { from(count + sample) },
        }
    }

    /// The pass over one block.
    fn block<S: Simd<R>>(&self, s: S, block: usize, scratch: &mut TwoLayerScratch<R>) {
        let size = self.layout.parameters * LANES;
        let at = block * size..(block + 1) * size;
        let Some(backward) = &self.backward else {
            // SAFETY: without a backward part no parameter is written.
            let theta = unsafe { self.theta.get(at) };
            return self.forward(s, block, theta.as_chunks().0, scratch);
        };
        match &backward.output {
            BackwardOutput::Gradient { out, ridge } => {
                // SAFETY: parameters are only read; no other call accesses the gradient of this block.
                let (theta, out) = unsafe { (self.theta.get(at.clone()), out.get_mut(at)) };
                let (theta, out) = (theta.as_chunks().0, out.as_chunks_mut().0);
                self.sums(s, block, theta, backward, scratch);
                self.gradient(s, block, theta, &scratch.grad, *ridge, out);
                self.forward(s, block, theta, scratch);
            }
            BackwardOutput::Step { momentum, constants, normals } => {
                // SAFETY: no other call accesses the parameters and momenta of this block.
                let (theta, momentum) = unsafe { (self.theta.get_mut(at.clone()), momentum.get_mut(at)) };
                let (theta, momentum) = (theta.as_chunks_mut().0, momentum.as_chunks_mut().0);
                self.sums(s, block, theta, backward, scratch);
                if let Some(normals) = normals {
                    scratch.normals.resize(size, R::zero());
                    normals(block, &mut scratch.normals);
                }
                let normals = if normals.is_some() { scratch.normals.as_chunks().0 } else { &[] };
                self.step(s, theta, momentum, &scratch.grad, normals, *constants);
                self.forward(s, block, theta, scratch);
            }
            BackwardOutput::Update(update) => self.update(s, block, (backward, update), scratch),
        }
    }

    /// The pass over one block that updates arrays by the gradient.
    fn update<S: Simd<R>>(
        &self,
        s: S,
        block: usize,
        (backward, update): (&Backward<'_, R>, &ArrayUpdate<'_, R>),
        scratch: &mut TwoLayerScratch<R>,
    ) {
        let size = self.layout.parameters * LANES;
        let range = block * size..(block + 1) * size;
        {
            // SAFETY: no other call accesses the ranges of this block, and they are not written while this one is in use.
            let theta = unsafe { update.parameters().get(range.clone()) }.as_chunks().0;
            self.sums(s, block, theta, backward, scratch);
            scratch.gradient.resize(self.layout.parameters, [R::zero(); LANES]);
            self.gradient(s, block, theta, &scratch.grad, update.ridge, &mut scratch.gradient);
            scratch.gradient[..self.network.fixed_inputs()].fill([R::zero(); LANES]);
        }
        // SAFETY: as above.
        let ranges = unsafe { update.apply(range, scratch.gradient.as_flattened()) };
        if let Some(next) = update.next {
            self.forward(s, block, ranges[next].as_chunks().0, scratch);
        }
    }

    /// Sums over lanes and writes the partial predictions of a superblock.
    fn reduce<S: Simd<R>>(&self, s: S, superblock: usize, scratch: &TwoLayerScratch<R>) {
        let Some(forward) = &self.forward else { return };
        let len = forward.samples.count() * self.network.outputs;
        // SAFETY: every superblock is processed by one thread and has its own range.
        let out = unsafe { forward.partial.get_mut(superblock * len..(superblock + 1) * len) };
        s.vectorize(Reduce { lane_sums: &scratch.lane_sums, out });
    }

    /// Number of rows of w and b.
    fn hidden(&self) -> usize {
        self.layout.parameters - self.network.outputs
    }

    /// Writes the pre-activations of a tile.
    fn pre_activations<S: Simd<R>>(&self, s: S, theta: &[BlockRow<R>], x: &[[R; 2]], z: &mut [BlockRow<R>]) {
        let d = self.network.inputs;
        let b = self.network.bias.then(|| &theta[d]);
        s.vectorize(PreActivations { w: &theta[..d], b, x, z });
    }

    /// The forward pass of a block.
    fn forward<S: Simd<R>>(&self, s: S, block: usize, theta: &[BlockRow<R>], scratch: &mut TwoLayerScratch<R>) {
        let Some(Forward { samples, .. }) = &self.forward else { return };
        let a = &theta[self.hidden()..];
        let activation = self.network.activation;
        let from_value = slope_follows_from_value(activation);
        let mut kept = self.kept(block, samples.count());
        for tile in samples.tiles() {
            let at = tile.first..tile.first + tile.count;
            let per = a.len() * R::PACK;
            let (z, slope) = match &mut kept {
                None => (rows(&mut scratch.z, tile.count), None),
                Some((value, _)) if from_value => (&mut value[at.clone()], None),
                Some((value, slope)) => (&mut value[at.clone()], Some(&mut slope[at.clone()])),
            };
            self.pre_activations(s, theta, tile.forward, z);
            let lane_sums = &mut scratch.lane_sums[at.start * per..at.end * per];
            with_activation!(activation, F => {
                s.vectorize(ActivationForward::<R, F> { z, slope, a, lane_sums, function: PhantomData });
            });
        }
    }

    /// The backward pass of a block: writes sums over samples to `scratch.grad`, rows of w and b, then rows of a.
    fn sums<S: Simd<R>>(
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
        let activation = self.network.activation;
        let from_value = slope_follows_from_value(activation);
        let kept = self.kept(block, samples.count());
        for tile in samples.tiles() {
            let at = tile.first..tile.first + tile.count;
            let delta = rows(&mut scratch.z, tile.count);
            if let (Some((value, slope)), [grad_a]) = (&kept, &mut *grad_a) {
                let slope = if from_value { &[] } else { &slope[at.clone()] };
                let kept = (&value[at.clone()], slope);
                let next = self.next_kept(block, samples.count(), at.start);
                let (residual, x, from_zero) = (&residual[at], tile.backward, tile.first == 0);
                with_slope!(activation, F => {
                    let function = PhantomData::<F>;
                    s.vectorize(FusedBackward {
                        kept, next, residual, grad_a, delta, x, grad, bias, from_zero, function,
                    });
                });
                continue;
            }
            let source = match &kept {
                Some((value, _)) if from_value => ActivationSource::Kept(&value[at.clone()], &[]),
                Some((value, slope)) => ActivationSource::Kept(&value[at.clone()], &slope[at.clone()]),
                None => {
                    self.pre_activations(s, theta, tile.forward, delta);
                    ActivationSource::Recomputed
                }
            };
            let residual = &residual[at.start * outputs..at.end * outputs];
            let a = &theta[hidden..];
            with_activation!(activation, F => {
                let function = PhantomData::<F>;
                s.vectorize(ActivationBackward { source, residual, a, grad_a, delta, function });
            });
            s.vectorize(WeightGradient { delta, x: tile.backward, grad, bias, from_zero: tile.first == 0 });
        }
        // Padding has a = 0, so that only its gradient of a may be nonzero.
        let used = self.layout.lanes_in_use(block);
        for row in grad_a {
            row[used..].fill(R::zero());
        }
    }

    /// Writes the gradient of a block from the sums over samples.
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
            // Padding is +0, not -0.
            out.iter_mut().for_each(|row| row[used..].fill(R::zero()));
        }
    }

    /// Moves the parameters and momenta of a block, from the sums over samples.
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

    /// The step of a superblock in few functions, for small batches; returns whether it was done.
    fn fused_step<S: Simd<R>>(&self, s: S, index: usize, scratch: &mut TwoLayerScratch<R>) -> bool {
        if const { !S::FUSES_SMALL_BATCHES } {
            return false;
        }
        let Some(superblock) = self.superblock(index) else { return false };
        let lane_sums = &mut scratch.lane_sums[..];
        match superblock.batch.count {
            1 => self.streamed::<S, 1>(s, superblock, lane_sums, &mut scratch.z),
            2 => self.streamed::<S, 2>(s, superblock, lane_sums, &mut scratch.z),
            count => {
                scratch.grad.resize(self.hidden(), [R::zero(); LANES]);
                let (delta, grad) = (rows(&mut scratch.z, count), &mut scratch.grad[..]);
                with_activation!(self.network.activation, F => {
                    let function = PhantomData::<F>;
                    s.vectorize(SmallBatchStep { superblock, lane_sums, delta, grad, function });
                });
            }
        }
        true
    }

    /// The step of a superblock on `B` samples.
    fn streamed<S: Simd<R>, const B: usize>(
        &self,
        s: S,
        mut superblock: Superblock<'_, R>,
        lane_sums: &mut [R],
        scratch: &mut Vec<BlockRow<R>>,
    ) {
        let activation = self.network.activation;
        let blocks = superblock.theta.len() / superblock.parameters;
        let scaled = rows(scratch, 2 * B * blocks);
        with_slope!(activation, F => {
            let (kept, residual, kick) = (&*superblock.kept, superblock.residual, superblock.constants.kick);
            let (scaled, function) = (&mut *scaled, PhantomData::<F>);
            s.vectorize(StreamedBackward::<R, F, B> { kept, residual, kick, scaled, function });
        });
        s.vectorize(StreamedStep::<R, B> { superblock: &mut superblock, scaled, kept_rows: kept_rows(activation) * B });
        with_activation!(activation, F => {
            let function = PhantomData::<F>;
            s.vectorize(StreamedForward::<R, F, B> { superblock: &mut superblock, lane_sums, function });
        });
    }
}
