//! The activation and its derivatives for a few neurons at the samples of some tiles.

use super::inputs::InputTiles;
use crate::compute::{Kernel, RowProduct};
use crate::network::kernel::activation;
use crate::network::{Activation, TwoLayer, TwoLayerLayout};
use std::ops::Range;

/// A few consecutive neurons with their activations `sigma(z)`, `z = <w~, x~>`, and derivatives. Evaluated together, they
/// share the inputs in registers.
#[derive(Clone, Debug, Default)]
pub(super) struct NeuronGroup {
    /// Input weights and biases, packed as the rows of [`RowProduct`].
    hidden: Vec<[f64; 2]>,
    /// Output weights a, (neurons, K).
    outputs: Vec<f64>,
    neurons: usize,
    /// Samples of a tile.
    tile: usize,
    /// The first of the tiles.
    first_tile: usize,
    /// (tiles, neurons, tile), as the arrays below.
    z: Vec<f64>,
    value: Vec<f64>,
    slope: Vec<f64>,
    second: Vec<f64>,
    third: Vec<f64>,
}

/// The activation of one neuron at the samples of one tile.
#[derive(Clone, Copy, Debug)]
pub(super) struct ActivationRow<'a> {
    /// `sigma(z)`.
    pub value: &'a [f64],
    /// `sigma'(z)`.
    pub slope: &'a [f64],
    /// `sigma''(z)`.
    pub second: &'a [f64],
    /// `sigma'''(z)`.
    pub third: &'a [f64],
}

impl NeuronGroup {
    /// Reads some neurons of a state slice.
    pub fn read(&mut self, network: &TwoLayer, layout: TwoLayerLayout, theta: &[f64], neurons: Range<usize>) {
        let hidden = network.inputs + usize::from(network.bias);
        self.neurons = neurons.len();
        self.hidden.clear();
        self.hidden.resize(neurons.len().div_ceil(2) * hidden, [0.0; 2]);
        self.outputs.clear();
        for (at, i) in neurons.enumerate() {
            let of_pair = &mut self.hidden[at / 2 * hidden..][..hidden];
            of_pair.iter_mut().enumerate().for_each(|(row, w)| w[at % 2] = theta[layout.index(i, row)]);
            self.outputs.extend((hidden..layout.parameters).map(|row| theta[layout.index(i, row)]));
        }
    }

    /// Evaluates the activation and its derivatives at the samples of some tiles.
    pub fn evaluate(&mut self, function: Activation, inputs: &InputTiles, tiles: Range<usize>) {
        self.evaluate_slope(function, inputs, tiles);
        let len = self.z.len();
        for row in [&mut self.second, &mut self.third] {
            row.resize(len, 0.0);
        }
        let NeuronGroup { z, value, slope, second, third, .. } = self;
        let higher = second.iter_mut().zip(third).zip(z.iter().zip(value).zip(slope));
        for ((second, third), ((z, value), slope)) in higher {
            [*second, *third] = function.higher_derivatives(*z, *value, *slope);
        }
    }

    /// Evaluates the activation and its first derivative.
    pub fn evaluate_slope(&mut self, function: Activation, inputs: &InputTiles, tiles: Range<usize>) {
        self.pre_activations(inputs, tiles);
        self.slope.resize(self.z.len(), 0.0);
        activation::value_and_derivative(function, &mut self.value, &mut self.slope);
    }

    /// Evaluates the activation alone.
    pub fn evaluate_value(&mut self, function: Activation, inputs: &InputTiles, tiles: Range<usize>) {
        self.pre_activations(inputs, tiles);
        activation::value(function, &mut self.value);
    }

    /// Writes z, and z in place of the value.
    fn pre_activations(&mut self, inputs: &InputTiles, tiles: Range<usize>) {
        (self.tile, self.first_tile) = (inputs.tile, tiles.start);
        let len = self.neurons * inputs.tile;
        self.z.resize(tiles.len() * len, 0.0);
        for (t, out) in tiles.zip(self.z.chunks_exact_mut(len)) {
            f64::vectorize(RowProduct {
                coefficients: &self.hidden,
                terms: inputs.get(t).in_lanes,
                out,
                columns: inputs.tile,
                accumulate: false,
            });
        }
        self.value.clone_from(&self.z);
    }

    /// The output weights (K) of a neuron of the group.
    pub fn outputs(&self, neuron: usize) -> &[f64] {
        let outputs = self.outputs.len() / self.neurons;
        &self.outputs[neuron * outputs..(neuron + 1) * outputs]
    }

    /// `sigma(z)` of a neuron of the group at the samples of tile `t`.
    pub fn values(&self, neuron: usize, t: usize) -> &[f64] {
        &self.value[self.range(neuron, t)]
    }

    /// `sigma'(z)` of a neuron of the group at the samples of tile `t`.
    pub fn slopes(&self, neuron: usize, t: usize) -> &[f64] {
        &self.slope[self.range(neuron, t)]
    }

    /// The activation of a neuron of the group at the samples of tile `t`, with all derivatives.
    pub fn row(&self, neuron: usize, t: usize) -> ActivationRow<'_> {
        let [value, slope, second, third] =
            [&self.value, &self.slope, &self.second, &self.third].map(|row| &row[self.range(neuron, t)]);
        ActivationRow { value, slope, second, third }
    }

    fn range(&self, neuron: usize, t: usize) -> Range<usize> {
        let start = ((t - self.first_tile) * self.neurons + neuron) * self.tile;
        start..start + self.tile
    }
}
