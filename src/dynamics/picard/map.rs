//! One application of the trajectory map: every particle is integrated independently over a whole window.

use super::{FrozenForce, FrozenPath};
use crate::compute::{Real, Threads};
use crate::dynamics::{Ensemble, Noise, Scheme, Simulation, State, TimeLoop};
use crate::network::kernel::{LANES, Samples, TwoLayerModel, TwoLayerWorkspace};
use crate::network::{Batch, TwoLayer};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Parts of the ensemble that are integrated in parallel and whose predictions are added in order. A constant, so that
/// results do not depend on the number of threads.
pub(crate) const SHARES: usize = 16;

/// Largest number of blocks of neurons that are integrated together.
const MAX_BLOCKS: usize = 8;

/// A function from `(first, width)` to the noise of the particles `first .. first + width` of the ensemble.
pub type NoiseOf<'a, R> = dyn Fn(usize, usize) -> Box<dyn Noise<R>> + Sync + 'a;

/// The trajectory map: from frozen predictions to the predictions of the particles that evolve under them (WKM section
/// 4).
pub struct TrajectoryMap<'a, R> {
    /// The particles, the sample that expectations are taken over, and the objective.
    pub ensemble: Ensemble<'a, R, TwoLayer>,
    /// The sample's inputs, packed.
    samples: Samples<R>,
    /// The integrator, of fixed step.
    pub scheme: Scheme,
    /// The noise of a range of particles.
    pub noise: &'a NoiseOf<'a, R>,
    /// Interrupts [`TrajectoryMap::apply`] where it is set.
    interrupt: Option<&'a AtomicBool>,
}

impl<'a, R: Real> TrajectoryMap<'a, R> {
    /// The map of an ensemble under a scheme of fixed step. `noise` gives the Brownian increments.
    pub fn new(ensemble: Ensemble<'a, R, TwoLayer>, scheme: Scheme, noise: &'a NoiseOf<'a, R>) -> Self {
        let samples = pack_inputs(ensemble.network, ensemble.population);
        TrajectoryMap { ensemble, samples, scheme, noise, interrupt: None }
    }

    /// The map, whose application stops where `interrupt` is set.
    #[must_use]
    pub fn interrupted_by(self, interrupt: &'a AtomicBool) -> Self {
        TrajectoryMap { interrupt: Some(interrupt), ..self }
    }

    fn interrupted(&self) -> bool {
        self.interrupt.is_some_and(|interrupt| interrupt.load(Ordering::Relaxed))
    }

    /// Numbers per node of the time grid: n K, for n samples and K outputs.
    pub fn prediction_len(&self) -> usize {
        self.ensemble.population.y.len()
    }

    /// Predictions (n, K), row-major, of the particles with parameters `theta`, in the layout of the state.
    pub fn predict(&self, theta: &[R]) -> Vec<f64> {
        let Ensemble { network, width, population, .. } = self.ensemble;
        TwoLayerWorkspace::default().predict(
            TwoLayerModel { network, width, threads: Threads::Pool },
            theta,
            &population.x,
        )
    }

    /// Integrates every particle of `state` under `path` for `steps` steps. Returns the predictions (steps + 1, n, K)
    /// at the nodes; `state` is then that of the last node. Returns `None` where it was interrupted; `state` is then
    /// undetermined.
    pub fn apply(&self, path: &FrozenPath<R>, state: &mut State<R>, steps: usize) -> Option<Vec<f64>> {
        let Ensemble { network, width, .. } = self.ensemble;
        let layout = network.layout(width);
        let blocks = width.div_ceil(LANES);
        let per = (blocks / SHARES).clamp(1, MAX_BLOCKS);
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
                let mut sum = vec![0.0; (steps + 1) * self.prediction_len()];
                for (c, (theta, momentum)) in theta.chunks_mut(chunk).zip(momentum.chunks_mut(chunk)).enumerate() {
                    if self.interrupted() {
                        break;
                    }
                    let first = (share * per_share + c) * neurons;
                    let particles = first..(first + neurons).min(width);
                    let start = State { theta: theta.to_vec(), momentum: momentum.to_vec(), step, time };
                    let end = self.integrate(path, particles, start, steps, &mut sum);
                    theta.copy_from_slice(&end.theta);
                    momentum.copy_from_slice(&end.momentum);
                }
                sum
            })
            .collect();
        if self.interrupted() {
            return None;
        }
        let mut total = vec![0.0; (steps + 1) * self.prediction_len()];
        for sum in sums {
            total.iter_mut().zip(&sum).for_each(|(total, sum)| *total += sum);
        }
        total.iter_mut().for_each(|f| *f /= width as f64);
        state.step = step + steps as u64;
        state.time = self.time_of(state.step);
        Some(total)
    }

    /// Integrates some of the particles and adds their predictions at the nodes to `sum`; returns their last state.
    fn integrate(
        &self,
        path: &FrozenPath<R>,
        particles: Range<usize>,
        start: State<R>,
        steps: usize,
        sum: &mut [f64],
    ) -> State<R> {
        let (first, width) = (particles.start, particles.len());
        let ensemble = Ensemble { width, ..self.ensemble };
        let coordinates = width * ensemble.network.trained().len();
        let times = [start.time, self.time_of(start.step + steps as u64)];
        let mut force = FrozenForce::new(ensemble, &self.samples, path, Threads::One).accumulate_into(start.step, sum);
        let end = {
            let mut simulation = Simulation {
                integrator: self.scheme.integrator(coordinates, start.theta.len()),
                state: start,
                force: Box::new(&mut force),
                noise: (self.noise)(first, width),
            };
            let interrupted = |_: f64| self.interrupted();
            let time_loop = TimeLoop::over(&times).interrupted_when(&interrupted);
            let Ok(_) = time_loop.run(&mut simulation, &mut |_: usize, _: &State<R>| f64::NAN);
            simulation.state
        };
        force.finish(end.step, &end.theta);
        end
    }

    /// The time of a step.
    fn time_of(&self, step: u64) -> f64 {
        step as f64 * self.scheme.motion.step
    }
}

/// A population's inputs, packed in the order in which the gradient kernels read them.
pub fn pack_inputs<R: Real>(network: &TwoLayer, population: &Batch<R>) -> Samples<R> {
    let d = network.inputs;
    let mut samples = Samples::default();
    samples.reset(population.x.len() / d, d, Some(network.bias));
    samples.fill(|s| &population.x[s * d..(s + 1) * d]);
    samples
}
