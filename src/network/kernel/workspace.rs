//! The buffers that passes work in, kept from one to the next, and the passes themselves.

use super::LANES;
use super::Normals;
use super::predictions::{Predictions, in_chunks};
use super::samples::Samples;
use super::sweep::{Backward, BackwardOutput, BlockSweep, Forward, STREAMED, TwoLayerScratch, kept_rows};
use super::update::{StepCoefficients, StepConstants};
use crate::compute::{DisjointSlice, Real, Threads};
use crate::network::{Objective, TwoLayer};
use std::sync::Mutex;

/// Below this many multiply-adds in single precision, half as many in double, a pass stays on its thread: some ten to twenty
/// microseconds, which a second thread may halve.
const SERIAL_WORK: usize = 80_000;

/// Most bytes of activations that are kept from the forward to the backward pass; beyond, evaluating them again is as fast
/// as fetching them, and needs no memory.
const KEPT_BYTES: usize = 256 << 20;

/// Samples of a prediction that are summed together: bounds the memory of partial sums.
const PREDICTED: usize = 2048;

/// Bytes of the activations of a pass.
fn kept_bytes(network: &TwoLayer, width: usize, count: usize, scalar: usize) -> usize {
    network.layout(width).blocks() * count * kept_rows(network.activation) * LANES * scalar
}

/// Bytes that passes on `count` samples work in, packed batches included, for scalars of so many bytes; beside them only
/// what fits a cache.
pub fn work_bytes(network: &TwoLayer, width: usize, count: usize, scalar: usize) -> usize {
    let kept = kept_bytes(network, width, count, scalar);
    let kept = if count <= STREAMED || kept <= KEPT_BYTES { kept } else { 0 };
    let partial = network.layout(width).superblocks() * count * network.outputs * 8;
    kept + partial + count * (2 * network.inputs * scalar + 5 * network.outputs * 8)
}

/// Buffers of a network's passes. One per run; passes allocate only while it grows.
#[derive(Debug, Default)]
pub struct TwoLayerWorkspace<R> {
    scratch: Vec<Mutex<TwoLayerScratch<R>>>,
    kept: Vec<R>,
    predictions: Predictions<R>,
}

/// A network of fixed width, as a pass needs it.
#[derive(Clone, Copy)]
pub struct TwoLayerModel<'a> {
    /// The network.
    pub network: &'a TwoLayer,
    /// Number of neurons N.
    pub width: usize,
    /// Whether passes may use more than one thread.
    pub threads: Threads,
}

/// Packed inputs and their labels, (n, K).
#[derive(Clone, Copy)]
pub struct LabelledSamples<'a, R> {
    /// Inputs.
    pub samples: &'a Samples<R>,
    /// Labels.
    pub y: &'a [f64],
}

/// What a step needs beside the network and its state.
#[derive(Clone, Copy)]
pub struct StepRequest<'a, R> {
    /// What is minimised.
    pub objective: Objective,
    /// The constants of the step.
    pub coefficients: StepCoefficients,
    /// The batch, whose forward pass was the last pass of the workspace.
    pub batch: LabelledSamples<'a, R>,
    /// The inputs of the next step, as many.
    pub next_batch: &'a Samples<R>,
    /// The noise; none at temperature 0.
    pub normals: Option<&'a Normals<'a, R>>,
}

impl<R: Real> TwoLayerWorkspace<R> {
    /// Whether activations are kept between the passes, for so many samples.
    fn keeps(model: TwoLayerModel<'_>, count: usize) -> bool {
        count <= STREAMED || kept_bytes(model.network, model.width, count, size_of::<R>()) <= KEPT_BYTES
    }

    /// Makes the buffers as large as the next pass needs.
    fn prepare(&mut self, model: TwoLayerModel<'_>, count: usize, keep: bool) {
        let layout = model.network.layout(model.width);
        let work = model.width * count * layout.parameters * size_of::<R>() / 4;
        let threads = if work > SERIAL_WORK { model.threads.count() } else { 1 };
        self.scratch.resize_with(threads.min(layout.superblocks()).max(1), Mutex::default);
        self.predictions.partial.resize(layout.superblocks() * count * model.network.outputs, 0.0);
        let rows = layout.blocks() * count * kept_rows(model.network.activation);
        self.kept.resize(if keep { rows * LANES } else { 0 }, R::zero());
    }

