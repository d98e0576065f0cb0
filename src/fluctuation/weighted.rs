//! Clouds whose particles carry unequal weights, and the force on them.
//!
//! Weights enter where the network averages over the neurons of a hidden layer, and nowhere else:
//!
//! ```text
//! two layers     f = sum_i p_i a_i sigma(<w_i, x> + b_i)
//! three layers   H_j = sum_i p_i u_ij sigma1(<w_i, x> + b_i) + c_j,     f = sum_j q_j a_j sigma2(H_j)
//! ```
//!
//! The force on a particle is that of the limit in which its law has these weights: on `a_i` of two layers `E[e sigma]`,
//! as before, with the residual e of the weighted prediction. On `w_i` of three layers, `E[e beta_i sigma1' x]` with
//! `beta_i = sum_j q_j a_j sigma2'(H_j) u_ij`. The ridge term of a particle does not depend on its weight. Neurons of
//! equal parameters and weights p, p' are therefore the same as one neuron of weight p + p'.
//!
//! The kernels of the network are used as they are. They average over neurons of equal weights, at parameters `theta'`
//! that contain the factors `P_i = N1 p_i` and `Q_j = N2 q_j`: `a'_i = P_i a_i` (two layers), `u'_ij = P_i u_ij` and
//! `a'_j = Q_j a_j` (three layers). For two layers the backward pass is made at `theta`, whose activations are the same.
//! For three layers it is made at `theta'`, where its result on `u_ij` and `c_j` is `Q_j` times the force, on `w_i` and
//! `b_i` it is `P_i` times the force, and on `a_j` it is the force; factors must therefore be positive.

use crate::compute::{Real, Threads};
use crate::dynamics::{Ensemble, Force};
use crate::network::kernel::{LabelledSamples, Samples, TwoLayerModel, TwoLayerWorkspace};
use crate::network::{Model, Network, Objective, ThreeLayer, Workspace};
use thiserror::Error;

/// Why weights cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum WeightError {
    /// The numbers of weights are not those of the neurons.
    #[error("{found} weights for the {neurons} neurons of hidden layer {layer}")]
    Count {
        /// The hidden layer, from 0.
        layer: usize,
        /// Its neurons.
        neurons: usize,
        /// Number of weights.
        found: usize,
    },
    /// There is no such hidden layer.
    #[error("there is no hidden layer {layer}")]
    Layer {
        /// The hidden layer, from 0.
        layer: usize,
    },
    /// A weight that is not finite or, with two hidden layers, not positive.
    #[error("weight {factor} times the mean of neuron {neuron} of hidden layer {layer}: choose a smaller amplitude")]
    Factor {
        /// The hidden layer, from 0.
        layer: usize,
        /// The neuron.
        neuron: usize,
        /// Its weight, divided by the uniform one.
        factor: f64,
    },
}

/// The weights of a cloud's particles, as factors `N p_i` of the uniform weight 1/N, for each hidden layer.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudWeights<'a> {
    network: &'a Network,
    width: usize,
    factors: Vec<Vec<f64>>,
}

impl<'a> CloudWeights<'a> {
    /// Weights of a cloud of this width from factors, a list for each hidden layer. Their mean should be 1; it is not
    /// enforced.
    ///
    /// # Errors
    /// Other numbers of layers or neurons; factors that are not finite; with two hidden layers, factors that are not
    /// positive.
    pub fn new(network: &'a Network, width: usize, factors: Vec<Vec<f64>>) -> Result<Self, WeightError> {
        let layers = network.hidden_layers(width);
        if factors.len() != layers.len() {
            return Err(WeightError::Layer { layer: factors.len().min(layers.len()) });
        }
        for (layer, (factors, &neurons)) in factors.iter().zip(&layers).enumerate() {
            if factors.len() != neurons {
                return Err(WeightError::Count { layer, neurons, found: factors.len() });
            }
            let wrong = |factor: f64| !factor.is_finite() || (layers.len() > 1 && factor <= 0.0);
            if let Some(neuron) = factors.iter().position(|&factor| wrong(factor)) {
                return Err(WeightError::Factor { layer, neuron, factor: factors[neuron] });
            }
        }
        Ok(CloudWeights { network, width, factors })
    }

    /// Equal weights.
    pub fn uniform(network: &'a Network, width: usize) -> Self {
        let factors = network.hidden_layers(width).into_iter().map(|neurons| vec![1.0; neurons]).collect();
        CloudWeights { network, width, factors }
    }

    /// Weights `(1 + nu_i) / N` of the neurons of one hidden layer and equal weights of the other, where there is one.
    ///
    /// # Errors
    /// Those of [`CloudWeights::new`].
    pub fn perturbed(
        network: &'a Network,
        width: usize,
        perturbations: &[(usize, &[f64])],
    ) -> Result<Self, WeightError> {
        let mut factors = CloudWeights::uniform(network, width).factors;
        for &(layer, nu) in perturbations {
            *factors.get_mut(layer).ok_or(WeightError::Layer { layer })? = nu.iter().map(|nu| 1.0 + nu).collect();
        }
        CloudWeights::new(network, width, factors)
    }

