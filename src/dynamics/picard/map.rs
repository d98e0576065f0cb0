//! One application of the trajectory map: every particle is integrated independently over a whole window.

use super::{FrozenForce, FrozenPath};
use crate::compute::{Real, Threads};
use crate::dynamics::{Ensemble, Noise, Scheme, Simulation, State, TimeLoop};
use crate::network::kernel::{LANES, Samples, TwoLayerModel, TwoLayerWorkspace};
use crate::network::{Batch, TwoLayer};
use crate::ranks::{Agreement, Ranks, SingleRank, agree, part};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Parts of the ensemble that are integrated in parallel and whose predictions are added in order. A constant, so that
/// results do not depend on the number of threads.
pub(crate) const SHARES: usize = 16;

/// Largest number of blocks of neurons that are integrated together.
const MAX_BLOCKS: usize = 8;

/// Numbers that are added by the ranks in one exchange, which bounds the memory of its messages.
const PIECE: usize = 1 << 24;

/// A function from `(first, width)` to the noise of the particles `first .. first + width` of the ensemble.
pub type NoiseOf<'a, R> = dyn Fn(usize, usize) -> Box<dyn Noise<R>> + Sync + 'a;

/// The division of the particles into shares.
struct ParticleShares {
    /// Numbers of a part of the state that is integrated together.
    chunk: usize,
    /// Particles of it.
    neurons: usize,
    /// Such parts in a share.
    per_share: usize,
    /// Number of shares.
    count: usize,
}

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
    /// The ranks among which the particles are divided.
    ranks: Ranks,
}

impl<'a, R: Real> TrajectoryMap<'a, R> {
    /// The map of an ensemble under a scheme of fixed step. `noise` gives the Brownian increments.
    pub fn new(ensemble: Ensemble<'a, R, TwoLayer>, scheme: Scheme, noise: &'a NoiseOf<'a, R>) -> Self {
        let samples = pack_inputs(ensemble.network, ensemble.population);
        TrajectoryMap { ensemble, samples, scheme, noise, interrupt: None, ranks: SingleRank::ranks() }
    }

    /// The map, whose particles are divided among ranks: each integrates some of the shares, whose predictions are added in
    /// the same order. There are at most 16 shares; further ranks have none. Its application is collective.
    #[must_use]
    pub fn on(self, ranks: &Ranks) -> Self {
        TrajectoryMap { ranks: Arc::clone(ranks), ..self }
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
    /// at the nodes; `state` is then that of the last node, on several ranks for the particles of this one
    /// ([`TrajectoryMap::gather`]). Returns `None` where it was interrupted, on one rank for all; `state` is then
    /// undetermined.
    pub fn apply(&self, path: &FrozenPath<R>, state: &mut State<R>, steps: usize) -> Option<Vec<f64>> {
        let width = self.ensemble.width;
        let ParticleShares { chunk, neurons, per_share, count } = self.shares();
        let own = part(count, self.ranks.rank(), self.ranks.size());
        let (step, time) = (state.step, state.time);
        let sums: Vec<Vec<f64>> = state
            .theta
            .par_chunks_mut(chunk * per_share)
            .zip(state.momentum.par_chunks_mut(chunk * per_share))
            .enumerate()
            .skip(own.start)
            .take(own.len())
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
        if self.any_interrupted() {
            return None;
        }
        let mut total = self.total(sums, count, (steps + 1) * self.prediction_len());
        total.iter_mut().for_each(|f| *f /= width as f64);
        state.step = step + steps as u64;
        state.time = self.time_of(state.step);
        Some(total)
    }

    /// How the particles are divided.
    fn shares(&self) -> ParticleShares {
        let Ensemble { network, width, .. } = self.ensemble;
        let blocks = width.div_ceil(LANES);
        let per = (blocks / SHARES).clamp(1, MAX_BLOCKS);
        let chunks = blocks.div_ceil(per);
        let per_share = chunks.div_ceil(SHARES.min(chunks));
        let chunk = per * LANES * network.layout(width).parameters;
        ParticleShares { chunk, neurons: per * LANES, per_share, count: chunks.div_ceil(per_share) }
    }

    /// Whether the work was interrupted, on one of the ranks.
    fn any_interrupted(&self) -> bool {
        agree(&*self.ranks, Ok(self.interrupted())) == Agreement::Interrupted
    }

    /// The sum of `len` numbers over all of `count` shares, in their order, from those of this rank. On several ranks each
    /// adds a part of the numbers, so that none receives those of all shares.
    fn total(&self, sums: Vec<Vec<f64>>, count: usize, len: usize) -> Vec<f64> {
        let (rank, size) = (self.ranks.rank(), self.ranks.size());
        let add = |len: usize, sums: &mut dyn Iterator<Item = &[f64]>| {
            let mut total = vec![0.0; len];
            sums.for_each(|sum| total.iter_mut().zip(sum).for_each(|(total, sum)| *total += sum));
            total
        };
        if size == 1 {
            return add(len, &mut sums.iter().map(Vec::as_slice));
        }
        let shares: Vec<usize> = (0..size).map(|rank| part(count, rank, size).len()).collect();
        let mut total = Vec::with_capacity(len);
        for first in (0..len).step_by(PIECE) {
            let piece = PIECE.min(len - first);
            let of_piece = |rank: usize| {
                let Range { start, end } = part(piece, rank, size);
                first + start..first + end
            };
            let to = |rank: usize| sums.iter().flat_map(|sum| &sum[of_piece(rank)]).copied().collect();
            let parts: Vec<Vec<f64>> = (0..size).map(to).collect();
            let mine = of_piece(rank).len();
            let counts: Vec<usize> = shares.iter().map(|shares| shares * mine).collect();
            let received = self.ranks.all_to_all(&parts, &counts);
            let own = add(mine, &mut received.chunks_exact(mine.max(1)));
            let counts: Vec<usize> = (0..size).map(|rank| of_piece(rank).len()).collect();
            total.extend(self.ranks.all_gather(&own, &counts));
        }
        total
    }

    /// The state of all particles, from those that each rank has integrated. Collective.
    pub fn gather(&self, state: State<R>) -> State<R> {
        let size = self.ranks.size();
        if size == 1 {
            return state;
        }
        let ParticleShares { chunk, per_share, count, .. } = self.shares();
        let len = state.theta.len();
        let range = |rank: usize| {
            let Range { start, end } = part(count, rank, size);
            (start * chunk * per_share).min(len)..(end * chunk * per_share).min(len)
        };
        let counts: Vec<usize> = (0..size).map(|rank| range(rank).len()).collect();
        let whole = |part: &[R]| -> Vec<R> {
            // Exact in double precision.
            let own: Vec<f64> = part[range(self.ranks.rank())].iter().map(|v| v.to_f64()).collect();
            self.ranks.all_gather(&own, &counts).into_iter().map(R::of).collect()
        };
        State { theta: whole(&state.theta), momentum: whole(&state.momentum), ..state }
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
