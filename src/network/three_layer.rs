//! The three-layer network; Pham, Nguyen (ICLR 2021), WKM, section 3, and Shevchenko, Mondelli (ICML 2020).
//!
//! ```text
//! H_j(x) = (1/N1) sum_i u_ij sigma1(<w_i, x> + b_i) + c_j,      f(x) = (1/N2) sum_j a_j sigma2(H_j(x))
//! ```
//!
//! The gradient of the potential is `N1 dR/dw_i`, `N1 N2 dR/du_ij` and `N2 dR/da_j`: with this scaling one learning
//! rate suits all parameters at every width.
//!
//! The limit is a *neuronal embedding*: indices become random variables C1, C2 with weights `w(t, C1)`, `u(t, C1, C2)`,
//! `a(t, C2)`. It is simulated by a wide network, whose neurons are samples of C1 and C2. Every weight is drawn from
//! the random stream addressed by its indices, so that the network at particle `first` has the initial weights of a
//! sub-sample of both kinds of index of the limit.

use super::kernel::activation;
use super::kernel::three_layer::{ThreeLayerLayout, ThreeLayerModel, ThreeLayerWorkspace};
use super::kernel::{LANES, TwoLayerLayout};
use super::{Activation, Family, FamilyPart, Start};
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::compute::rng::{Role, stream};
use crate::compute::{Real, Threads};
use ndarray::{Array2, ArrayView2, s};
use serde::Serialize;

/// The architecture of a three-layer network of any width. Parameters are stored separately, in flat slices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ThreeLayer {
    /// Input dimension d.
    pub inputs: usize,
    /// Output dimension K.
    pub outputs: usize,
    /// Whether neurons have biases b and c.
    pub bias: bool,
    /// The activation functions sigma1 and sigma2.
    pub activations: [Activation; 2],
    /// Whether the output weights a are fixed at their initial values.
    pub fixed_output: bool,
    /// Neurons of each hidden layer per unit of width; the smaller is 1, so that the width is N = min(N1, N2).
    pub proportions: [usize; 2],
}

/// Positions of the families of parameters: neurons of the first hidden layer, weights between the hidden layers,
/// neurons of the second.
const FIRST: usize = 0;
const BETWEEN: usize = 1;
const SECOND: usize = 2;

impl ThreeLayer {
    /// Names of the families of parameters, in the order of [`ThreeLayer::families`].
    pub const FAMILY_NAMES: [&str; 3] = ["w", "u", "a"];

    /// Sizes N1 and N2 of the hidden layers.
    pub fn layers(&self, width: usize) -> [usize; 2] {
        self.proportions.map(|per| per.saturating_mul(width))
    }

    /// The larger of the numbers of parameters (w, b) and (c, a) of a neuron of the first and the second layer.
    pub fn neuron_parameters(&self) -> usize {
        self.inputs.max(self.outputs) + usize::from(self.bias)
    }

    /// The memory layout of a network of this width.
    pub fn layout(&self, width: usize) -> ThreeLayerLayout {
        self.layout_of(self.layers(width))
    }

    /// The memory layout of a network with hidden layers of these sizes.
    pub(super) fn layout_of(&self, [n1, n2]: [usize; 2]) -> ThreeLayerLayout {
        let bias = usize::from(self.bias);
        ThreeLayerLayout {
            first: TwoLayerLayout { width: n1, parameters: self.inputs + bias },
            second: TwoLayerLayout { width: n2, parameters: n1 + bias + self.outputs },
        }
    }

    /// The families of parameters, in canonical order: neurons (w, b) of the first hidden layer, weights u (N1, N2),
    /// neurons (c, a) of the second hidden layer.
    pub fn families(&self, width: usize) -> Vec<Family> {
        self.families_of(self.layers(width))
    }

    fn families_of(&self, [n1, n2]: [usize; 2]) -> Vec<Family> {
        let (d, bias, outputs) = (self.inputs, usize::from(self.bias), self.outputs);
        let part = |name, columns| FamilyPart { name, columns, trained: true };
        let mut first = vec![part("w", 0..d)];
        let mut second = Vec::new();
        if self.bias {
            first.push(part("b", d..d + 1));
            second.push(part("c", 0..1));
        }
        second.push(FamilyPart { name: "a", columns: bias..bias + outputs, trained: !self.fixed_output });
        let (p, q) = (d + bias, bias + outputs);
        vec![
            Family { name: Self::FAMILY_NAMES[FIRST], start: 0, rows: n1, columns: p, unit: p, fixed: 0, parts: first },
            Family {
                name: Self::FAMILY_NAMES[BETWEEN],
                start: n1 * p,
                rows: n1,
                columns: n2,
                unit: 1,
                fixed: 0,
                parts: vec![part("u", 0..n2)],
            },
            Family {
                name: Self::FAMILY_NAMES[SECOND],
                start: n1 * (p + n2),
                rows: n2,
                columns: q,
                unit: q,
                fixed: 0,
                parts: second,
            },
        ]
    }

