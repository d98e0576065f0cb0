//! The forward and backward passes of three-layer networks.
//!
//! ```text
//! forward   Z1 = X W + b,     H1 = sigma1(Z1)          Z2 = H1 U / N1 + c,    H2 = sigma2(Z2),    f = H2 a / N2
//! backward  D2 = (e a^T) sigma2'(Z2)                   D1 = (D2 U^T / N2) sigma1'(Z1)
//!           grad a = H2^T e,    grad (u, c) = (H1, 1)^T D2,    grad (w, b) = (X, 1)^T D1
//! ```
//!
//! Rows are samples, X are the inputs, e the residuals; U is (N1, N2).
//!
//! Products are computed in blocks of 32 neurons by the register tiles of the two-layer kernels (`phases`), with the
//! activations of the first layer as inputs of the second. For `D2 U^T` the rows of U of a block are transposed, so
//! that lanes are neurons of the first layer. Sums run in order of inputs, samples or neurons and use fused
//! multiply-adds. As for two layers, results depend neither on the number of threads nor on the choice between AVX2 and
//! AVX-512.
//!
//! The step of a block is taken while its gradient is in the cache: first-layer blocks in the pass that computes D1 and
//! only reads U, second-layer blocks in the pass after it.

mod backward;
mod forward;
mod layout;
mod packed;

pub use layout::ThreeLayerLayout;

use super::arithmetic::{GradientUse, ThreeLayerWork};
use super::phases::BlockRow;
use super::predictions::{Predictions, in_chunks};
use super::samples::Samples;
use super::sweep::{ArrayUpdate, BackwardOutput};
use super::update::StepConstants;
use super::{LANES, LabelledSamples, StepRequest, UpdateRequest};
use crate::compute::profile::{WorkKind, pass};
use crate::compute::{DisjointSlice, Real, Threads};
use crate::network::{Objective, ThreeLayer};
use backward::{FirstLayerBackward, OutputBackward, SecondLayerBackward};
use forward::{FirstLayerForward, SecondLayerForward};
use packed::PackedActivations;
use std::sync::Mutex;

/// Multiply-adds below which a pass is serial.
const SERIAL_WORK: usize = 200_000;

/// Samples of a chunk of predictions, which bounds the memory of activations.
pub const PREDICTION_CHUNK: usize = 512;

/// Bytes of the buffers of a pass on `count` samples, for scalars of `scalar` bytes. Per-thread scratch, which fits a
/// cache, is not counted.
pub fn work_bytes(network: &ThreeLayer, width: usize, count: usize, scalar: usize) -> f64 {
    let [first, second] = network.layers(width).map(|n| (n.next_multiple_of(LANES)) as f64);
    let (count, outputs) = (count as f64, network.outputs as f64);
    count * scalar as f64 * (4.0 * first + 3.0 * second + 2.0 * network.inputs as f64)
        + count * outputs * 8.0 * (second / LANES as f64 + 4.0)
}

/// Per-thread scratch, grown on demand.
#[derive(Debug, Default)]
struct ThreeLayerScratch<R> {
    /// Pre-activations of a tile, or derivatives in them.
    z: Vec<BlockRow<R>>,
    /// Gradient rows of a block: sums over samples.
    grad: Vec<BlockRow<R>>,
    /// Transposed rows of U.
    transposed: Vec<BlockRow<R>>,
    /// Standard normals of a block.
    normals: Vec<R>,
}

/// Buffers of a hidden layer, block after block, with one row per sample.
#[derive(Debug, Default)]
struct LayerBuffers<R> {
    /// Values of the activation.
    value: Vec<R>,
    /// Slopes of the activation; in the backward pass derivatives in the pre-activations.
    slope: Vec<R>,
}

impl<R: Real> LayerBuffers<R> {
    fn resize(&mut self, blocks: usize, count: usize) {
        self.value.resize(blocks * count * LANES, R::zero());
        self.slope.resize(blocks * count * LANES, R::zero());
    }
}

/// The buffers of the passes of a three-layer network. They are reused from pass to pass and grown on demand.
#[derive(Debug, Default)]
pub struct ThreeLayerWorkspace<R> {
    scratch: Vec<Mutex<ThreeLayerScratch<R>>>,
    first: LayerBuffers<R>,
    second: LayerBuffers<R>,
    /// H1, packed for the second layer.
    packed: PackedActivations<R>,
    /// D2, packed for the first layer.
    output_deltas: PackedActivations<R>,
    /// The gradient of a, rows block after block.
    grad_a: Vec<R>,
    /// Predictions; the parts of the network are the blocks of the second layer.
    predictions: Predictions<R>,
}

