//! The two-layer network `f(x) = (1/N) sum_i a_i sigma(<w_i, x> + b_i)`; WKM, section 3, and MMN, eq. (1).

use super::kernel::{LANES, Portion, Shares, TwoLayerLayout};
use super::{Activation, Family, FamilyPart, Start};
use crate::compute::Real;
use serde::Serialize;
use std::ops::Range;

/// A batch of samples with inputs in the scalar type of the network.
#[derive(Clone, Debug, Default)]
pub struct Batch<R> {
    /// Inputs, (n, d) row-major.
    pub x: Vec<R>,
    /// Labels, (n, K) row-major.
    pub y: Vec<f64>,
}

/// The architecture of a two-layer network of any width. Parameters are stored separately, in flat slices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TwoLayer {
    /// Input dimension d.
    pub inputs: usize,
    /// Output dimension K.
    pub outputs: usize,
    /// Whether neurons have a bias b.
    pub bias: bool,
    /// The activation function sigma.
    pub activation: Activation,
    /// Whether the output weights a are fixed at their initial values.
    pub fixed_output: bool,
}

impl TwoLayer {
    /// Parameters per neuron p = d + 1 + K (d + K without bias).
    pub fn parameters(&self) -> usize {
        self.inputs + usize::from(self.bias) + self.outputs
    }

    /// Whether the output weights are trained.
    pub fn trains_output(&self) -> bool {
        !self.fixed_output
    }

    /// The network of bump neurons `phi(x; theta) = a exp(-(x - theta)^2 / (2 s^2))`, with one input and one trained
    /// parameter. On inputs `(x, 1) / s` ([`crate::population::Population::with_scale`]) a bump neuron is
    /// `a sigma(<w, x>)` with fixed `w_1 = -1` and a, and `w_2 = theta`.
    pub fn bump(outputs: usize) -> Self {
        TwoLayer { inputs: 2, outputs, bias: false, activation: Activation::Bump, fixed_output: true }
    }

    /// Number of leading input weights that are fixed; see [`Activation::fixed_inputs`].
    pub fn fixed_inputs(&self) -> usize {
        self.activation.fixed_inputs()
    }

    /// The trained parameters of a neuron, by position in canonical order.
    pub fn trained(&self) -> Range<usize> {
        self.fixed_inputs()..self.parameters() - if self.fixed_output { self.outputs } else { 0 }
    }

    /// The single family of parameters: neurons, each (w, b, a), or (w, a) without bias.
    pub fn families(&self, width: usize) -> Vec<Family> {
        let hidden = self.inputs + usize::from(self.bias);
        let mut parts = vec![FamilyPart { name: "w", columns: 0..self.inputs, trained: true }];
        if self.bias {
            parts.push(FamilyPart { name: "b", columns: self.inputs..hidden, trained: true });
        }
        parts.push(FamilyPart { name: "a", columns: hidden..self.parameters(), trained: !self.fixed_output });
        let p = self.parameters();
        vec![Family { name: "neurons", start: 0, rows: width, columns: p, unit: p, fixed: self.fixed_inputs(), parts }]
    }

    /// The index in a state slice of every parameter, in canonical order.
    pub fn state_indices(&self, width: usize) -> Vec<usize> {
        let layout = self.layout(width);
        (0..width).flat_map(|i| (0..layout.parameters).map(move |row| layout.index(i, row))).collect()
    }

    /// Writes canonical parameters to a state slice; padding is unchanged.
    pub(super) fn scatter<R: Real>(&self, canonical: &[R], state: &mut [R]) {
        let p = self.parameters();
        let blocks = state.chunks_exact_mut(p * LANES);
        for (block, neurons) in blocks.zip(canonical.chunks(p * LANES)) {
            for (lane, neuron) in neurons.chunks_exact(p).enumerate() {
                block.iter_mut().skip(lane).step_by(LANES).zip(neuron).for_each(|(to, from)| *to = *from);
            }
        }
    }

    /// The canonical parameters of a state slice.
    pub(super) fn gather<R: Real>(&self, width: usize, state: &[R]) -> Vec<R> {
        let p = self.parameters();
        let mut canonical = Vec::with_capacity(width * p);
        for neuron in 0..width {
            let block = &state[neuron / LANES * p * LANES..][..p * LANES];
            canonical.extend(block.iter().skip(neuron % LANES).step_by(LANES));
        }
        canonical
    }

    /// Fills the trained coordinates of the neurons of a block; see [`super::Network::fill_block`]. The family is 0.
    pub fn fill_block<R: Real>(
        &self,
        width: usize,
        block: usize,
        draw: &mut dyn FnMut(usize, usize, &mut [f64]),
        out: &mut [R],
    ) {
        let layout = self.layout(width);
        let mut neuron = vec![0.0; self.trained().len()];
        for i in block * LANES..((block + 1) * LANES).min(width) {
            draw(0, i, &mut neuron);
            for (row, &value) in self.trained().zip(&neuron) {
                out[layout.index(i % LANES, row)] = R::of(value);
            }
        }
    }

    /// The memory layout of a network of this width.
    pub fn layout(&self, width: usize) -> TwoLayerLayout {
        TwoLayerLayout { width, parameters: self.parameters() }
    }

    /// Initial parameters of the particles `first .. first + width`, as a state slice.
    pub fn start<R: Real>(&self, start: &Start, seed: u64, first: u64, width: usize) -> Vec<R> {
        let layout = self.layout(width);
        let mut neuron = vec![0.0; layout.parameters];
        let mut state = vec![R::zero(); layout.len()];
        for i in 0..width {
            start.particle(seed, first + i as u64, self.inputs, self.bias, &mut neuron);
            neuron[..self.fixed_inputs()].fill(-1.0);
            for (row, &value) in neuron.iter().enumerate() {
                state[layout.index(i, row)] = R::of(value);
            }
        }
        state
    }

    /// Zeroes the gradient entries of fixed input weights, which the kernels compute like those of trained ones.
    pub(crate) fn zero_fixed_gradient<R: Real>(&self, width: usize, gradient: &mut [R]) {
        let layout = self.layout(width);
        for row in 0..self.fixed_inputs() {
            for block in gradient.chunks_exact_mut(layout.parameters * LANES) {
                block[row * LANES..(row + 1) * LANES].fill(R::zero());
            }
        }
    }

    /// `(1/N) sum_i |v_i|^2` with `v_i` the trained coordinates of neuron i in a state slice.
    pub fn mean_square<R: Real>(&self, width: usize, state: &[R]) -> f64 {
        match Shares::of(width, Shares::FROM) {
            Some(shares) => self.mean_square_over(&Portion::whole(shares), state),
            None => self.sum_of_squares(state, 0..width) / width as f64,
        }
    }

    /// The same over all ranks, from the neurons of one. Collective.
    pub fn mean_square_over<R: Real>(&self, portion: &Portion, state: &[R]) -> f64 {
        let first = portion.neurons().start;
        let local = |neurons: Range<usize>| neurons.start - first..neurons.end - first;
        let total = portion.sum(|neurons| self.sum_of_squares(state, local(neurons)));
        total / portion.shares().width() as f64
    }

    /// The sum of `|v_i|^2` over a range of the neurons of a state slice, in their order.
    fn sum_of_squares<R: Real>(&self, state: &[R], neurons: Range<usize>) -> f64 {
        let layout = self.layout(neurons.end);
        let square = |i: usize| self.trained().map(|row| state[layout.index(i, row)].to_f64().powi(2)).sum::<f64>();
        neurons.map(square).sum()
    }
}
