//! One draw of weights: the runs of all combinations of signs, and what follows from them.

use super::FluctuationError;
use super::columns::NoiseColumns;
use super::paired_parts::SecondOrderPart;
use super::pairs::{PairsError, WeightedCloud};
use super::weighted::CloudWeights;
use crate::compute::Threads;
use crate::compute::profile::{self, WorkKind};
use crate::dynamics::{Ensemble, State};
use crate::network::Network;
use ndarray::{Array2, ArrayView2, aview1};
use rayon::prelude::*;

/// The threads of a run of a pair: the runs are parallel among each other.
const RUN_THREADS: Threads = Threads::One;

/// The unweighted cloud at the recording times.
pub(super) struct LimitPaths {
    /// Predictions, (n K).
    pub f: Vec<Vec<f64>>,
    /// `mean |phi|^2` over the neurons of the last layer and the samples.
    pub square: Vec<f64>,
    /// State slices.
    pub states: Vec<Vec<f64>>,
    /// The state at the last one.
    pub end: State<f64>,
}

impl LimitPaths {
    /// Runs the cloud with equal weights.
    pub fn of(cloud: &WeightedCloud<'_, f64>) -> Result<Self, PairsError> {
        let Ensemble { network, width, population, .. } = cloud.ensemble;
        let factors = vec![1.0; network.hidden_layers(width).pop().unwrap_or(width)];
        let mut paths = LimitPaths { f: Vec::new(), square: Vec::new(), states: Vec::new(), end: cloud.start.clone() };
        cloud.observe(&CloudWeights::uniform(network, width), &mut |_, state, weighted| {
            let f = network.predict(width, weighted, &population.x, RUN_THREADS);
            let sum = f.iter().sum::<f64>();
            paths.f.push(f);
            paths.square.push(mean_square_feature(cloud, state, weighted, &factors));
            paths.states.push(state.theta.clone());
            paths.end.clone_from(state);
            sum
        })?;
        Ok(paths)
    }
}

/// The mean of `|phi|^2` over the weighted neurons of the last layer, with these factors of the uniform weight, and the
/// samples.
fn mean_square_feature(cloud: &WeightedCloud<'_, f64>, state: &State<f64>, weighted: &[f64], factors: &[f64]) -> f64 {
    let Ensemble { network, width, population, .. } = cloud.ensemble;
    let samples = population.x.len() / network.inputs();
    let x = ArrayView2::from_shape((samples, network.inputs()), &population.x).expect("inputs are (samples, inputs)");
    // The factors of the last layer are on its output weights alone, so that its activations are those of the cloud.
    let hidden = network.hidden(width, &network.to_canonical(width, weighted), x);
    let canonical = network.to_canonical(width, &state.theta);
    let a = network.output_weights(width, &canonical);
    let neurons = factors.iter().zip(hidden.outer_iter()).zip(a.outer_iter());
    neurons.map(|((factor, h), a)| factor * h.dot(&h) * a.dot(&a)).sum::<f64>() / (factors.len() * samples) as f64
}

/// The parts of the runs of a draw that are odd in the weights of one layer, at the recording times.
pub(super) struct OddPart {
    /// `sqrt(M)/s` times that of the predictions, (n K).
    pub f: Vec<Vec<f64>>,
    /// The same of `mean |phi|^2`.
    pub square: Vec<f64>,
}

/// What a draw gives at the recording times.
pub(super) struct PairedDraw {
    /// By layer.
    pub odd: Vec<OddPart>,
    /// `M/s^2` times the even part of the predictions, (n K).
    pub shift: Vec<Vec<f64>>,
    /// The same of `mean |phi|^2`.
    pub square_shift: Vec<f64>,
    /// Squared displacements of the neurons, summed over the layers whose weights cause them; the mean over the list is
    /// the sum over families of the means over their units.
    pub displacements: Vec<Vec<f64>>,
    /// Products of the fields.
    pub products: Vec<DrawProducts>,
}

/// Products of the fields of a draw of two layers at one time: G of either layer, the interaction D, and e, `l''` of the
/// limit. With one layer they are 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DrawProducts {
    /// `|D|^2`.
    between: f64,
    /// `<l'' D, D>`.
    curved: f64,
    /// `<e, D>`.
    slope: f64,
    /// `<l'' G_1, G_2>`.
    cross: f64,
}

/// The means over draws of what the interaction of two layers adds.
pub(super) fn second_order(draws: &[DrawProducts]) -> SecondOrderPart {
    let mean = |f: &dyn Fn(&DrawProducts) -> f64| draws.iter().map(f).sum::<f64>() / draws.len() as f64;
    SecondOrderPart {
        variance: mean(&|draw| draw.between),
        gap_mean: 0.5 * mean(&|draw| draw.curved),
        gap_variance: mean(&|draw| draw.slope * (draw.slope + 2.0 * draw.cross)),
    }
}