/// A three-layer network with hidden layers of fixed sizes.
#[derive(Clone, Copy)]
pub struct ThreeLayerModel<'a> {
    /// The network.
    pub network: &'a ThreeLayer,
    /// Sizes N1 and N2 of the hidden layers.
    pub layers: [usize; 2],
    /// Whether passes may use more than one thread.
    pub threads: Threads,
}

impl ThreeLayerModel<'_> {
    fn layout(&self) -> ThreeLayerLayout {
        self.network.layout_of(self.layers)
    }

    /// A pass, for its counts.
    fn work(&self, samples: usize) -> ThreeLayerWork {
        let ThreeLayer { inputs, outputs, bias, .. } = *self.network;
        ThreeLayerWork { inputs, outputs, bias, layers: self.layers, samples }
    }
}

/// The common arguments of the passes.
#[derive(Clone, Copy)]
struct PassContext<'a, R> {
    network: &'a ThreeLayer,
    layers: [usize; 2],
    layout: ThreeLayerLayout,
    samples: &'a Samples<R>,
    scratch: &'a [Mutex<ThreeLayerScratch<R>>],
}

impl<R: Real> ThreeLayerWorkspace<R> {
    /// Resizes the buffers for a pass on `count` samples. `backward`: whether a backward pass follows.
    fn prepare(&mut self, model: ThreeLayerModel<'_>, count: usize, backward: bool) {
        let (layout, outputs) = (model.layout(), model.network.outputs);
        let [n1, n2] = model.layers;
        let work = count * (n1 * (layout.first.parameters + n2) + n2);
        let threads = if work > SERIAL_WORK { model.threads.count() } else { 1 };
        let blocks = layout.first.blocks().max(layout.second.blocks());
        self.scratch.resize_with(threads.min(blocks).max(1), Mutex::default);
        self.first.resize(layout.first.blocks(), count);
        self.second.resize(layout.second.blocks(), count);
        self.packed.reset(count, n1, backward.then_some(model.network.bias));
        self.output_deltas.reset(if backward { count } else { 0 }, n2, None);
        self.grad_a.resize(layout.second.blocks() * outputs * LANES, R::zero());
        self.predictions.partial.resize(layout.second.blocks() * count * outputs, 0.0);
    }

    /// The forward pass, up to partial sums. `backward`: whether a backward pass follows.
    pub fn forward(&mut self, model: ThreeLayerModel<'_>, theta: &[R], samples: &Samples<R>, backward: bool) {
        let _timed = pass(WorkKind::Kernels, || model.work(samples.count()).forward::<R>());
        self.prepare(model, samples.count(), backward);
        let ThreeLayerModel { network, layers, .. } = model;
        let context = PassContext { network, layers, layout: model.layout(), samples, scratch: &self.scratch };
        R::dispatch(FirstLayerForward {
            context,
            theta,
            value: DisjointSlice::exclusive(&mut self.first.value),
            slope: DisjointSlice::exclusive(&mut self.first.slope),
            packed: self.packed.blocks(),
        });
        R::dispatch(SecondLayerForward {
            context,
            theta,
            packed: &self.packed,
            value: DisjointSlice::exclusive(&mut self.second.value),
            slope: DisjointSlice::exclusive(&mut self.second.slope),
            partial: DisjointSlice::exclusive(&mut self.predictions.partial),
        });
    }

    /// Sums the partial sums of the last forward pass into predictions.
    fn collect(&mut self, model: ThreeLayerModel<'_>, count: usize) {
        self.predictions.collect(count * model.network.outputs, model.layers[1]);
    }

    /// Predictions `f(x)`, (n, K) row-major, at inputs (n, d) row-major.
    pub fn predict(&mut self, model: ThreeLayerModel<'_>, theta: &[R], x: &[R]) -> Vec<f64> {
        in_chunks(x, model.network.inputs, PREDICTION_CHUNK, |samples, out| {
            out.extend_from_slice(self.predict_packed(model, theta, samples));
        })
    }

    /// The same at packed inputs, at most [`PREDICTION_CHUNK`].
    pub fn predict_packed(&mut self, model: ThreeLayerModel<'_>, theta: &[R], samples: &Samples<R>) -> &[f64] {
        self.forward(model, theta, samples, false);
        self.predictions(model, samples.count())
    }

