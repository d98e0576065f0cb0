//! The training step that `widelimit bench` and the criterion benches time.

use rand::RngExt;
use rand_distr::StandardNormal;
use std::ops::Range;
use widelimit::compute::rng::{Role, stream};
use widelimit::compute::{Real, Threads};
use widelimit::dynamics::{BatchSource, Batches, Ensemble, Method, Motion, NetworkForce, Scheme, Simulation, State};
use widelimit::network::{Activation, Batch, Loss, Network, Objective, Portion, TwoLayer};

/// Size of the sample over the batch size, as in the programs compared.
const POOL: usize = 16;

/// A network in training under the conditions of the programs that it is compared with: a fixed sample of Gaussian
/// inputs, labelled by the sine of their sum, from which batches are drawn anew every step; stochastic heavy ball with
/// a ridge.
pub struct Workload<R> {
    two_layer: TwoLayer,
    network: Network,
    population: Batch<R>,
    width: usize,
    batch: usize,
}

impl<R: Real> Workload<R> {
    /// `width` neurons of `inputs` inputs on batches of `batch` samples.
    pub fn new(width: usize, inputs: usize, batch: usize, activation: Activation) -> Self {
        let two_layer = TwoLayer { inputs, outputs: 1, bias: true, activation, fixed_output: false };
        let network = Network::from(two_layer.clone());
        let mut rng = stream(0, Role::Population, 0, 0);
        let x: Vec<f64> = (0..POOL * batch * inputs).map(|_| rng.sample(StandardNormal)).collect();
        let y = x.chunks_exact(inputs).map(|x| x.iter().sum::<f64>().sin()).collect();
        let population = Batch { x: x.into_iter().map(R::of).collect(), y };
        Workload { two_layer, network, population, width, batch }
    }

    /// The training of the network, or of the neurons of one rank, from the same start and with the same sampling of batches
    /// as in those programs. Steps of several ranks are collective.
    pub fn simulation(&self, portion: Option<&Portion>, threads: Threads) -> Simulation<'_, R> {
        let scheme = Self::scheme();
        let (coordinates, force) = (self.network.coordinates(self.width), self.force(threads));
        let Some(portion) = portion else {
            let start = self.start(0..self.width);
            let integrator = scheme.integrator(coordinates, start.theta.len());
            return Simulation::noise_free(start, integrator, force);
        };
        let start = self.start(portion.neurons());
        let integrator = scheme.integrator_over(portion.clone(), coordinates, start.theta.len());
        Simulation::noise_free(start, integrator, force.over(portion.clone()))
    }

    fn scheme() -> Scheme {
        let motion = Motion { step: 1e-2, friction: 1.0, temperature: 0.0, first_order: false, tolerance: 0.0 };
        Scheme { method: Method::HeavyBall, motion }
    }

    fn force(&self, threads: Threads) -> NetworkForce<'_, R> {
        let objective = Objective { loss: Loss::HalfSquared, ridge: 1e-3 };
        let ensemble = Ensemble { network: &self.network, width: self.width, population: &self.population, objective };
        let batches = Batches { source: BatchSource::Indices { size: self.batch }, seed: 0, replica: 0 };
        NetworkForce::new(ensemble, batches, threads)
    }

    /// The start of those programs for some of the neurons: smooth functions of the index of the neuron, at rest.
    fn start(&self, neurons: Range<usize>) -> State<R> {
        let layout = self.two_layer.layout(neurons.len());
        let d = self.two_layer.inputs;
        let mut theta = vec![R::zero(); layout.len()];
        for (i, neuron) in neurons.enumerate() {
            let at = neuron as f64;
            for j in 0..d {
                let w = (0.37 * at + 1.7 * j as f64).cos() / (d as f64).sqrt() * 1.5;
                theta[layout.index(i, j)] = R::of(w);
            }
            theta[layout.index(i, d)] = R::of(0.3 * (0.11 * at).sin());
            theta[layout.index(i, d + 1)] = R::of((1.0 + at).sin());
        }
        State::at_rest(theta)
    }
}
