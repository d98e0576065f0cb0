//! The passes of two-layer networks and their buffers.

use super::LANES;
use super::arithmetic::{GradientUse, TwoLayerWork};
use super::layout::TwoLayerLayout;
use super::predictions::{Predictions, in_chunks};
use super::samples::Samples;
use super::shares::{Portion, Shares};
use super::sweep::{ArrayUpdate, Backward, BackwardOutput, BlockSweep, Forward, STREAMED, TwoLayerScratch, kept_rows};
use super::update::{StepCoefficients, StepConstants};
use super::{Normals, RangeUpdate};
use crate::compute::profile::{self, WorkKind, pass};
use crate::compute::tree::TreeNode;
use crate::compute::{DisjointSlice, Real, Threads};
use crate::network::{Objective, TwoLayer};
use std::sync::Mutex;

/// Multiply-adds in single precision, or half as many in double precision, below which a pass is serial. They take some
/// ten to twenty microseconds.
const SERIAL_WORK: usize = 80_000;

/// Most bytes of activations that are kept from the forward to the backward pass. Beyond, recomputing them is as fast
/// as loading them, and needs no memory.
const MOST_KEPT_BYTES: usize = 256 << 20;

/// Samples of a chunk of predictions, which bounds the memory of partial sums; the sums of a chunk over ranks are one
/// exchange.
pub const PREDICTION_CHUNK: usize = 2048;

/// Bytes of the activations of a pass on `count` samples, for scalars of `scalar` bytes.
fn kept_bytes(network: &TwoLayer, width: usize, count: usize, scalar: usize) -> usize {
    [count, kept_rows(network.activation), LANES, scalar]
        .into_iter()
        .fold(network.layout(width).blocks(), usize::saturating_mul)
}

/// Whether the activations of `width` neurons on `count` samples are kept between the passes of a step.
pub fn keeps_activations(network: &TwoLayer, width: usize, count: usize, scalar: usize) -> bool {
    count <= STREAMED || kept_bytes(network, width, count, scalar) <= MOST_KEPT_BYTES
}

/// Vectors of n K numbers that a pass over shares holds: the sums of tasks, and of every thread those of a tree in
/// progress, one of a superblock and one of lanes.
fn sum_vectors(shares: Shares, threads: usize) -> usize {
    let tasks = shares.tasks(0..shares.count(), threads, 1);
    let levels = tasks.first().map_or(0, |task| task.level as usize);
    2 * tasks.len() + threads * (levels + 20)
}

/// Bytes of the buffers of a pass on `count` samples, packed batches included, for scalars of `scalar` bytes.
/// Per-thread scratch, which fits a cache, is not counted. The largest number where there are more.
pub fn work_bytes(network: &TwoLayer, width: usize, count: usize, scalar: usize) -> usize {
    let kept = kept_bytes(network, width, count, scalar);
    let kept = if keeps_activations(network, width, count, scalar) { kept } else { 0 };
    let product = |factors: &[usize]| factors.iter().copied().fold(1, usize::saturating_mul);
    let vectors = match Shares::of(width, Shares::FROM) {
        None => network.layout(width).superblocks(),
        Some(shares) => sum_vectors(shares, rayon::current_num_threads()),
    };
    let partial = product(&[vectors, count, network.outputs, 8]);
    let samples = product(&[count, network.inputs, 2, scalar]).saturating_add(product(&[count, network.outputs, 5, 8]));
    kept.saturating_add(partial).saturating_add(samples)
}

/// The buffers of the passes of a two-layer network. They are reused from pass to pass and grown on demand.
#[derive(Debug, Default)]
pub struct TwoLayerWorkspace<R> {
    scratch: Vec<Mutex<TwoLayerScratch<R>>>,
    kept: Vec<R>,
    predictions: Predictions<R>,
    /// The shares that are present, where they were given.
    given: Option<Portion>,
    /// The shares of the last pass.
    portion: Option<Portion>,
    /// The nodes of their tree that its tasks summed.
    tasks: Vec<TreeNode>,
}

/// A two-layer network of fixed width.
#[derive(Clone, Copy)]
pub struct TwoLayerModel<'a> {
    /// The network.
    pub network: &'a TwoLayer,
    /// Number of neurons N.
    pub width: usize,
    /// Whether passes may use more than one thread.
    pub threads: Threads,
}

