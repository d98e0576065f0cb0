//! The passes of three-layer networks: three products of samples, first and second layer forward, the same three back.
//!
//! ```text
//! forward   Z1 = X W + b,     H1 = sigma1(Z1)          Z2 = H1 U / N1 + c,    H2 = sigma2(Z2),    f = H2 a / N2
//! back      D2 = (e a^T) sigma2'(Z2)                   D1 = (D2 U^T / N2) sigma1'(Z1)
//!           grad a = H2^T e,    grad (u, c) = (H1, 1)^T D2,    grad (w, b) = (X, 1)^T D1
//! ```
//!
//! A product is made block by block of 32 neurons with the register tiles of the two-layer kernels (`phases.rs`): the
//! second layer's neurons are neurons whose inputs are the first layer's activations. For `D2 U^T` a block's rows of U are
//! turned so that lanes are neurons of the first layer. Sums run in order of inputs, of samples or of neurons, by fused
//! multiply-adds, and what a block gives does not depend on who computes it: threads and the choice between AVX2 and
//! AVX-512 change no bit, as for two layers.
//!
//! A step is taken where the gradient of a block is in the cache: first-layer blocks in the pass that makes D1, which only
//! reads U; second-layer blocks in the pass after it.

mod backward;
mod forward;
mod layout;
mod packed;

pub use layout::ThreeLayerLayout;

use super::phases::BlockRow;
use super::predictions::{Predictions, in_chunks};
use super::samples::Samples;
use super::sweep::BackwardOutput;
use super::update::StepConstants;
use super::{LANES, LabelledSamples, StepRequest};
use crate::compute::{DisjointSlice, Real, Threads};
use crate::network::{Objective, ThreeLayer};
use backward::{FirstLayerBackward, OutputBackward, SecondLayerBackward};
use forward::{FirstLayerForward, SecondLayerForward};
use packed::PackedActivations;
use std::sync::Mutex;

/// Below this many multiply-adds a pass stays on its thread.
const SERIAL_WORK: usize = 200_000;

/// Samples of a prediction that are worked on together: bounds the memory of activations.
const PREDICTED: usize = 512;

/// Bytes that passes on `count` samples work in, for scalars of so many bytes; beside them only what fits a cache.
pub fn work_bytes(network: &ThreeLayer, width: usize, count: usize, scalar: usize) -> f64 {
    let [first, second] = network.layers(width).map(|n| (n.next_multiple_of(LANES)) as f64);
    let (count, outputs) = (count as f64, network.outputs as f64);
    count * scalar as f64 * (4.0 * first + 3.0 * second + 2.0 * network.inputs as f64)
        + count * outputs * 8.0 * (second / LANES as f64 + 4.0)
}

/// What one thread works with; grows to what is asked and stays.
#[derive(Debug, Default)]
struct ThreeLayerScratch<R> {
    /// Pre-activations of a tile.
    z: Vec<BlockRow<R>>,
    /// Sums over samples.
    grad: Vec<BlockRow<R>>,
    /// Rows of U, turned.
    turned: Vec<BlockRow<R>>,
    /// Standard normals of a block.
    normals: Vec<R>,
}

/// Activations of a hidden layer and what is pulled back to it, block after block, a row per sample.
#[derive(Debug, Default)]
struct LayerBuffers<R> {
    value: Vec<R>,
    slope: Vec<R>,
}

impl<R: Real> LayerBuffers<R> {
    fn resize(&mut self, blocks: usize, count: usize) {
        self.value.resize(blocks * count * LANES, R::zero());
        self.slope.resize(blocks * count * LANES, R::zero());
    }
}

/// Buffers of a network's passes. One per run; passes allocate only while it grows.
#[derive(Debug, Default)]
pub struct ThreeLayerWorkspace<R> {
    scratch: Vec<Mutex<ThreeLayerScratch<R>>>,
    first: LayerBuffers<R>,
    second: LayerBuffers<R>,
    /// H1 for the second layer.
    packed: PackedActivations<R>,
    /// D2 for the first.
    pulled: PackedActivations<R>,
    /// Rows of the gradient of a, block after block.
    grad_a: Vec<R>,
    /// Of parts that are blocks of the second layer.
    predictions: Predictions<R>,
}

/// A network with the sizes of its layers, as a pass needs it.
#[derive(Clone, Copy)]
pub struct ThreeLayerModel<'a> {
    /// The network.
    pub network: &'a ThreeLayer,
    /// Neurons of the hidden layers.
    pub layers: [usize; 2],
    /// Whether passes may use more than one thread.
    pub threads: Threads,
}

impl ThreeLayerModel<'_> {
    fn layout(&self) -> ThreeLayerLayout {
        self.network.layout_of(self.layers)
    }
}

/// What every pass sees.
#[derive(Clone, Copy)]
struct PassContext<'a, R> {
    network: &'a ThreeLayer,
    layers: [usize; 2],
    layout: ThreeLayerLayout,
    samples: &'a Samples<R>,
    scratch: &'a [Mutex<ThreeLayerScratch<R>>],
}