    /// Predictions on the samples of the last forward pass.
    fn collect(&mut self, model: TwoLayerModel<'_>, count: usize) {
        self.predictions.collect(count * model.network.outputs, model.width);
    }

    /// The forward pass alone; predictions are collected from it.
    pub fn forward(&mut self, model: TwoLayerModel<'_>, theta: &[R], samples: &Samples<R>, keep: bool) {
        let keep = keep && Self::keeps(model, samples.count());
        self.prepare(model, samples.count(), keep);
        R::dispatch(BlockSweep {
            network: model.network,
            layout: model.network.layout(model.width),
            theta: DisjointSlice::shared(theta),
            backward: None,
            forward: Some(Forward { samples, partial: DisjointSlice::exclusive(&mut self.predictions.partial) }),
            kept: keep.then(|| DisjointSlice::exclusive(&mut self.kept)),
            scratch: &self.scratch,
        });
    }

    /// Predictions `f_N(x)`, (n, K), for inputs (n, d).
    pub fn predict(&mut self, model: TwoLayerModel<'_>, theta: &[R], x: &[R]) -> Vec<f64> {
        in_chunks(x, model.network.inputs, PREDICTED, |samples, out| {
            self.forward(model, theta, samples, false);
            self.collect(model, samples.count());
            out.extend_from_slice(&self.predictions.f);
        })
    }

    /// Writes the potential's gradient, ridge included; returns the mean loss.
    pub fn gradient(
        &mut self,
        model: TwoLayerModel<'_>,
        objective: Objective,
        theta: &[R],
        batch: LabelledSamples<'_, R>,
        out: &mut [R],
    ) -> f64 {
        self.forward(model, theta, batch.samples, true);
        self.collect(model, batch.samples.count());
        let loss = self.predictions.residuals(objective, batch.y, model.network.outputs);
        self.backward(model, objective.ridge, theta, batch.samples, out);
        loss
    }

    /// Writes the gradient of every neuron on its own under given residuals (n, K), divided by n, ridge included; returns what
    /// the neurons predict, (n, K). Nothing of the prediction enters the gradient.
    pub fn gradient_under(
        &mut self,
        model: TwoLayerModel<'_>,
        ridge: f64,
        theta: &[R],
        (samples, residual): (&Samples<R>, &[R]),
        out: &mut [R],
    ) -> &[f64] {
        self.forward(model, theta, samples, true);
        self.collect(model, samples.count());
        self.predictions.residual.clear();
        self.predictions.residual.extend_from_slice(residual);
        self.backward(model, ridge, theta, samples, out);
        &self.predictions.f
    }

    /// The backward pass alone, from the residuals and what the last forward pass kept.
    fn backward(&mut self, model: TwoLayerModel<'_>, ridge: f64, theta: &[R], samples: &Samples<R>, out: &mut [R]) {
        let output = BackwardOutput::Gradient { out: DisjointSlice::exclusive(out), ridge: R::of(ridge) };
        R::dispatch(BlockSweep {
            network: model.network,
            layout: model.network.layout(model.width),
            theta: DisjointSlice::shared(theta),
            backward: Some(Backward { samples, residual: &self.predictions.residual, output }),
            forward: None,
            kept: Self::keeps(model, samples.count()).then(|| DisjointSlice::exclusive(&mut self.kept)),
            scratch: &self.scratch,
        });
    }

    /// One step of parameters and momenta, and the forward pass on the next batch; returns the mean loss at the start of
    /// the step.
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
        R::dispatch(BlockSweep {
            network: model.network,
            layout: model.network.layout(model.width),
            theta: DisjointSlice::exclusive(theta),
            backward: Some(Backward { samples: batch.samples, residual: &self.predictions.residual, output }),
            forward: Some(Forward {
                samples: next_batch,
                partial: DisjointSlice::exclusive(&mut self.predictions.partial),
            }),
            kept: Self::keeps(model, count).then(|| DisjointSlice::exclusive(&mut self.kept)),
            scratch: &self.scratch,
        });
        loss
    }
}