/// A batch of packed inputs with labels.
#[derive(Clone, Copy)]
pub struct LabelledSamples<'a, R> {
    /// Inputs.
    pub samples: &'a Samples<R>,
    /// Labels, (n, K).
    pub y: &'a [f64],
}

/// The arguments of a step, apart from the network and its state.
#[derive(Clone, Copy)]
pub struct StepRequest<'a, R> {
    /// The objective.
    pub objective: Objective,
    /// The constants of the step.
    pub coefficients: StepCoefficients,
    /// The batch. The last pass of the workspace must have been the forward pass on it.
    pub batch: LabelledSamples<'a, R>,
    /// The inputs of the next step, of the same number.
    pub next_batch: &'a Samples<R>,
    /// The noise; `None` at temperature 0.
    pub normals: Option<&'a Normals<'a, R>>,
}

/// The arguments of a pass that updates arrays by the gradient, apart from the network and the arrays.
#[derive(Clone, Copy)]
pub struct UpdateRequest<'a, R> {
    /// The objective.
    pub objective: Objective,
    /// The batch.
    pub batch: LabelledSamples<'a, R>,
    /// The array of the parameters at which the gradient is evaluated. The last pass of the workspace must have been the
    /// forward pass on the batch there.
    pub at: usize,
    /// The array of the parameters of the next gradient on the batch, whose forward pass is done too.
    pub next: Option<usize>,
    /// The update.
    pub update: &'a RangeUpdate<'a, R>,
}

impl<R: Real> TwoLayerWorkspace<R> {
    /// The buffers of passes over the shares of a rank. State slices hold its neurons only; the width of the model is
    /// that of the whole layer, and so are predictions, gradients and losses. All passes that give predictions are
    /// collective.
    pub fn over(portion: Portion) -> Self {
        TwoLayerWorkspace { given: Some(portion), ..Self::default() }
    }

    /// The layout of the neurons that are present, and the blocks of a superblock of the whole layer.
    fn layout(&self, model: TwoLayerModel<'_>) -> (TwoLayerLayout, usize) {
        let present = self.given.as_ref().map_or(model.width, |portion| portion.neurons().len());
        (model.network.layout(present), model.network.layout(model.width).superblock())
    }

    /// Whether activations on `count` samples are kept between passes.
    fn keeps(&self, model: TwoLayerModel<'_>, count: usize) -> bool {
        let present = self.layout(model).0.width;
        keeps_activations(model.network, present, count, size_of::<R>())
    }

