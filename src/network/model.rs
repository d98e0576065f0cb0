//! The interface of networks of any depth: no other module depends on which depths there are.

use super::kernel::{self, Labelled, Samples};
use super::{Batch, Family, Objective, Start, ThreeLayer, TwoLayer, Workspace};
use crate::compute::rng::{Role, stream};
use crate::compute::{Real, Threads};
use ndarray::{Array2, ArrayView2};
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::Serialize;

/// A network's shape at any width; its parameters live in flat slices beside it.
///
/// The *width* N is a single number also where there are several hidden layers: the size of the smallest. A state is a flat
/// slice in the kernels' own order; *canonical* parameters are described by [`Network::families`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Network {
    /// One hidden layer.
    TwoLayer(TwoLayer),
    /// Two hidden layers.
    ThreeLayer(ThreeLayer),
}

impl From<TwoLayer> for Network {
    fn from(network: TwoLayer) -> Self {
        Network::TwoLayer(network)
    }
}

impl From<ThreeLayer> for Network {
    fn from(network: ThreeLayer) -> Self {
        Network::ThreeLayer(network)
    }
}

/// Calls a method that every depth has.
macro_rules! either {
    ($network:expr, $inner:ident => $call:expr) => {
        match $network {
            Network::TwoLayer($inner) => $call,
            Network::ThreeLayer($inner) => $call,
        }
    };
}

impl Network {
    /// Input dimension d.
    pub fn inputs(&self) -> usize {
        either!(self, network => network.inputs)
    }

    /// The network, if its units depend on each other by the predictions alone; where there are several hidden layers they do
    /// not.
    pub fn as_two_layer(&self) -> Option<&TwoLayer> {
        match self {
            Network::TwoLayer(network) => Some(network),
            Network::ThreeLayer(_) => None,
        }
    }

    /// Leading parameters of a neuron that are fixed though the kernels differentiate by them.
    pub(crate) fn fixed_inputs(&self) -> usize {
        self.as_two_layer().map_or(0, TwoLayer::fixed_inputs)
    }

    /// Output dimension K.
    pub fn outputs(&self) -> usize {
        either!(self, network => network.outputs)
    }

    /// Whether neurons have biases.
    pub fn bias(&self) -> bool {
        either!(self, network => network.bias)
    }

    /// Neurons of each hidden layer at a width, from the inputs to the outputs.
    pub fn hidden_layers(&self, width: usize) -> Vec<usize> {
        match self {
            Network::TwoLayer(_) => vec![width],
            Network::ThreeLayer(network) => network.layers(width).to_vec(),
        }
    }

    /// What the parameters of a width are in canonical order.
    pub fn families(&self, width: usize) -> Vec<Family> {
        either!(self, network => network.families(width))
    }

    /// Number of parameters of a width.
    pub fn parameters(&self, width: usize) -> usize {
        self.families(width).iter().map(Family::len).sum()
    }

    /// Number of trained parameters of a width.
    pub fn coordinates(&self, width: usize) -> usize {
        self.families(width).iter().map(|family| family.rows * family.trained().len()).sum()
    }

    /// Parameters of the largest neuron, without the weights between hidden layers: the p of the bound's form.
    pub fn neuron_parameters(&self) -> usize {
        match self {
            Network::TwoLayer(network) => network.parameters(),
            Network::ThreeLayer(network) => network.neuron_parameters(),
        }
    }

    /// Length of a state slice, padding included.
    pub fn state_len(&self, width: usize) -> usize {
        match self {
            Network::TwoLayer(network) => network.layout(width).len(),
            Network::ThreeLayer(network) => network.layout(width).len(),
        }
    }

    /// Position in a state slice of every parameter in canonical order.
    pub fn state_indices(&self, width: usize) -> Vec<usize> {
        either!(self, network => network.state_indices(width))
    }

    /// A state slice from canonical parameters; padding is zero.
    pub fn from_canonical<R: Real>(&self, width: usize, canonical: &[R]) -> Vec<R> {
        let mut state = vec![R::zero(); self.state_len(width)];
        for (place, &value) in self.state_indices(width).into_iter().zip(canonical) {
            state[place] = value;
        }
        state
    }

    /// Canonical parameters from a state slice.
    pub fn to_canonical<R: Real>(&self, width: usize, state: &[R]) -> Vec<R> {
        self.state_indices(width).into_iter().map(|place| state[place]).collect()
    }

    /// Initial parameters of the network that holds the limit's particles from index `first` on, as a state slice.
    pub fn start<R: Real>(&self, start: &Start, seed: u64, first: u64, width: usize) -> Vec<R> {
        either!(self, network => network.start(start, seed, first, width))
    }

