//! The activation and its derivatives for one neuron at the samples of a tile.

use super::inputs::InputTile;
use crate::compute::{Kernel, RowProduct};
use crate::network::kernel::activation;
use crate::network::{Activation, TwoLayer, TwoLayerLayout};

/// The parameters of one neuron.
#[derive(Clone, Debug, Default)]
pub(super) struct NeuronParameters {
    /// Input weights and bias, packed as one row of [`RowProduct`].
    pub hidden: Vec<[f64; 2]>,
    /// Output weights a, (K).
    pub outputs: Vec<f64>,
}

impl NeuronParameters {
    /// Reads neuron `i` of a state slice.
    pub fn read(&mut self, network: &TwoLayer, layout: TwoLayerLayout, theta: &[f64], i: usize) {
        let hidden = network.inputs + usize::from(network.bias);
        self.hidden.clear();
        self.hidden.extend((0..hidden).map(|row| [theta[layout.index(i, row)], 0.0]));
        self.outputs.clear();
        self.outputs.extend((hidden..layout.parameters).map(|row| theta[layout.index(i, row)]));
    }
}

/// `z = <w~, x~>` at the samples of a tile, with the activation there.
#[derive(Clone, Debug, Default)]
pub(super) struct ActivationRow {
    z: Vec<f64>,
    /// `sigma(z)`.
    pub value: Vec<f64>,
    /// `sigma'(z)`.
    pub slope: Vec<f64>,
    /// `sigma''(z)`.
    pub second: Vec<f64>,
    /// `sigma'''(z)`.
    pub third: Vec<f64>,
}

impl ActivationRow {
    /// Evaluates the activation and its derivatives for a neuron on a tile of `samples` samples.
    pub fn evaluate(&mut self, function: Activation, hidden: &[[f64; 2]], tile: InputTile<'_>, samples: usize) {
        self.pre_activations(hidden, tile, samples);
        self.slope.resize(samples, 0.0);
        activation::value_and_derivative(function, &mut self.value, &mut self.slope);
        self.second.resize(samples, 0.0);
        self.third.resize(samples, 0.0);
        for s in 0..samples {
            [self.second[s], self.third[s]] = function.higher_derivatives(self.z[s], self.value[s], self.slope[s]);
        }
    }

    /// Evaluates the activation alone.
    pub fn evaluate_value(&mut self, function: Activation, hidden: &[[f64; 2]], tile: InputTile<'_>, samples: usize) {
        self.pre_activations(hidden, tile, samples);
        activation::value(function, &mut self.value);
    }

    /// Writes z, and z in place of the value.
    fn pre_activations(&mut self, hidden: &[[f64; 2]], tile: InputTile<'_>, samples: usize) {
        self.z.resize(samples, 0.0);
        f64::dispatch(RowProduct {
            coefficients: hidden,
            terms: tile.in_lanes,
            out: &mut self.z,
            columns: samples,
            accumulate: false,
        });
        self.value.clone_from(&self.z);
    }
}