    /// A pass, for its counts. `keep`: whether activations are kept.
    fn work<'a>(&self, model: TwoLayerModel<'a>, samples: usize, keep: bool) -> TwoLayerWork<'a> {
        TwoLayerWork { network: model.network, layout: self.layout(model).0, samples, kept: keep }
    }

    /// Resizes the buffers for a pass on `count` samples. `keep`: whether activations are kept.
    fn prepare(&mut self, model: TwoLayerModel<'_>, count: usize, keep: bool) {
        let (layout, per_superblock) = self.layout(model);
        let superblocks = layout.blocks().div_ceil(per_superblock);
        let work = layout.width * count * layout.parameters * size_of::<R>() / 4;
        let threads = if work > SERIAL_WORK { model.threads.count() } else { 1 };
        self.scratch.resize_with(threads.min(superblocks).max(1), Mutex::default);
        let divided = || Shares::of(model.width, Shares::FROM).map(Portion::whole);
        self.portion = self.given.clone().or_else(divided);
        self.tasks = self.portion.as_ref().map_or_else(Vec::new, |portion| portion.tasks(self.scratch.len()));
        let sums = if self.portion.is_some() { self.tasks.len() } else { superblocks };
        self.predictions.partial.resize(sums * count * model.network.outputs, 0.0);
        let rows = layout.blocks() * count * kept_rows(model.network.activation);
        self.kept.resize(if keep { rows * LANES } else { 0 }, R::zero());
    }

    /// Sums the partial sums of the last forward pass into predictions.
    fn collect(&mut self, model: TwoLayerModel<'_>, count: usize) {
        let len = count * model.network.outputs;
        match &self.portion {
            Some(portion) => self.predictions.collect_shares(len, portion, &self.tasks),
            None => self.predictions.collect(len, model.width),
        }
    }

    /// The forward pass, up to partial sums. `keep`: whether activations are kept for a backward pass.
    pub fn forward(&mut self, model: TwoLayerModel<'_>, theta: &[R], samples: &Samples<R>, keep: bool) {
        let keep = keep && self.keeps(model, samples.count());
        let _timed = pass(WorkKind::Kernels, || self.work(model, samples.count(), keep).forward::<R>());
        self.prepare(model, samples.count(), keep);
        let (layout, per_superblock) = self.layout(model);
        R::dispatch(BlockSweep {
            network: model.network,
            layout,
            per_superblock,
            theta: DisjointSlice::shared(theta),
            backward: None,
            forward: Some(Forward {
                samples,
                partial: DisjointSlice::exclusive(&mut self.predictions.partial),
                tasks: self.portion.as_ref().map(|portion| (portion, &self.tasks[..])),
            }),
            kept: keep.then(|| DisjointSlice::exclusive(&mut self.kept)),
            scratch: &self.scratch,
        });
    }

    /// Predictions `f_N(x)`, (n, K) row-major, at inputs (n, d) row-major.
    pub fn predict(&mut self, model: TwoLayerModel<'_>, theta: &[R], x: &[R]) -> Vec<f64> {
        in_chunks(x, model.network.inputs, PREDICTION_CHUNK, |samples, out| {
            out.extend_from_slice(self.predict_packed(model, theta, samples));
        })
    }

    /// The same at packed inputs, at most [`PREDICTION_CHUNK`].
    pub fn predict_packed(&mut self, model: TwoLayerModel<'_>, theta: &[R], samples: &Samples<R>) -> &[f64] {
        self.forward(model, theta, samples, false);
        self.predictions(model, samples.count())
    }

    /// Predictions, (n, K), on the `count` samples of the last forward pass, which may be part of a step.
    pub fn predictions(&mut self, model: TwoLayerModel<'_>, count: usize) -> &[f64] {
        self.collect(model, count);
        &self.predictions.f
    }

    /// Writes the gradient of the potential, ridge term included; returns the mean loss.
    pub fn gradient(
        &mut self,
        model: TwoLayerModel<'_>,
        objective: Objective,
        theta: &[R],
        batch: LabelledSamples<'_, R>,
        out: &mut [R],
    ) -> f64 {
        self.gradient_for_outputs(model, objective, (theta, theta), batch, out)
    }

    /// The same for neurons `theta` with predictions that are those of the neurons `predicting`, which differ from
    /// `theta` in their output weights only: gradient and ridge term are at `theta`, residuals and loss at the
    /// predictions.
    pub fn gradient_for_outputs(
        &mut self,
        model: TwoLayerModel<'_>,
        objective: Objective,
        (theta, predicting): (&[R], &[R]),
        batch: LabelledSamples<'_, R>,
        out: &mut [R],
    ) -> f64 {
        // The activations that this pass keeps are those of both, as they do not depend on the output weights.
        self.forward(model, predicting, batch.samples, true);
        self.collect(model, batch.samples.count());
        let loss = self.predictions.residuals(objective, batch.y, model.network.outputs);
        self.backward(model, objective.ridge, theta, batch.samples, out);
        loss
    }

    /// Writes the gradient of the potential for given residuals (n, K), already divided by n, ridge term included;
    /// returns the predictions (n, K) of the neurons, which do not enter the gradient.
    pub fn gradient_for_residuals(
        &mut self,
        model: TwoLayerModel<'_>,
        ridge: f64,
        theta: &[R],
        samples: &Samples<R>,
        residual: &[R],
        out: &mut [R],
    ) -> &[f64] {
        self.forward(model, theta, samples, true);
        self.collect(model, samples.count());
        self.predictions.residual.clear();
        self.predictions.residual.extend_from_slice(residual);
        self.backward(model, ridge, theta, samples, out);
        &self.predictions.f
    }

    /// The backward pass, from the residuals and the activations that the last forward pass kept.
    fn backward(&mut self, model: TwoLayerModel<'_>, ridge: f64, theta: &[R], samples: &Samples<R>, out: &mut [R]) {
        let output = BackwardOutput::Gradient { out: DisjointSlice::exclusive(out), ridge: R::of(ridge) };
        let ((layout, per_superblock), keeps) = (self.layout(model), self.keeps(model, samples.count()));
        let _timed =
            pass(WorkKind::Kernels, || self.work(model, samples.count(), keeps).backward::<R>(GradientUse::Written));
        R::dispatch(BlockSweep {
            network: model.network,
            layout,
            per_superblock,
            theta: DisjointSlice::shared(theta),
            backward: Some(Backward { samples, residual: &self.predictions.residual, output }),
            forward: None,
            kept: keeps.then(|| DisjointSlice::exclusive(&mut self.kept)),
            scratch: &self.scratch,
        });
    }

    /// Updates arrays of the state's length by the gradient of the potential, ridge term included, block by block;
    /// returns the mean loss.
    ///
    /// # Panics
    /// If there are more than [`super::MOST_UPDATED`] arrays.
    pub fn update(&mut self, model: TwoLayerModel<'_>, arrays: &mut [&mut [R]], request: UpdateRequest<'_, R>) -> f64 {
        let UpdateRequest { objective, batch: LabelledSamples { samples, y }, at, next, update } = request;
        let count = samples.count();
        self.collect(model, count);
        let loss = self.predictions.residuals(objective, y, model.network.outputs);
        let update = ArrayUpdate::new(arrays, (at, next), R::of(objective.ridge), update);
        let output = BackwardOutput::Update(update);
        let ((layout, per_superblock), keeps) = (self.layout(model), self.keeps(model, count));
        // The arithmetic of the update is the caller's, and is not counted.
        let _timed = pass(WorkKind::Kernels, || self.work(model, count, keeps).backward::<R>(GradientUse::Written));
        if next.is_some() {
            profile::count(WorkKind::Kernels, || self.work(model, count, keeps).forward::<R>());
        }
        R::dispatch(BlockSweep {
            network: model.network,
            layout,
            per_superblock,
            theta: DisjointSlice::shared(&[]),
            backward: Some(Backward { samples, residual: &self.predictions.residual, output }),
            forward: next.map(|_| Forward {
                samples,
                partial: DisjointSlice::exclusive(&mut self.predictions.partial),
                tasks: self.portion.as_ref().map(|portion| (portion, &self.tasks[..])),
            }),
            kept: keeps.then(|| DisjointSlice::exclusive(&mut self.kept)),
            scratch: &self.scratch,
        });
        loss
    }

    /// One step of parameters and momenta, followed by the forward pass on the next batch; returns the mean loss at the
    /// start of the step.
    ///
    /// # Panics
    /// If the two batches have different numbers of samples.
    pub fn step(
        &mut self,
        model: TwoLayerModel<'_>,
        (theta, momentum): (&mut [R], &mut [R]),
        request: StepRequest<'_, R>,
    ) -> f64 {
        let StepRequest { objective, coefficients, batch, next_batch, normals } = request;
        let count = batch.samples.count();
        assert_eq!(count, next_batch.count());
        self.collect(model, count);
        let loss = self.predictions.residuals(objective, batch.y, model.network.outputs);
        let constants = StepConstants::new(coefficients, objective.ridge);
        let output = BackwardOutput::Step { momentum: DisjointSlice::exclusive(momentum), constants, normals };
        let ((layout, per_superblock), keeps) = (self.layout(model), self.keeps(model, count));
        let gradient = GradientUse::Step { first_order: coefficients.first_order, noise: normals.is_some() };
        let _timed = pass(WorkKind::Kernels, || self.work(model, count, keeps).backward::<R>(gradient));
        profile::count(WorkKind::Kernels, || self.work(model, count, keeps).forward::<R>());
        R::dispatch(BlockSweep {
            network: model.network,
            layout,
            per_superblock,
            theta: DisjointSlice::exclusive(theta),
            backward: Some(Backward { samples: batch.samples, residual: &self.predictions.residual, output }),
            forward: Some(Forward {
                samples: next_batch,
                partial: DisjointSlice::exclusive(&mut self.predictions.partial),
                tasks: self.portion.as_ref().map(|portion| (portion, &self.tasks[..])),
            }),
            kept: keeps.then(|| DisjointSlice::exclusive(&mut self.kept)),
            scratch: &self.scratch,
        });
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Activation;

    /// Sizes whose product leaves the range do not wrap around to a small estimate.
    #[test]
    fn absurd_sizes_have_the_largest_estimate() {
        let network =
            |inputs| TwoLayer { inputs, outputs: 1, bias: true, activation: Activation::Tanh, fixed_output: false };
        assert_eq!(work_bytes(&network(1 << 62), 64, 100, 8), usize::MAX);
        assert_eq!(work_bytes(&network(3), usize::MAX, 2, 8), usize::MAX);
        let bytes = work_bytes(&network(3), 64, 100, 8);
        assert!((100 * 8..100 << 20).contains(&bytes), "{bytes}");
    }
}
