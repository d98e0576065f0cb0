//! The common interface of networks of any depth.

use super::kernel::{self, LabelledSamples, Samples};
use super::{Batch, Family, Objective, Start, ThreeLayer, TwoLayer, Workspace};
use crate::compute::rng::{Role, stream};
use crate::compute::{Real, Threads};
use ndarray::{Array2, ArrayView2};
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::Serialize;

/// The architecture of a network of any width. Parameters are stored separately, in flat slices.
///
/// The *width* N is a single number: with several hidden layers it is the size of the smallest. A *state slice* holds
/// parameters or momenta in the memory layout of the kernels; *canonical* parameters are described by
/// [`Network::families`].
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

/// Evaluates an expression that is valid for every depth.
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

    /// The two-layer network, if it is one. Its neurons interact through the predictions alone.
    pub fn as_two_layer(&self) -> Option<&TwoLayer> {
        match self {
            Network::TwoLayer(network) => Some(network),
            Network::ThreeLayer(_) => None,
        }
    }

    /// Number of leading parameters of a neuron that are fixed; see [`TwoLayer::fixed_inputs`].
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

    /// Number of neurons of each hidden layer, from the inputs to the outputs.
    pub fn hidden_layers(&self, width: usize) -> Vec<usize> {
        match self {
            Network::TwoLayer(_) => vec![width],
            Network::ThreeLayer(network) => network.layers(width).to_vec(),
        }
    }

    /// The families of parameters, in canonical order.
    pub fn families(&self, width: usize) -> Vec<Family> {
        either!(self, network => network.families(width))
    }

    /// Number of parameters.
    pub fn parameters(&self, width: usize) -> usize {
        self.families(width).iter().map(Family::len).sum()
    }

    /// Number of trained parameters.
    pub fn coordinates(&self, width: usize) -> usize {
        self.families(width).iter().map(|family| family.rows * family.trained().len()).sum()
    }

    /// Parameters p of the largest neuron, without the weights between hidden layers; the dimension in the bound of
    /// WKM.
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

    /// The index in a state slice of every parameter, in canonical order.
    pub fn state_indices(&self, width: usize) -> Vec<usize> {
        either!(self, network => network.state_indices(width))
    }

    /// A state slice from canonical parameters; padding is zero.
    pub fn from_canonical<R: Real>(&self, width: usize, canonical: &[R]) -> Vec<R> {
        let mut state = vec![R::zero(); self.state_len(width)];
        match self {
            Network::TwoLayer(network) => network.scatter(canonical, &mut state),
            Network::ThreeLayer(network) => {
                for (index, &value) in network.state_indices(width).into_iter().zip(canonical) {
                    state[index] = value;
                }
            }
        }
        state
    }

    /// Canonical parameters from a state slice.
    pub fn to_canonical<R: Real>(&self, width: usize, state: &[R]) -> Vec<R> {
        match self {
            Network::TwoLayer(network) => network.gather(width, state),
            Network::ThreeLayer(network) => {
                network.state_indices(width).into_iter().map(|index| state[index]).collect()
            }
        }
    }

    /// Initial parameters of the network that consists of the particles of the limit from index `first`, as a state
    /// slice.
    pub fn start<R: Real>(&self, start: &Start, seed: u64, first: u64, width: usize) -> Vec<R> {
        either!(self, network => network.start(start, seed, first, width))
    }

    /// Initial momenta of the network that consists of the particles of the limit from index `first`: N(0, std^2) for
    /// trained parameters and zero for others, as a state slice.
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

    /// Zeroes the gradient entries of fixed input weights, which the kernels compute like those of trained ones.
    pub(crate) fn zero_fixed_gradient<R: Real>(&self, width: usize, gradient: &mut [R]) {
        if let Network::TwoLayer(network) = self {
            network.zero_fixed_gradient(width, gradient);
        }
    }

    /// The canonical parameters of the network of width `width` at particle `offset` of a larger network, whose width
    /// is `larger` and whose parameters are `canonical`.
    pub fn subnetwork<R: Real>(&self, larger: usize, canonical: &[R], offset: usize, width: usize) -> Vec<R> {
        match self {
            Network::TwoLayer(network) => {
                let p = network.parameters();
                canonical[offset * p..(offset + width) * p].to_vec()
            }
            Network::ThreeLayer(network) => network.subnetwork(larger, canonical, offset, width),
        }
    }

    /// Predictions `f_N(x)`, (n, K) row-major, of a state slice at inputs (n, d) row-major.
    pub fn predict<R: Real>(&self, width: usize, theta: &[R], x: &[R], threads: Threads) -> Vec<f64> {
        Workspace::default().predict(Model { network: self, width, threads }, theta, x)
    }

    /// Inputs (n, d) row-major for predictions of many networks; `None` where there are too many to be packed at once.
    pub fn packed<R: Real>(&self, x: &[R]) -> Option<Samples<R>> {
        let chunk = match self {
            Network::TwoLayer(_) => kernel::PREDICTION_CHUNK,
            Network::ThreeLayer(_) => kernel::three_layer::PREDICTION_CHUNK,
        };
        let d = self.inputs();
        (x.len() <= chunk * d).then(|| {
            let mut samples = Samples::default();
            samples.reset(x.len() / d, d, None);
            samples.fill(|s| &x[s * d..(s + 1) * d]);
            samples
        })
    }

    /// Writes `grad Psi`, the derivative of the regularised risk on the batch times the number of units of the
    /// parameter's family, as a state slice; returns the mean loss of the batch, without the ridge term.
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
        let labelled = LabelledSamples { samples: &samples, y: &batch.y };
        let loss =
            Workspace::default().gradient(Model { network: self, width, threads }, objective, theta, labelled, out);
        self.zero_fixed_gradient(width, out);
        loss
    }

    /// The sum over families of the mean over units of `|v|^2`, with v the trained coordinates of a state slice.
    pub fn mean_square<R: Real>(&self, width: usize, state: &[R]) -> f64 {
        either!(self, network => network.mean_square(width, state))
    }

    /// Activations of the last hidden layer, (neurons, n), of canonical parameters at inputs (n, d). The predictions
    /// are the means over neurons of activation times [`Network::output_weights`].
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

    /// The index of a unit in the random streams. `family` is the position of its family, `unit` its index in the
    /// network that starts at particle `first`; the result is the same for every network that contains the unit.
    pub fn unit_address(&self, first: u64, width: usize, family: usize, unit: usize) -> u64 {
        match self {
            Network::TwoLayer(_) => first + unit as u64,
            Network::ThreeLayer(network) => network.unit_address(first, width, family, unit),
        }
    }

    /// The ranges of a state slice that are blocks of the kernels.
    pub fn blocks(&self, width: usize) -> Vec<std::ops::Range<usize>> {
        match self {
            Network::TwoLayer(network) => network.layout(width).block_ranges(0),
            Network::ThreeLayer(network) => network.layout(width).block_ranges(),
        }
    }

    /// Fills the trained coordinates of the units of a block. `draw(family, unit, coordinates)` writes those of one
    /// unit; `out` is the range of the block in a state slice, of which other entries are unchanged.
    pub fn fill_block<R: Real>(
        &self,
        width: usize,
        block: usize,
        draw: &mut dyn FnMut(usize, usize, &mut [f64]),
        out: &mut [R],
    ) {
        either!(self, network => network.fill_block(width, block, draw, out));
    }

    /// The hidden layers, or combinations of them, from which neurons can be dropped.
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

    /// Predictions, (n, K), of the network of the neurons in `kept`, one list for each hidden layer. Averages are over
    /// the neurons that are kept.
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
                let parameters = network.select_neurons(network.layers(width), canonical, [first, second]);
                network.predict_with([first.len(), second.len()], &parameters, x, threads)
            }
            Network::TwoLayer(_) => {
                let (kept, p) = (kept[0], self.neuron_parameters());
                let parameters: Vec<f64> = kept.iter().flat_map(|&i| canonical[i * p..(i + 1) * p].to_vec()).collect();
                self.predict(kept.len(), &self.from_canonical(kept.len(), &parameters), x, threads)
            }
        }
    }

    /// Length of a state slice in floating point, which does not overflow for erroneous sizes.
    pub fn state_len_f64(&self, width: usize) -> f64 {
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

    /// Number of values that represent the particles of a limit in sliced Wasserstein distances with this many
    /// directions. Units with one trained parameter, such as weights between hidden layers, need one direction.
    pub fn projection_count(&self, width: usize, directions: f64) -> f64 {
        match self {
            Network::TwoLayer(network) => (if network.trained().len() == 1 { 1.0 } else { directions }) * width as f64,
            Network::ThreeLayer(network) => {
                let [first, second] = network.proportions.map(|per| per as f64 * width as f64);
                directions * (first + second) + first * second
            }
        }
    }

    /// Cost of a step per sample, up to a factor: the number of neurons, or of weights between hidden layers.
    pub fn step_cost(&self, width: usize) -> f64 {
        match self {
            Network::TwoLayer(_) => width as f64,
            Network::ThreeLayer(network) => {
                let [first, second] = network.layers(width);
                first as f64 * second as f64
            }
        }
    }

    /// Whether the activations of this many neurons, all of them or those of a rank, are kept between the passes of a step
    /// on `count` samples, for scalars of `scalar` bytes. Those that are not are computed twice.
    pub fn keeps(&self, width: usize, count: usize, scalar: usize) -> bool {
        match self {
            Network::TwoLayer(network) => kernel::keeps_activations(network, width, count, scalar),
            Network::ThreeLayer(_) => true,
        }
    }

    /// Bytes of the buffers of a pass on `count` samples, for scalars of `scalar` bytes.
    pub fn work_bytes(&self, width: usize, count: usize, scalar: usize) -> f64 {
        match self {
            Network::TwoLayer(network) => kernel::work_bytes(network, width, count, scalar) as f64,
            Network::ThreeLayer(network) => kernel::three_layer::work_bytes(network, width, count, scalar),
        }
    }
}

/// The hidden layers from which neurons are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropoutPattern {
    /// The name in records; empty if there is one hidden layer.
    pub name: &'static str,
    /// For each hidden layer, whether its neurons are dropped.
    pub layers: Vec<bool>,
}

impl DropoutPattern {
    /// Whether neurons are dropped from the last hidden layer only. The prediction is a mean over them, so that its
    /// change has a closed form.
    pub fn drops_last_layer_only(&self) -> bool {
        self.layers.iter().rev().skip(1).all(|dropped| !dropped)
    }

    /// The prefix of the names of arrays and checks, with a separator; empty if the pattern has no name.
    pub fn prefix(&self, separator: &str) -> String {
        if self.name.is_empty() { String::new() } else { format!("{}{separator}", self.name) }
    }
}

/// A network of fixed width, the argument of the passes of a [`Workspace`].
#[derive(Clone, Copy)]
pub struct Model<'a> {
    /// The network.
    pub network: &'a Network,
    /// The width N.
    pub width: usize,
    /// Whether passes may use more than one thread.
    pub threads: Threads,
}
