//! One application of the trajectory map: every particle on its own over a whole window.

use super::{FrozenForce, FrozenPath};
use crate::compute::{Real, Threads};
use crate::dynamics::{Method, Motion, Noise, State};
use crate::network::kernel::{LANES, Model, Samples, Workspace};
use crate::network::{Batch, Objective, TwoLayer};
use rayon::prelude::*;

/// Parts of a cloud that are followed side by side and whose predictions are added up in order: a constant, so that no bit
/// depends on threads.
pub(crate) const SHARES: usize = 16;

/// Most blocks of neurons that are followed at a time.
const MOST_BLOCKS: usize = 8;

/// The noise of particles `first .. first + width` of the cloud.
pub type NoiseOf<'a, R> = dyn Fn(usize, usize) -> Box<dyn Noise<R>> + Sync + 'a;

/// The map from frozen predictions to the predictions of the particles that evolve under them.
pub struct TrajectoryMap<'a, R> {
    /// The model.
    pub network: &'a TwoLayer,
    /// Number of particles M.
    pub width: usize,
    /// The sample that expectations are taken over.
    pub population: &'a Batch<R>,
    /// Its inputs, packed.
    samples: Samples<R>,
    /// What is minimised.
    pub objective: Objective,
    /// The integrator, of fixed step.
    pub method: Method,
    /// Its constants.
    pub motion: Motion,
    /// Noise by particles.
    pub noise: &'a NoiseOf<'a, R>,
}

impl<'a, R: Real> TrajectoryMap<'a, R> {
    /// The map of a problem.
    pub fn new(
        network: &'a TwoLayer,
        width: usize,
        population: &'a Batch<R>,
        objective: Objective,
        (method, motion): (Method, Motion),
        noise: &'a NoiseOf<'a, R>,
    ) -> Self {
        let samples = packed(network, population);
        TrajectoryMap { network, width, population, samples, objective, method, motion, noise }
    }

    /// Numbers per node, n K.
    pub fn len(&self) -> usize {
        self.population.y.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the particles of a state predict, (n, K).
    pub fn predict(&self, theta: &[R]) -> Vec<f64> {
        let model = Model { network: self.network, width: self.width, threads: Threads::Pool };
        Workspace::default().predict(model, theta, &self.population.x)
    }

    /// Lets every particle of `state` evolve alone under `path` for `steps` steps. Returns the predictions (steps + 1, n, K) at
    /// its nodes; `state` ends at the last.
    pub fn apply(&self, path: &FrozenPath<R>, state: &mut State<R>, steps: usize) -> Vec<f64> {
        let layout = self.network.layout(self.width);
        let blocks = self.width.div_ceil(LANES);
        let per = (blocks / SHARES).clamp(1, MOST_BLOCKS);
        let (chunk, neurons) = (per * LANES * layout.parameters, per * LANES);
        let chunks = blocks.div_ceil(per);
        let shares = SHARES.min(chunks);
        let per_share = chunks.div_ceil(shares);
        let (step, time) = (state.step, state.time);
        let sums: Vec<Vec<f64>> = state
            .theta
            .par_chunks_mut(chunk * per_share)
            .zip(state.momentum.par_chunks_mut(chunk * per_share))
            .enumerate()
            .with_max_len(1)
            .map(|(share, (theta, momentum))| {
                let mut sum = vec![0.0; (steps + 1) * self.len()];
                for (c, (theta, momentum)) in theta.chunks_mut(chunk).zip(momentum.chunks_mut(chunk)).enumerate() {
                    let first = (share * per_share + c) * neurons;
                    let mut part = State { theta: theta.to_vec(), momentum: momentum.to_vec(), step, time };
                    self.follow(path, first, neurons.min(self.width - first), steps, &mut part, &mut sum);
                    theta.copy_from_slice(&part.theta);
                    momentum.copy_from_slice(&part.momentum);
                }
                sum
            })
            .collect();
        let mut total = vec![0.0; (steps + 1) * self.len()];
        for sum in sums {
            total.iter_mut().zip(&sum).for_each(|(total, sum)| *total += sum);
        }
        total.iter_mut().for_each(|f| *f /= self.width as f64);
        state.step = step + steps as u64;
        state.time = state.step as f64 * self.motion.step;
        total
    }

    /// Follows some neighbours, each alone.
    fn follow(
        &self,
        path: &FrozenPath<R>,
        first: usize,
        width: usize,
        steps: usize,
        state: &mut State<R>,
        sum: &mut [f64],
    ) {
        let coordinates = width * self.network.trained().len();
        let mut integrator = self.motion.integrator::<R>(self.method, coordinates, state.theta.len());
        let mut noise = (self.noise)(first, width);
        let ridge = self.objective.ridge;
        let mut force =
            FrozenForce::new(self.network, width, &self.samples, ridge, path, Threads::One).heard(state.step, sum);
        for _ in 0..steps {
            integrator.step(&mut force, noise.as_mut(), state);
        }
        force.finish(state.step, &state.theta);
    }
}

/// A population's inputs in the order in which gradients read them.
pub fn packed<R: Real>(network: &TwoLayer, population: &Batch<R>) -> Samples<R> {
    let d = network.inputs;
    let mut samples = Samples::default();
    samples.reset(population.x.len() / d, d, Some(network.bias));
    samples.fill(|s| &population.x[s * d..(s + 1) * d]);
    samples
}
