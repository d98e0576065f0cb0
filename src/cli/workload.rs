//! The training step that `widelimit bench` and the criterion benches time.

use rand::RngExt;
use rand_distr::StandardNormal;
use widelimit::compute::rng::{Role, stream};
use widelimit::compute::{Real, Threads};
use widelimit::dynamics::{BatchSource, Batches, Ensemble, Method, Motion, NetworkForce, Scheme, Simulation, State};
use widelimit::network::{Activation, Batch, Loss, Network, Objective, TwoLayer};

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

    /// The training of the network, from the same start and with the same sampling of batches as in those programs.
    pub fn simulation(&self, threads: Threads) -> Simulation<'_, R> {
        let objective = Objective { loss: Loss::HalfSquared, ridge: 1e-3 };
        let ensemble = Ensemble { network: &self.network, width: self.width, population: &self.population, objective };
        let batches = Batches { source: BatchSource::Indices { size: self.batch }, seed: 0, replica: 0 };
        let motion = Motion { step: 1e-2, friction: 1.0, temperature: 0.0, first_order: false, tolerance: 0.0 };
        let start = self.start();
        let scheme = Scheme { method: Method::HeavyBall, motion };
        let integrator = scheme.integrator(self.network.coordinates(self.width), start.theta.len());
        Simulation::noise_free(start, integrator, NetworkForce::new(ensemble, batches, threads))
    }

    /// The start of those programs: smooth functions of the index of the neuron, at rest.
    fn start(&self) -> State<R> {
        let layout = self.two_layer.layout(self.width);
        let d = self.two_layer.inputs;
        let mut theta = vec![R::zero(); layout.len()];
        for i in 0..self.width {
            let at = i as f64;
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