impl<R: Real> ThreeLayerWorkspace<R> {
    fn prepare(&mut self, model: ThreeLayerModel<'_>, count: usize, back: bool) {
        let (layout, outputs) = (model.layout(), model.network.outputs);
        let [n1, n2] = model.layers;
        let work = count * (n1 * (layout.first.parameters + n2) + n2);
        let threads = if work > SERIAL_WORK { model.threads.count() } else { 1 };
        let blocks = layout.first.blocks().max(layout.second.blocks());
        self.scratch.resize_with(threads.min(blocks).max(1), Mutex::default);
        self.first.resize(layout.first.blocks(), count);
        self.second.resize(layout.second.blocks(), count);
        self.packed.reset(count, n1, back.then_some(model.network.bias));
        self.pulled.reset(if back { count } else { 0 }, n2, None);
        self.grad_a.resize(layout.second.blocks() * outputs * LANES, R::zero());
        self.predictions.partial.resize(layout.second.blocks() * count * outputs, 0.0);
    }

    /// The forward pass alone; predictions are collected from it. `back`: whether a backward pass will come.
    pub fn forward(&mut self, model: ThreeLayerModel<'_>, theta: &[R], samples: &Samples<R>, back: bool) {
        self.prepare(model, samples.count(), back);
        let ThreeLayerModel { network, layers, .. } = model;
        let seen = PassContext { network, layers, layout: model.layout(), samples, scratch: &self.scratch };
        R::dispatch(FirstLayerForward {
            seen,
            theta,
            value: DisjointSlice::exclusive(&mut self.first.value),
            slope: DisjointSlice::exclusive(&mut self.first.slope),
            packed: self.packed.parts(),
        });
        R::dispatch(SecondLayerForward {
            seen,
            theta,
            packed: &self.packed,
            value: DisjointSlice::exclusive(&mut self.second.value),
            slope: DisjointSlice::exclusive(&mut self.second.slope),
            partial: DisjointSlice::exclusive(&mut self.predictions.partial),
        });
    }

    /// Predictions on the samples of the last forward pass.
    fn collect(&mut self, model: ThreeLayerModel<'_>, count: usize) {
        self.predictions.collect(count * model.network.outputs, model.layers[1]);
    }

    /// Predictions `f(x)`, (n, K), for inputs (n, d).
    pub fn predict(&mut self, model: ThreeLayerModel<'_>, theta: &[R], x: &[R]) -> Vec<f64> {
        in_chunks(x, model.network.inputs, PREDICTED, |samples, out| {
            self.forward(model, theta, samples, false);
            self.collect(model, samples.count());
            out.extend_from_slice(&self.predictions.f);
        })
    }

    /// Writes the potential's gradient, ridge included; returns the mean loss.
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
        self.back(model, objective, DisjointSlice::shared(theta), batch, output)
    }

    /// One step of parameters and momenta, and the forward pass on the next batch; returns the mean loss at the start of
    /// the step.
    pub fn step(
        &mut self,
        model: ThreeLayerModel<'_>,
        (theta, momentum): (&mut [R], &mut [R]),
        request: StepRequest<'_, R>,
    ) -> f64 {
        let StepRequest { objective, coefficients, batch, next_batch, normals } = request;
        let constants = StepConstants::new(coefficients, objective.ridge);
        let output = BackwardOutput::Step { momentum: DisjointSlice::exclusive(momentum), constants, normals };
        let loss = self.back(model, objective, DisjointSlice::exclusive(theta), batch, output);
        self.forward(model, theta, next_batch, true);
        loss
    }

    fn back(
        &mut self,
        model: ThreeLayerModel<'_>,
        objective: Objective,
        theta: DisjointSlice<'_, R>,
        batch: LabelledSamples<'_, R>,
        output: BackwardOutput<'_, R>,
    ) -> f64 {
        let samples = batch.samples;
        self.collect(model, samples.count());
        let loss = self.predictions.residuals(objective, batch.y, model.network.outputs);
        let ThreeLayerModel { network, layers, .. } = model;
        let seen = PassContext { network, layers, layout: model.layout(), samples, scratch: &self.scratch };
        R::dispatch(OutputBackward {
            seen,
            theta: &theta,
            residual: &self.predictions.residual,
            value: &self.second.value,
            slope: DisjointSlice::exclusive(&mut self.second.slope),
            grad_a: DisjointSlice::exclusive(&mut self.grad_a),
            pulled: self.pulled.parts(),
        });
        R::dispatch(FirstLayerBackward {
            seen,
            theta: &theta,
            pulled: &self.pulled,
            slope: &self.first.slope,
            output: &output,
        });
        R::dispatch(SecondLayerBackward {
            seen,
            theta: &theta,
            packed: &self.packed,
            pull: &self.second.slope,
            grad_a: &self.grad_a,
            output: &output,
        });
        loss
    }
}