    /// The index in a state slice of every parameter, in canonical order.
    pub fn state_indices(&self, width: usize) -> Vec<usize> {
        self.state_indices_of(self.layers(width))
    }

    fn state_indices_of(&self, [n1, n2]: [usize; 2]) -> Vec<usize> {
        let layout = self.layout_of([n1, n2]);
        let first = (0..n1).flat_map(|i| (0..layout.first.parameters).map(move |row| layout.first_index(i, row)));
        let between = (0..n1).flat_map(|i| (0..n2).map(move |j| layout.second_index(j, i)));
        let rows = n1..layout.second.parameters;
        let second = (0..n2).flat_map(|j| rows.clone().map(move |row| layout.second_index(j, row)));
        first.chain(between).chain(second).collect()
    }

    /// Initial parameters of the network at particle `first`, as a state slice.
    pub fn start<R: Real>(&self, start: &Start, seed: u64, first: u64, width: usize) -> Vec<R> {
        let ([n1, n2], layout) = (self.layers(width), self.layout(width));
        let [first_offset, second_offset] = self.proportions.map(|per| per as u64 * first);
        let mut state = vec![R::zero(); layout.len()];
        let (d, bias) = (self.inputs, usize::from(self.bias));
        let mut neuron = vec![0.0; d + bias];
        for i in 0..n1 {
            let mut rng = stream(seed, Role::Start, first_offset + i as u64, 0);
            let (w, b) = neuron.split_at_mut(d);
            start.w.draw(&mut rng, w);
            start.b.draw(&mut rng, b);
            (0..d + bias).for_each(|row| state[layout.first_index(i, row)] = R::of(neuron[row]));
        }
        let mut neuron = vec![0.0; bias + self.outputs];
        for j in 0..n2 {
            let mut rng = stream(seed, Role::StartSecond, second_offset + j as u64, 0);
            let (c, a) = neuron.split_at_mut(bias);
            start.c.draw(&mut rng, c);
            start.a.draw(&mut rng, a);
            (0..neuron.len()).for_each(|row| state[layout.second_index(j, n1 + row)] = R::of(neuron[row]));
            for i in 0..n1 {
                let mut u = [0.0];
                let mut rng = stream(seed, Role::StartWeight, first_offset + i as u64, second_offset + j as u64);
                start.u.draw(&mut rng, &mut u);
                state[layout.second_index(j, i)] = R::of(u[0]);
            }
        }
        state
    }

    /// The canonical parameters of the network of width `width` at particle `offset` of a larger network.
    pub fn subnetwork<R: Real>(&self, larger: usize, canonical: &[R], offset: usize, width: usize) -> Vec<R> {
        let [rows, columns] = self.proportions.map(|per| (per * offset..per * (offset + width)).collect::<Vec<_>>());
        self.select_neurons(self.layers(larger), canonical, [&rows, &columns])
    }

    /// The canonical parameters of the network of the neurons `kept` of either hidden layer.
    pub fn select_neurons<R: Real>(&self, layers: [usize; 2], canonical: &[R], kept: [&[usize]; 2]) -> Vec<R> {
        let families = self.families_of(layers);
        let [first, between, second] = [FIRST, BETWEEN, SECOND].map(|k| families[k].matrix(canonical));
        let mut out =
            Vec::with_capacity(kept[0].len() * (first.ncols() + kept[1].len()) + kept[1].len() * second.ncols());
        kept[0].iter().for_each(|&i| out.extend(first.row(i)));
        kept[0].iter().for_each(|&i| out.extend(kept[1].iter().map(|&j| between[[i, j]])));
        kept[1].iter().for_each(|&j| out.extend(second.row(j)));
        out
    }

    /// Predictions, (n, K), of canonical parameters with hidden layers of any two sizes, at inputs (n, d) row-major.
    pub fn predict_with(&self, layers: [usize; 2], canonical: &[f64], x: &[f64], threads: Threads) -> Vec<f64> {
        let mut theta = vec![0.0; self.layout_of(layers).len()];
        self.state_indices_of(layers).into_iter().zip(canonical).for_each(|(index, &value)| theta[index] = value);
        ThreeLayerWorkspace::default().predict(ThreeLayerModel { network: self, layers, threads }, &theta, x)
    }