    /// Predictions, (n, K), on the `count` samples of the last forward pass, which may be part of a step.
    pub fn predictions(&mut self, model: ThreeLayerModel<'_>, count: usize) -> &[f64] {
        self.collect(model, count);
        &self.predictions.f
    }

    /// Writes the gradient of the potential, ridge term included; returns the mean loss.
    pub fn gradient(
        &mut self,
        model: ThreeLayerModel<'_>,
        objective: Objective,
        theta: &[R],
        batch: LabelledSamples<'_, R>,
        out: &mut [R],
    ) -> f64 {
        self.forward(model, theta, batch.samples, true);
        let output = BackwardOutput::Gradient { out: DisjointSlice::exclusive(out), ridge: R::of(objective.ridge) };
        self.backward(model, objective, DisjointSlice::shared(theta), batch, output)
    }

    /// One step of parameters and momenta, followed by the forward pass on the next batch; returns the mean loss at the
    /// start of the step.
    pub fn step(
        &mut self,
        model: ThreeLayerModel<'_>,
        (theta, momentum): (&mut [R], &mut [R]),
        request: StepRequest<'_, R>,
    ) -> f64 {
        let StepRequest { objective, coefficients, batch, next_batch, normals } = request;
        let constants = StepConstants::new(coefficients, objective.ridge);
        let output = BackwardOutput::Step { momentum: DisjointSlice::exclusive(momentum), constants, normals };
        let loss = self.backward(model, objective, DisjointSlice::exclusive(theta), batch, output);
        self.forward(model, theta, next_batch, true);
        loss
    }

    /// Updates arrays of the state's length by the gradient of the potential; see
    /// [`TwoLayerWorkspace::update`](super::TwoLayerWorkspace::update).
    pub fn update(
        &mut self,
        model: ThreeLayerModel<'_>,
        arrays: &mut [&mut [R]],
        request: UpdateRequest<'_, R>,
    ) -> f64 {
        let UpdateRequest { objective, batch, at, next, update } = request;
        let update = ArrayUpdate::new(arrays, (at, next), R::of(objective.ridge), update);
        let none = DisjointSlice::shared(&[]);
        let loss = self.backward(model, objective, none, batch, BackwardOutput::Update(update));
        if let Some(next) = next {
            self.forward(model, arrays[next], batch.samples, true);
        }
        loss
    }

    /// The backward pass of the batch of the last forward pass; returns the mean loss.
    fn backward(
        &mut self,
        model: ThreeLayerModel<'_>,
        objective: Objective,
        theta: DisjointSlice<'_, R>,
        batch: LabelledSamples<'_, R>,
        output: BackwardOutput<'_, R>,
    ) -> f64 {
        let samples = batch.samples;
        let _timed = pass(WorkKind::Kernels, || {
            let gradient = match &output {
                // The arithmetic of an update is the caller's, and is not counted.
                BackwardOutput::Gradient { .. } | BackwardOutput::Update(_) => GradientUse::Written,
                BackwardOutput::Step { constants, normals, .. } => {
                    GradientUse::Step { first_order: constants.first_order, noise: normals.is_some() }
                }
            };
            model.work(samples.count()).backward::<R>(gradient)
        });
        self.collect(model, samples.count());
        let loss = self.predictions.residuals(objective, batch.y, model.network.outputs);
        let ThreeLayerModel { network, layers, .. } = model;
        let context = PassContext { network, layers, layout: model.layout(), samples, scratch: &self.scratch };
        let theta = if let BackwardOutput::Update(update) = &output { update.parameters() } else { &theta };
        R::dispatch(OutputBackward {
            context,
            theta,
            residual: &self.predictions.residual,
            value: &self.second.value,
            slope: DisjointSlice::exclusive(&mut self.second.slope),
            grad_a: DisjointSlice::exclusive(&mut self.grad_a),
            output_deltas: self.output_deltas.blocks(),
        });
        R::dispatch(FirstLayerBackward {
            context,
            theta,
            output_deltas: &self.output_deltas,
            slope: &self.first.slope,
            output: &output,
        });
        R::dispatch(SecondLayerBackward {
            context,
            theta,
            packed: &self.packed,
            deltas: &self.second.slope,
            grad_a: &self.grad_a,
            output: &output,
        });
        loss
    }
}