/// A cloud and the draws of its weights.
pub(super) struct PairedDraws<'a> {
    /// The cloud.
    pub cloud: &'a WeightedCloud<'a, f64>,
    /// Its unweighted path.
    pub limit: &'a LimitPaths,
    /// The columns of every hidden layer.
    pub columns: &'a [NoiseColumns],
    /// The rotation of each.
    pub rotations: &'a [Array2<f64>],
    /// Amplitude s.
    pub amplitude: f64,
    /// `M / s^2`, M the width of the cloud.
    pub scale: f64,
}

/// Sums over the runs of a draw of one parity, a set of layers in whose weights it is odd.
#[derive(Clone)]
struct ParitySums {
    f: Vec<Vec<f64>>,
    square: Vec<f64>,
}

impl PairedDraws<'_> {
    /// The perturbations `s nu` of the weights of a layer in a draw.
    fn perturbation(&self, layer: usize, draw: usize) -> Vec<f64> {
        let (columns, rotation) = (&self.columns[layer], &self.rotations[layer]);
        let weights = ArrayView2::from_shape((columns.particles(), columns.count()), columns.weights());
        let scale = self.amplitude * (columns.count() as f64).sqrt();
        weights.expect("(M, C)").dot(&rotation.row(draw)).iter().map(|v| v * scale).collect()
    }

    /// Runs the combinations of signs of a draw, one after the other.
    pub fn run(&self, draw: usize) -> Result<PairedDraw, PairsError> {
        let Ensemble { network, width, population, .. } = self.cloud.ensemble;
        let (layers, times, rows) = (self.columns.len(), self.limit.f.len(), self.limit.f[0].len());
        let perturbations: Vec<Vec<f64>> = (0..layers).map(|layer| self.perturbation(layer, draw)).collect();
        let runs = 1_usize << layers;
        let zero = ParitySums { f: vec![vec![0.0; rows]; times], square: vec![0.0; times] };
        let mut sums = vec![zero; runs];
        let mut odd_states = vec![vec![vec![0.0; self.cloud.start.theta.len()]; times]; layers];
        for run in 0..runs {
            let sign = |layer: usize| if run >> layer & 1 == 0 { 1.0 } else { -1.0 };
            let signed: Vec<Vec<f64>> =
                (0..layers).map(|layer| perturbations[layer].iter().map(|v| sign(layer) * v).collect()).collect();
            let list: Vec<(usize, &[f64])> = signed.iter().map(Vec::as_slice).enumerate().collect();
            let weights = CloudWeights::perturbed(network, width, &list)?;
            let factors: Vec<f64> = signed[layers - 1].iter().map(|v| 1.0 + v).collect();
            let share = 1.0 / runs as f64;
            self.cloud.observe(&weights, &mut |t, state, weighted| {
                let f = network.predict(width, weighted, &population.x, RUN_THREADS);
                let square = mean_square_feature(self.cloud, state, weighted, &factors);
                for (parity, sums) in sums.iter_mut().enumerate() {
                    let odd = |layer: &usize| parity >> layer & 1 == 1;
                    let factor = share * (0..layers).filter(odd).map(sign).product::<f64>();
                    sums.f[t].iter_mut().zip(&f).for_each(|(sum, v)| *sum += factor * v);
                    sums.square[t] += factor * square;
                }
                for (layer, states) in odd_states.iter_mut().enumerate() {
                    let factor = share * sign(layer);
                    states[t].iter_mut().zip(&state.theta).for_each(|(sum, v)| *sum += factor * v);
                }
                f.iter().sum::<f64>()
            })?;
        }
        Ok(self.assemble(sums, &odd_states))
    }

    /// From the sums over the runs of a draw to its fields.
    fn assemble(&self, mut sums: Vec<ParitySums>, states: &[Vec<Vec<f64>>]) -> PairedDraw {
        let Ensemble { network, width, .. } = self.cloud.ensemble;
        let (layers, times, scale) = (self.columns.len(), self.limit.f.len(), self.scale);
        let scaled = |field: &mut Vec<f64>, factor: f64| field.iter_mut().for_each(|v| *v *= factor);
        for (parity, sums) in sums.iter_mut().enumerate() {
            for t in 0..times {
                if parity == 0 {
                    sums.f[t].iter_mut().zip(&self.limit.f[t]).for_each(|(sum, f)| *sum -= f);
                    sums.square[t] -= self.limit.square[t];
                }
                let factor = if parity.is_power_of_two() { scale.sqrt() } else { scale };
                scaled(&mut sums.f[t], factor);
                sums.square[t] *= factor;
            }
        }
        let places = network.state_indices(width);
        let displacements = (0..times).map(|t| {
            let mut total = Vec::new();
            for layer in states {
                let squares = neuron_squares(network, width, &places, &layer[t]);
                total.resize(squares.len(), 0.0);
                total.iter_mut().zip(squares).for_each(|(sum, square)| *sum += scale * square);
            }
            total
        });
        let displacements = displacements.collect();
        let products = (0..times).map(|t| self.products(t, &sums)).collect();
        let mut sums = sums.into_iter();
        let even = sums.next().unwrap_or(ParitySums { f: Vec::new(), square: Vec::new() });
        // With two layers the parities are: even, odd in the first, odd in the second, odd in both.
        let odd = sums.take(layers).map(|sums| OddPart { f: sums.f, square: sums.square }).collect();
        PairedDraw { odd, shift: even.f, square_shift: even.square, displacements, products }
    }

    /// The products of the fields at one time.
    fn products(&self, t: usize, sums: &[ParitySums]) -> DrawProducts {
        let [_, first, second, between] = sums else { return DrawProducts::default() };
        let Ensemble { network, population, objective, .. } = self.cloud.ensemble;
        let (outputs, f, y) = (network.outputs(), &self.limit.f[t], &population.y);
        let [mut e, mut w, mut product] = [(); 3].map(|()| vec![0.0; outputs]);
        let mut of = DrawProducts::default();
        let samples = (f.len() / outputs) as f64;
        for s in 0..f.len() / outputs {
            let at = s * outputs..(s + 1) * outputs;
            objective.loss.derivative(&f[at.clone()], &y[at.clone()], &mut e);
            objective.loss.curvature(&f[at.clone()], &y[at.clone()], &mut w);
            let dot = |a: &[f64], b: &[f64]| aview1(a).dot(&aview1(b)) / samples;
            let [g, h, d] = [first, second, between].map(|sums| &sums.f[t][at.clone()]);
            objective.loss.hessian_product(&w, d, &mut product);
            of.curved += dot(&product, d);
            objective.loss.hessian_product(&w, g, &mut product);
            of.cross += dot(&product, h);
            of.between += dot(d, d);
            of.slope += dot(&e, d);
        }
        of
    }

    /// The mean change of the predictions, times the neurons N1 of the first of two hidden layers, where half of them
    /// are kept, at the state of the last recording time: the even part in the weights of the first layer at fixed
    /// parameters.
    pub fn halving(&self) -> Result<Vec<f64>, FluctuationError> {
        let Ensemble { network, width, population, .. } = self.cloud.ensemble;
        let last = self.limit.f.len() - 1;
        let (f, count) = (&self.limit.f[last], self.columns[0].count());
        let even = |draw: usize| -> Result<Vec<f64>, FluctuationError> {
            let _timed = profile::time(WorkKind::Columns);
            let nu = self.perturbation(0, draw);
            let mut sum: Vec<f64> = f.iter().map(|f| -f).collect();
            for sign in [1.0, -1.0] {
                let signed: Vec<f64> = nu.iter().map(|v| sign * v).collect();
                let mut weighted = Vec::new();
                CloudWeights::perturbed(network, width, &[(0, &signed)])?
                    .apply(&self.limit.states[last], &mut weighted);
                let found = network.predict(width, &weighted, &population.x, RUN_THREADS);
                sum.iter_mut().zip(found).for_each(|(sum, f)| *sum += 0.5 * f);
            }
            Ok(sum)
        };
        let parts: Vec<Result<Vec<f64>, FluctuationError>> = (0..count).into_par_iter().map(even).collect();
        let neurons = network.hidden_layers(width)[0] as f64;
        let scale = neurons / (self.amplitude * self.amplitude * count as f64);
        let mut total = vec![0.0; f.len()];
        for part in parts {
            total.iter_mut().zip(part?).for_each(|(total, v)| *total += scale * v);
        }
        Ok(total)
    }
}

/// Squared norms of the neurons of a state slice. With two hidden layers a neuron has the mean square of its weights
/// between the layers, the first layer's alone, and layers of unequal size are scaled: the mean over all neurons is the
/// sum over families of the means over units.
fn neuron_squares(network: &Network, width: usize, places: &[usize], state: &[f64]) -> Vec<f64> {
    let families = network.families(width);
    let rows = |family: usize| -> Vec<f64> {
        let family = &families[family];
        let square = |row: usize| {
            let at = family.start + row * family.columns;
            places[at..at + family.columns].iter().map(|&place| state[place].powi(2)).sum::<f64>()
        };
        (0..family.rows).map(square).collect()
    };
    match network {
        Network::TwoLayer(_) => rows(0),
        Network::ThreeLayer(_) => {
            let [n1, n2] = [families[0].rows, families[2].rows].map(|n| n as f64);
            let first = rows(0).into_iter().zip(rows(1)).map(|(w, u)| (w + u / n2) * (n1 + n2) / n1);
            first.chain(rows(2).into_iter().map(|a| a * (n1 + n2) / n2)).collect()
        }
    }
}
