//! The two-layer network `f(x) = (1/N) sum_i a_i sigma(<w_i, x> + b_i)`; WKM section 3, MMN eq. (1).

use super::kernel::{LANES, Labelled, Layout, Model, Samples, Threads, Workspace};
use super::{Activation, Objective, Real, Start};
use crate::rng::{Role, stream};
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::Serialize;
use std::ops::Range;

/// A batch of samples in the network's scalar type.
#[derive(Clone, Debug, Default)]
pub struct Batch<R> {
    /// Inputs, (n, d) row-major.
    pub x: Vec<R>,
    /// Labels, (n, K) row-major.
    pub y: Vec<f64>,
}

/// A named part of a neuron's parameters, in canonical order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `w`, `b` or `a`.
    pub name: &'static str,
    /// Its rows among the neuron's parameters.
    pub rows: Range<usize>,
}

/// A two-layer network's shape; its parameters live in flat slices beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TwoLayer {
    /// Input dimension d.
    pub inputs: usize,
    /// Output dimension K.
    pub outputs: usize,
    /// Whether a neuron has a bias b.
    pub bias: bool,
    /// The nonlinearity sigma.
    pub activation: Activation,
    /// Whether the output weights a stay where they start.
    pub fixed_output: bool,
}

impl TwoLayer {
    /// Parameters per neuron p = d + 1 + K (d + K without bias).
    pub fn parameters(&self) -> usize {
        self.inputs + usize::from(self.bias) + self.outputs
    }

    /// Whether output weights are trained.
    pub fn trains_output(&self) -> bool {
        !self.fixed_output
    }

    /// The bump neuron `phi(x; theta) = a exp(-(x - theta)^2 / (2 s^2))` of one input and one trained parameter: on the
    /// inputs `(x, 1) / s` ([`crate::population::Population::with_scale`]) it is `a sigma(<w, x>)` with the fixed weights
    /// `w_1 = -1` and a, and `w_2 = theta`.
    pub fn bump(outputs: usize) -> Self {
        TwoLayer { inputs: 2, outputs, bias: false, activation: Activation::Bump, fixed_output: true }
    }

    /// Input weights that stay where they start: a bump neuron's first.
    pub fn fixed_inputs(&self) -> usize {
        usize::from(self.activation == Activation::Bump)
    }

    /// Rows of a neuron's parameters that are trained, in canonical order.
    pub fn trained(&self) -> Range<usize> {
        self.fixed_inputs()..self.parameters() - if self.fixed_output { self.outputs } else { 0 }
    }

    /// The named parts of a neuron in canonical order: w, b (where there is one), a.
    pub fn parts(&self) -> Vec<Part> {
        let hidden = self.inputs + usize::from(self.bias);
        let mut parts = vec![Part { name: "w", rows: 0..self.inputs }];
        if self.bias {
            parts.push(Part { name: "b", rows: self.inputs..hidden });
        }
        parts.push(Part { name: "a", rows: hidden..self.parameters() });
        parts
    }

    /// The arrangement of a network of this width.
    pub fn layout(&self, width: usize) -> Layout {
        Layout { width, parameters: self.parameters() }
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

    /// Initial momenta of the particles `first .. first + width`, N(0, std^2) on trained parameters and zero elsewhere.
    pub fn start_momenta<R: Real>(&self, std: f64, seed: u64, first: u64, width: usize) -> Vec<R> {
        let layout = self.layout(width);
        let mut state = vec![R::zero(); layout.len()];
        if std > 0.0 {
            for i in 0..width {
                let mut rng = stream(seed, Role::Momentum, first + i as u64, 0);
                for row in self.trained() {
                    state[layout.index(i, row)] = R::of(std * rng.sample::<f64, _>(StandardNormal));
                }
            }
        }
        state
    }

    /// Sets the gradient of parameters to zero that are fixed though the kernels differentiate by them.
    pub(crate) fn hold_fixed<R: Real>(&self, width: usize, gradient: &mut [R]) {
        let layout = self.layout(width);
        for row in 0..self.fixed_inputs() {
            for block in gradient.chunks_exact_mut(layout.parameters * LANES) {
                block[row * LANES..(row + 1) * LANES].fill(R::zero());
            }
        }
    }

    /// A state slice from neurons in canonical order, (N, p) row-major.
    pub fn from_canonical<R: Real>(&self, width: usize, canonical: &[R]) -> Vec<R> {
        let layout = self.layout(width);
        let mut state = vec![R::zero(); layout.len()];
        for (i, neuron) in canonical.chunks_exact(layout.parameters).enumerate() {
            for (row, &value) in neuron.iter().enumerate() {
                state[layout.index(i, row)] = value;
            }
        }
        state
    }

    /// Neurons in canonical order, (N, p) row-major, from a state slice.
    pub fn to_canonical<R: Real>(&self, width: usize, state: &[R]) -> Vec<R> {
        let layout = self.layout(width);
        (0..width).flat_map(|i| (0..layout.parameters).map(move |row| state[layout.index(i, row)])).collect()
    }

    /// Predictions `f_N(x)`, (n, K) row-major, for inputs `x`, (n, d) row-major. The 1/N is here.
    pub fn predict<R: Real>(&self, width: usize, theta: &[R], x: &[R], threads: Threads) -> Vec<f64> {
        Workspace::default().predict(Model { network: self, width, threads }, theta, x)
    }

    /// Writes `grad Psi(theta_i; rho_N) = N dR/dtheta_i` for every neuron under the batch's law, ridge included,
    /// and returns the batch's mean loss (without the ridge). WKM section 3; Psi as in MMN eq. (6).
    pub fn potential_gradient<R: Real>(
        &self,
        width: usize,
        theta: &[R],
        batch: &Batch<R>,
        objective: Objective,
        threads: Threads,
        out: &mut [R],
    ) -> f64 {
        let mut samples = Samples::default();
        samples.reset(batch.x.len() / self.inputs, self.inputs, Some(self.bias));
        samples.fill(|s| &batch.x[s * self.inputs..(s + 1) * self.inputs]);
        let labelled = Labelled { samples: &samples, y: &batch.y };
        let loss =
            Workspace::default().gradient(Model { network: self, width, threads }, objective, theta, labelled, out);
        self.hold_fixed(width, out);
        loss
    }

    /// `(1/N) sum_i |v_i|^2` over the trained coordinates of a state slice.
    pub fn mean_square<R: Real>(&self, width: usize, state: &[R]) -> f64 {
        let layout = self.layout(width);
        let total: f64 =
            (0..width).map(|i| self.trained().map(|row| state[layout.index(i, row)].wide().powi(2)).sum::<f64>()).sum();
        total / width as f64
    }
}