    /// Activations of the first hidden layer, (N1, n), at inputs (n, d).
    pub fn first_hidden(&self, width: usize, canonical: &[f64], x: ArrayView2<f64>) -> Array2<f64> {
        let neurons = self.families(width)[FIRST].matrix(canonical).to_owned();
        let _timed = profile::pass(WorkKind::Products, || {
            let (pairs, inputs) = (neurons.nrows() * x.nrows(), self.inputs + usize::from(self.bias));
            WorkCounts::of::<f64>(2 * pairs * inputs, pairs, neurons.len() + x.len() + pairs)
        });
        let mut z = neurons.slice(s![.., ..self.inputs]).dot(&x.t());
        if self.bias {
            z += &neurons.slice(s![.., self.inputs..]);
        }
        activate(self.activations[0], z)
    }

    /// Activations of the second hidden layer, (N2, n), at inputs (n, d).
    pub fn hidden(&self, width: usize, canonical: &[f64], x: ArrayView2<f64>) -> Array2<f64> {
        let families = self.families(width);
        let first = self.first_hidden(width, canonical, x);
        let _timed = profile::pass(WorkKind::Products, || {
            let [n1, n2] = self.layers(width);
            let (pairs, inputs) = (n2 * x.nrows(), n1 + usize::from(self.bias));
            WorkCounts::of::<f64>(2 * pairs * inputs, pairs, n1 * n2 + first.len() + pairs)
        });
        let mut z = families[BETWEEN].matrix(canonical).t().dot(&first) / first.nrows() as f64;
        if self.bias {
            z += &families[SECOND].matrix(canonical).slice(s![.., ..1]);
        }
        activate(self.activations[1], z)
    }

    /// The sum over families of the mean over units of `|v|^2`, with v the trained coordinates of a state slice.
    pub fn mean_square<R: Real>(&self, width: usize, state: &[R]) -> f64 {
        let ([n1, n2], layout) = (self.layers(width), self.layout(width));
        let square = |index: usize| state[index].to_f64().powi(2);
        let row = |neuron: usize, rows: std::ops::Range<usize>| -> f64 {
            rows.map(|row| square(layout.second_index(neuron, row))).sum()
        };
        let first: f64 = (0..n1)
            .map(|i| (0..layout.first.parameters).map(|row| square(layout.first_index(i, row))).sum::<f64>())
            .sum();
        let trained = layout.second.parameters - if self.fixed_output { self.outputs } else { 0 };
        let between: f64 = (0..n2).map(|j| row(j, 0..n1)).sum();
        let second: f64 = (0..n2).map(|j| row(j, n1..trained)).sum();
        first / n1 as f64 + between / (n1 as f64 * n2 as f64) + second / n2 as f64
    }

    /// The index of a unit in the random streams; see [`super::Network::unit_address`]. For a weight it combines the
    /// indices of its two neurons.
    pub fn unit_address(&self, first: u64, width: usize, family: usize, unit: usize) -> u64 {
        let ([_, n2], [first_offset, second_offset]) =
            (self.layers(width), self.proportions.map(|per| per as u64 * first));
        match family {
            FIRST => first_offset + unit as u64,
            BETWEEN => (first_offset + (unit / n2) as u64) << 32 | (second_offset + (unit % n2) as u64),
            _ => second_offset + unit as u64,
        }
    }

    /// Fills the trained coordinates of the units of a block; see [`super::Network::fill_block`].
    pub fn fill_block<R: Real>(
        &self,
        width: usize,
        block: usize,
        draw: &mut dyn FnMut(usize, usize, &mut [f64]),
        out: &mut [R],
    ) {
        let ([n1, n2], layout) = (self.layers(width), self.layout(width));
        let mut put = |neurons: TwoLayerLayout, lane: usize, row: usize, values: &[f64]| {
            for (k, &value) in values.iter().enumerate() {
                out[neurons.index(lane, row + k)] = R::of(value);
            }
        };
        if let Some(second) = block.checked_sub(layout.first.blocks()) {
            let mut neuron = vec![0.0; self.families(width)[SECOND].trained().len()];
            for j in second * LANES..((second + 1) * LANES).min(n2) {
                let lane = j - second * LANES;
                for i in 0..n1 {
                    let mut u = [0.0];
                    draw(BETWEEN, i * n2 + j, &mut u);
                    put(layout.second, lane, i, &u);
                }
                draw(SECOND, j, &mut neuron);
                put(layout.second, lane, n1, &neuron);
            }
        } else {
            let mut neuron = vec![0.0; layout.first.parameters];
            for i in block * LANES..((block + 1) * LANES).min(n1) {
                draw(FIRST, i, &mut neuron);
                put(layout.first, i - block * LANES, 0, &neuron);
            }
        }
    }
}

/// `sigma(z)`, entry by entry.
fn activate(activation: Activation, z: Array2<f64>) -> Array2<f64> {
    let mut z = z.as_standard_layout().into_owned();
    if let Some(z) = z.as_slice_mut() {
        activation::value(activation, z);
    }
    z
}