    /// Initial momenta of the network that holds the limit's particles from index `first` on, N(0, std^2) on trained
    /// parameters and zero elsewhere, as a state slice.
    pub fn start_momenta<R: Real>(&self, std: f64, seed: u64, first: u64, width: usize) -> Vec<R> {
        let mut state = vec![R::zero(); self.state_len(width)];
        if std > 0.0 {
            let mut draw = |family: usize, unit: usize, out: &mut [f64]| {
                let unit = self.unit_address(first, width, family, unit);
                let mut rng = stream(seed, Role::Momentum, unit, family as u64);
                out.iter_mut().for_each(|v| *v = std * rng.sample::<f64, _>(StandardNormal));
            };
            for (block, range) in self.blocks(width).into_iter().enumerate() {
                self.fill_block(width, block, &mut draw, &mut state[range]);
            }
        }
        state
    }

    /// Sets the gradient of parameters to zero that are fixed though the kernels differentiate by them.
    pub(crate) fn hold_fixed<R: Real>(&self, width: usize, gradient: &mut [R]) {
        if let Network::TwoLayer(network) = self {
            network.hold_fixed(width, gradient);
        }
    }

    /// The canonical parameters of the network of width `width` that begins at particle `offset` of a larger network.
    pub fn window<R: Real>(&self, larger: usize, canonical: &[R], offset: usize, width: usize) -> Vec<R> {
        match self {
            Network::TwoLayer(network) => {
                let p = network.parameters();
                canonical[offset * p..(offset + width) * p].to_vec()
            }
            Network::ThreeLayer(network) => network.window(larger, canonical, offset, width),
        }
    }

    /// Predictions `f_N(x)`, (n, K) row-major, for inputs (n, d) row-major.
    pub fn predict<R: Real>(&self, width: usize, theta: &[R], x: &[R], threads: Threads) -> Vec<f64> {
        Workspace::default().predict(Model { network: self, width, threads }, theta, x)
    }

    /// Writes `grad Psi`, the derivative of the risk times the number of units of a parameter's family, ridge included, as
    /// a state slice, under the batch's law; returns the batch's mean loss (without the ridge).
    pub fn potential_gradient<R: Real>(
        &self,
        width: usize,
        theta: &[R],
        batch: &Batch<R>,
        objective: Objective,
        threads: Threads,
        out: &mut [R],
    ) -> f64 {
        let d = self.inputs();
        let mut samples = Samples::default();
        samples.reset(batch.x.len() / d, d, Some(self.bias()));
        samples.fill(|s| &batch.x[s * d..(s + 1) * d]);
        let labelled = Labelled { samples: &samples, y: &batch.y };
        let loss =
            Workspace::default().gradient(Model { network: self, width, threads }, objective, theta, labelled, out);
        self.hold_fixed(width, out);
        loss
    }

    /// The sum over families of the mean over units of `|v|^2`, trained coordinates of a state slice.
    pub fn mean_square<R: Real>(&self, width: usize, state: &[R]) -> f64 {
        either!(self, network => network.mean_square(width, state))
    }

    /// Activations of the last hidden layer, (neurons, n), of canonical parameters at inputs (n, d): predictions are means of
    /// these times [`Network::output_weights`].
    pub fn hidden(&self, width: usize, canonical: &[f64], x: ArrayView2<f64>) -> Array2<f64> {
        match self {
            Network::TwoLayer(network) => network.hidden(self.families(width)[0].matrix(canonical), x),
            Network::ThreeLayer(network) => network.hidden(width, canonical, x),
        }
    }