    /// Writes the parameters `theta'` of which the prediction of the unweighted network is that of the weighted cloud
    /// `theta`. Both are state slices.
    pub fn apply<R: Real>(&self, theta: &[R], out: &mut Vec<R>) {
        out.clear();
        out.extend_from_slice(theta);
        match self.network {
            Network::TwoLayer(network) => {
                let layout = network.layout(self.width);
                for (i, &factor) in self.factors[0].iter().enumerate() {
                    for row in network.parameters() - network.outputs..network.parameters() {
                        out[layout.index(i, row)] *= R::of(factor);
                    }
                }
            }
            Network::ThreeLayer(network) => {
                let ([n1, n2], layout) = (network.layers(self.width), network.layout(self.width));
                let (first, second) = (&self.factors[0], &self.factors[1]);
                for i in 0..n1 {
                    (0..n2).for_each(|j| out[layout.second_index(j, i)] *= R::of(first[i]));
                }
                for row in layout.second.parameters - network.outputs..layout.second.parameters {
                    (0..n2).for_each(|j| out[layout.second_index(j, row)] *= R::of(second[j]));
                }
            }
        }
    }

    /// The sum over families of the weighted mean over units of `|v|^2`, with v the trained coordinates of a state
    /// slice; with equal weights [`Network::mean_square`]. The weight of a weight between hidden layers is `p_i q_j`.
    pub fn mean_square<R: Real>(&self, state: &[R]) -> f64 {
        let canonical = self.network.to_canonical(self.width, state);
        let families = self.network.families(self.width);
        let unit_factor = |family: usize, unit: usize| match (&self.factors[..], family) {
            ([first, second], 1) => first[unit / second.len()] * second[unit % second.len()],
            ([_, second], 2) => second[unit],
            (factors, _) => factors[0][unit],
        };
        let mean = |(index, family): (usize, &crate::network::Family)| {
            let cloud = family.trained_cloud(&canonical);
            let square = |row: ndarray::ArrayView1<R>| row.iter().map(|v| v.to_f64().powi(2)).sum::<f64>();
            let units = cloud.rows().into_iter().enumerate();
            units.map(|(unit, row)| unit_factor(index, unit) * square(row)).sum::<f64>() / family.units() as f64
        };
        families.iter().enumerate().map(mean).sum()
    }

    /// From the gradient of the unweighted three-layer network at `theta'` to the force on the weighted cloud at
    /// `theta`, ridge term included.
    fn force_from_gradient<R: Real>(&self, network: &ThreeLayer, ridge: f64, theta: &[R], gradient: &mut [R]) {
        let ([n1, n2], layout) = (network.layers(self.width), network.layout(self.width));
        let (first, second, ridge) = (&self.factors[0], &self.factors[1], R::of(ridge));
        for row in 0..layout.first.parameters {
            for (i, &factor) in first.iter().enumerate() {
                let at = layout.first_index(i, row);
                gradient[at] = gradient[at] / R::of(factor) + ridge * theta[at];
            }
        }
        let outputs = layout.second.parameters - network.outputs;
        debug_assert_eq!(outputs, n1 + usize::from(network.bias));
        for row in 0..outputs {
            for (j, &factor) in second.iter().enumerate() {
                let at = layout.second_index(j, row);
                gradient[at] = gradient[at] / R::of(factor) + ridge * theta[at];
            }
        }
        if !network.fixed_output {
            for row in outputs..layout.second.parameters {
                for j in 0..n2 {
                    let at = layout.second_index(j, row);
                    gradient[at] += ridge * theta[at];
                }
            }
        }
    }
}

/// The force on a weighted cloud, over the whole population; see [the module](self).
pub struct WeightedForce<'a, R> {
    ensemble: Ensemble<'a, R>,
    weights: &'a CloudWeights<'a>,
    threads: Threads,
    samples: Samples<R>,
    two_layer: TwoLayerWorkspace<R>,
    workspace: Workspace<R>,
    /// The parameters that contain the weights.
    weighted: Vec<R>,
}

impl<'a, R: Real> WeightedForce<'a, R> {
    /// The force on an ensemble with these weights, which are those of its network and width.
    pub fn new(ensemble: Ensemble<'a, R>, weights: &'a CloudWeights<'a>, threads: Threads) -> Self {
        let Ensemble { network, population, .. } = ensemble;
        let d = network.inputs();
        let mut samples = Samples::default();
        samples.reset(population.x.len() / d, d, Some(network.bias()));
        samples.fill(|s| &population.x[s * d..(s + 1) * d]);
        WeightedForce {
            ensemble,
            weights,
            threads,
            samples,
            two_layer: TwoLayerWorkspace::default(),
            workspace: Workspace::default(),
            weighted: Vec::new(),
        }
    }
}

impl<R: Real> Force<R> for WeightedForce<'_, R> {
    fn gradient(&mut self, _step: u64, theta: &[R], out: &mut [R]) -> f64 {
        let Ensemble { network, width, population, objective } = self.ensemble;
        let WeightedForce { weights, threads, samples, weighted, .. } = self;
        let batch = LabelledSamples { samples, y: &population.y };
        weights.apply(theta, weighted);
        match network {
            Network::TwoLayer(two) => {
                let model = TwoLayerModel { network: two, width, threads: *threads };
                let loss = self.two_layer.gradient_for_outputs(model, objective, (theta, weighted), batch, out);
                network.zero_fixed_gradient(width, out);
                loss
            }
            Network::ThreeLayer(three) => {
                let model = Model { network, width, threads: *threads };
                let unregularised = Objective { ridge: 0.0, ..objective };
                let loss = self.workspace.gradient(model, unregularised, weighted, batch, out);
                weights.force_from_gradient(three, objective.ridge, theta, out);
                loss
            }
        }
    }
}
