//! Forward and backward passes of networks of any depth, and their buffers.

use super::kernel::{self, LabelledSamples, Samples, StepRequest, UpdateRequest, three_layer};
use super::{Model, Network, Objective, ThreeLayer, TwoLayer};
use crate::compute::Real;

/// The buffers of the passes of a network. They are reused from pass to pass and grown on demand.
#[derive(Debug, Default)]
pub struct Workspace<R> {
    two_layer: kernel::TwoLayerWorkspace<R>,
    three_layer: three_layer::ThreeLayerWorkspace<R>,
}

fn two_layer_model<'a>(model: Model<'a>, network: &'a TwoLayer) -> kernel::TwoLayerModel<'a> {
    kernel::TwoLayerModel { network, width: model.width, threads: model.threads }
}

fn three_layer_model<'a>(model: Model<'a>, network: &'a ThreeLayer) -> three_layer::ThreeLayerModel<'a> {
    three_layer::ThreeLayerModel { network, layers: network.layers(model.width), threads: model.threads }
}

impl<R: Real> Workspace<R> {
    /// The buffers of passes over the neurons of one rank of a two-layer network; see
    /// [`kernel::TwoLayerWorkspace::over`].
    pub fn over(portion: kernel::Portion) -> Self {
        Workspace { two_layer: kernel::TwoLayerWorkspace::over(portion), ..Self::default() }
    }

    /// The forward pass that precedes [`Workspace::step`].
    pub fn forward(&mut self, model: Model<'_>, theta: &[R], samples: &Samples<R>) {
        match model.network {
            Network::TwoLayer(network) => self.two_layer.forward(two_layer_model(model, network), theta, samples, true),
            Network::ThreeLayer(network) => {
                self.three_layer.forward(three_layer_model(model, network), theta, samples, true)
            }
        }
    }

    /// Predictions, (n, K) row-major, on the `count` samples of the last forward pass, which may be part of a step.
    /// Collective where the neurons are those of one rank.
    pub fn predictions(&mut self, model: Model<'_>, count: usize) -> &[f64] {
        match model.network {
            Network::TwoLayer(network) => self.two_layer.predictions(two_layer_model(model, network), count),
            Network::ThreeLayer(network) => self.three_layer.predictions(three_layer_model(model, network), count),
        }
    }

    /// Predictions `f_N(x)`, (n, K) row-major, of a state slice at inputs (n, d) row-major.
    pub fn predict(&mut self, model: Model<'_>, theta: &[R], x: &[R]) -> Vec<f64> {
        match model.network {
            Network::TwoLayer(network) => self.two_layer.predict(two_layer_model(model, network), theta, x),
            Network::ThreeLayer(network) => self.three_layer.predict(three_layer_model(model, network), theta, x),
        }
    }

    /// The same at the inputs that [`Network::packed`] has packed.
    pub fn predict_packed(&mut self, model: Model<'_>, theta: &[R], samples: &Samples<R>) -> &[f64] {
        match model.network {
            Network::TwoLayer(network) => {
                self.two_layer.predict_packed(two_layer_model(model, network), theta, samples)
            }
            Network::ThreeLayer(network) => {
                self.three_layer.predict_packed(three_layer_model(model, network), theta, samples)
            }
        }
    }

    /// Writes the gradient of the potential, ridge term included, as a state slice; returns the mean loss of the batch.
    pub fn gradient(
        &mut self,
        model: Model<'_>,
        objective: Objective,
        theta: &[R],
        batch: LabelledSamples<'_, R>,
        out: &mut [R],
    ) -> f64 {
        match model.network {
            Network::TwoLayer(network) => {
                self.two_layer.gradient(two_layer_model(model, network), objective, theta, batch, out)
            }
            Network::ThreeLayer(network) => {
                self.three_layer.gradient(three_layer_model(model, network), objective, theta, batch, out)
            }
        }
    }

    /// Updates arrays of the state's length by the gradient of the potential; see [`kernel::TwoLayerWorkspace::update`].
    pub fn update(&mut self, model: Model<'_>, arrays: &mut [&mut [R]], request: UpdateRequest<'_, R>) -> f64 {
        match model.network {
            Network::TwoLayer(network) => self.two_layer.update(two_layer_model(model, network), arrays, request),
            Network::ThreeLayer(network) => self.three_layer.update(three_layer_model(model, network), arrays, request),
        }
    }

    /// One step of parameters and momenta (`state`, in this order), followed by the forward pass on the next batch;
    /// returns the mean loss at the start of the step.
    pub fn step(&mut self, model: Model<'_>, state: (&mut [R], &mut [R]), request: StepRequest<'_, R>) -> f64 {
        match model.network {
            Network::TwoLayer(network) => self.two_layer.step(two_layer_model(model, network), state, request),
            Network::ThreeLayer(network) => self.three_layer.step(three_layer_model(model, network), state, request),
        }
    }
}