    /// Output weights (neurons of the last hidden layer, K) of canonical parameters.
    pub fn output_weights<'a>(&self, width: usize, canonical: &'a [f64]) -> ArrayView2<'a, f64> {
        let last = self.families(width).pop().expect("a network has neurons");
        let part = last.parts.last().expect("neurons have output weights");
        last.part(part, canonical)
    }

    /// The stream address of a unit of family `family` (by position), for the network that begins at particle `first`: the
    /// same for every network that holds the unit.
    pub fn unit_address(&self, first: u64, width: usize, family: usize, unit: usize) -> u64 {
        match self {
            Network::TwoLayer(_) => first + unit as u64,
            Network::ThreeLayer(network) => network.unit_address(first, width, family, unit),
        }
    }

    /// The parts of a state slice that the kernels move as one.
    pub fn blocks(&self, width: usize) -> Vec<std::ops::Range<usize>> {
        match self {
            Network::TwoLayer(network) => network.layout(width).block_ranges(0),
            Network::ThreeLayer(network) => network.layout(width).block_ranges(),
        }
    }

    /// Writes what `draw(family, unit, trained coordinates)` gives for the units of a block into `out`, the block's part of
    /// a state slice; the rest of it stays.
    pub fn fill_block<R: Real>(
        &self,
        width: usize,
        block: usize,
        draw: &mut dyn FnMut(usize, usize, &mut [f64]),
        out: &mut [R],
    ) {
        either!(self, network => network.fill_block(width, block, draw, out));
    }

    /// The ways to drop neurons of hidden layers.
    pub fn dropout_patterns(&self) -> Vec<DropoutPattern> {
        match self {
            Network::TwoLayer(_) => vec![DropoutPattern { name: "", layers: vec![true] }],
            Network::ThreeLayer(_) => vec![
                DropoutPattern { name: "first-layer", layers: vec![true, false] },
                DropoutPattern { name: "second-layer", layers: vec![false, true] },
                DropoutPattern { name: "both-layers", layers: vec![true, true] },
            ],
        }
    }

    /// Predictions, (n, K), with only some neurons of every hidden layer, rescaled: their averages are over those kept.
    /// `kept` has one list of neurons for each hidden layer.
    pub fn predict_kept(
        &self,
        width: usize,
        canonical: &[f64],
        kept: &[&[usize]],
        x: &[f64],
        threads: Threads,
    ) -> Vec<f64> {
        match self {
            Network::ThreeLayer(network) => {
                let (first, second) = (kept[0], kept[1]);
                let sub = network.keep(network.layers(width), canonical, [first, second]);
                network.predict_with([first.len(), second.len()], &sub, x, threads)
            }
            Network::TwoLayer(_) => {
                let (kept, p) = (kept[0], self.neuron_parameters());
                let sub: Vec<f64> = kept.iter().flat_map(|&i| canonical[i * p..(i + 1) * p].to_vec()).collect();
                self.predict(kept.len(), &self.from_canonical(kept.len(), &sub), x, threads)
            }
        }
    }

    /// Length of a state slice, as a real number: sizes typed by mistake come out as large, not wrapped.
    pub fn size(&self, width: usize) -> f64 {
        let padded = |n: f64| (n / kernel::LANES as f64).ceil() * kernel::LANES as f64;
        match self {
            Network::TwoLayer(network) => padded(width as f64) * network.parameters() as f64,
            Network::ThreeLayer(network) => {
                let [first, second] = network.proportions.map(|per| per as f64 * width as f64);
                let (bias, outputs) = (f64::from(u8::from(network.bias)), network.outputs as f64);
                padded(first) * (network.inputs as f64 + bias) + padded(second) * (first + bias + outputs)
            }
        }
    }

    /// Numbers that stand for a limit's clouds in sliced distances, with so many directions: weights between hidden layers,
    /// clouds on the line, have one.
    pub fn projected(&self, width: usize, directions: f64) -> f64 {
        match self {
            Network::TwoLayer(_) => directions * width as f64,
            Network::ThreeLayer(network) => {
                let [first, second] = network.proportions.map(|per| per as f64 * width as f64);
                directions * (first + second) + first * second
            }
        }
    }

    /// Work of a step on one sample at a width, up to a factor: neurons, or the weights between them.
    pub fn work(&self, width: usize) -> f64 {
        match self {
            Network::TwoLayer(_) => width as f64,
            Network::ThreeLayer(network) => {
                let [first, second] = network.layers(width);
                first as f64 * second as f64
            }
        }
    }

    /// Bytes that passes on `count` samples work in, for scalars of so many bytes.
    pub fn work_bytes(&self, width: usize, count: usize, scalar: usize) -> f64 {
        match self {
            Network::TwoLayer(network) => kernel::work_bytes(network, width, count, scalar) as f64,
            Network::ThreeLayer(network) => kernel::three_layer::work_bytes(network, width, count, scalar),
        }
    }
}

/// A way to drop neurons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropoutPattern {
    /// Its name in records; empty where there is one hidden layer.
    pub name: &'static str,
    /// Whether neurons of each hidden layer are dropped.
    pub layers: Vec<bool>,
}

impl DropoutPattern {
    /// Whether only the last layer's neurons are dropped: the prediction is a mean over them, and its change has a closed form.
    pub fn drops_last_layer_only(&self) -> bool {
        self.layers.iter().rev().skip(1).all(|dropped| !dropped)
    }

    /// What goes before the names of arrays and checks, with a separator.
    pub fn prefix(&self, separator: &str) -> String {
        if self.name.is_empty() { String::new() } else { format!("{}{separator}", self.name) }
    }
}

/// A network of fixed width, as a pass needs it.
#[derive(Clone, Copy)]
pub struct Model<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its width N.
    pub width: usize,
    /// Whether passes may use more than one thread.
    pub threads: Threads,
}
