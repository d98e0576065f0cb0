//! Forces: the potential's gradient as a function of the state.

use super::{Noise, State};
use crate::compute::rng::{Role, stream};
use crate::compute::{Real, Threads};
use crate::network::kernel::{Labelled, Samples};
use crate::network::{Batch, Model, Network, Objective, StepCoefficients, StepRequest, Workspace};
use crate::population::Sampler;
use rand::RngExt;

/// `grad Psi(theta; rho)`, possibly under a batch that depends on the step.
pub trait Force<R>: Send {
    /// Writes the gradient at `theta` for step `step` into `out`; returns the mean loss it was computed from.
    fn gradient(&mut self, step: u64, theta: &[R], out: &mut [R]) -> f64;

    /// The same at `fraction` of step `step`, for the stages of a Runge-Kutta method. Only a force that depends on time itself
    /// ([`super::picard::FrozenForce`]) tells the difference.
    fn gradient_within(&mut self, step: u64, _fraction: f64, theta: &[R], out: &mut [R]) -> f64 {
        self.gradient(step, theta, out)
    }

    /// Takes the step `kick` of stochastic heavy ball or gradient descent in one pass over the state, where the force knows
    /// how; the clock stays. Returns the mean loss at the start. `None`: nothing was done, go by [`Force::gradient`].
    ///
    /// The force may have prepared for `state.step` when it took the step before: between two steps in a row nobody else
    /// may move the state.
    fn advance(&mut self, _kick: StepCoefficients, _noise: &dyn Noise<R>, _state: &mut State<R>) -> Option<f64> {
        None
    }
}

/// Where the samples of a step come from.
pub enum BatchSource<'a> {
    /// The whole population: the deterministic gradient.
    Full,
    /// `size` indices drawn uniformly, with replacement, from the fixed sample.
    Indices { size: usize },
    /// `size` fresh draws from a sampler: the one-pass setting.
    Fresh { size: usize, sampler: &'a dyn Sampler },
}

/// The force of a network of fixed width under a loss, a ridge and a source of batches.
pub struct NetworkForce<'a, R> {
    /// The model.
    pub network: &'a Network,
    /// Its width N.
    pub width: usize,
    /// The fixed sample, which is the population for [`BatchSource::Full`] and [`BatchSource::Indices`].
    pub population: &'a Batch<R>,
    /// What is minimised.
    pub objective: Objective,
    /// Where batches come from.
    pub source: BatchSource<'a>,
    /// Experiment seed and replica: with the step they address the batch.
    pub seed: u64,
    /// Independent repetition this run belongs to.
    pub replica: u64,
    /// Whether a gradient may use several threads.
    pub threads: Threads,
    /// What its passes work in.
    pub buffers: Buffers<R>,
}

/// What the passes of a force work in, kept from step to step; `Buffers::default()` to begin with.
#[derive(Debug, Default)]
pub struct Buffers<R> {
    workspace: Workspace<R>,
    now: Drawn<R>,
    ahead: Drawn<R>,
    /// The step that the last pass prepared: its batch is in `ahead` (`now` for the whole population), and its forward pass
    /// is done.
    prepared: Option<u64>,
}

/// A batch, packed.
#[derive(Debug, Default)]
struct Drawn<R> {
    samples: Samples<R>,
    y: Vec<f64>,
    /// Fresh draws before they are packed.
    x: Vec<f64>,
    rounded: Vec<R>,
}

/// Indices into a sample of `n` of the batch of `size` at an address, i.i.d. uniform (with replacement).
pub fn batch_indices(seed: u64, replica: u64, step: u64, n: usize, size: usize) -> Vec<usize> {
    indices(seed, replica, step, n, size).collect()
}

fn indices(seed: u64, replica: u64, step: u64, n: usize, size: usize) -> impl Iterator<Item = usize> {
    let mut rng = stream(seed, Role::Batch, replica, step);
    (0..size).map(move |_| rng.random_range(0..n))
}

/// Fresh draws at an address: x (size, d) and y (size, K), row-major.
pub fn fresh_batch(seed: u64, replica: u64, step: u64, sampler: &dyn Sampler, size: usize) -> (Vec<f64>, Vec<f64>) {
    let (d, outputs) = (sampler.inputs(), sampler.outputs());
    let (mut x, mut y) = (vec![0.0; size * d], vec![0.0; size * outputs]);
    draw(seed, replica, step, sampler, &mut x, &mut y);
    (x, y)
}

fn draw(seed: u64, replica: u64, step: u64, sampler: &dyn Sampler, x: &mut [f64], y: &mut [f64]) {
    let mut rng = stream(seed, Role::Fresh, replica, step);
    for (x, y) in x.chunks_exact_mut(sampler.inputs()).zip(y.chunks_exact_mut(sampler.outputs())) {
        sampler.draw(&mut rng, x, y);
    }
}

/// What a batch is drawn from.
struct Draws<'f, 'a, R> {
    network: &'a Network,
    population: &'a Batch<R>,
    source: &'f BatchSource<'a>,
    seed: u64,
    replica: u64,
}

impl<R: Real> Draws<'_, '_, R> {
    /// Draws and packs the batch of a step; the whole population only once, as it stays the same.
    fn draw(&self, step: u64, drawn: &mut Drawn<R>) {
        let (d, outputs, bias) = (self.network.inputs(), self.network.outputs(), self.network.bias());
        let Drawn { samples, y, x, rounded } = drawn;
        let all = self.population;
        match *self.source {
            BatchSource::Full => {
                let n = all.y.len() / outputs;
                if samples.count() != n {
                    samples.reset(n, d, Some(bias));
                    samples.fill(|s| &all.x[s * d..(s + 1) * d]);
                    y.clone_from(&all.y);
                }
            }
            BatchSource::Indices { size } => {
                let n = all.y.len() / outputs;
                samples.reset(size, d, Some(bias));
                y.clear();
                for (s, i) in indices(self.seed, self.replica, step, n, size).enumerate() {
                    samples.set(s, &all.x[i * d..(i + 1) * d]);
                    y.extend_from_slice(&all.y[i * outputs..(i + 1) * outputs]);
                }
            }
            BatchSource::Fresh { size, sampler } => {
                x.resize(size * d, 0.0);
                y.resize(size * outputs, 0.0);
                draw(self.seed, self.replica, step, sampler, x, y);
                rounded.clear();
                rounded.extend(x.iter().map(|&x| R::of(x)));
                samples.reset(size, d, Some(bias));
                samples.fill(|s| &rounded[s * d..(s + 1) * d]);
            }
        }
    }
}

impl<R: Real> Force<R> for NetworkForce<'_, R> {
    fn gradient(&mut self, step: u64, theta: &[R], out: &mut [R]) -> f64 {
        let NetworkForce { network, width, population, objective, source, seed, replica, threads, buffers } = self;
        let draws = Draws { network, population, source, seed: *seed, replica: *replica };
        let model = Model { network, width: *width, threads: *threads };
        draws.draw(step, &mut buffers.now);
        buffers.prepared = None;
        let batch = Labelled { samples: &buffers.now.samples, y: &buffers.now.y };
        let loss = buffers.workspace.gradient(model, *objective, theta, batch, out);
        network.hold_fixed(*width, out);
        loss
    }

    fn advance(&mut self, kick: StepCoefficients, noise: &dyn Noise<R>, state: &mut State<R>) -> Option<f64> {
        if self.network.fixed_inputs() > 0 {
            return None;
        }
        let NetworkForce { network, width, population, objective, source, seed, replica, threads, buffers } = self;
        let draws = Draws { network, population, source, seed: *seed, replica: *replica };
        let model = Model { network, width: *width, threads: *threads };
        let Buffers { workspace, now, ahead, prepared } = buffers;
        let full = matches!(source, BatchSource::Full);
        if *prepared == Some(state.step) {
            if !full {
                std::mem::swap(now, ahead);
            }
        } else {
            draws.draw(state.step, now);
            workspace.forward(model, &state.theta, &now.samples);
        }
        if !full {
            draws.draw(state.step + 1, ahead);
        }
        let step = state.step;
        let normals = |block: usize, out: &mut [R]| noise.block(step, block, out);
        let request = StepRequest {
            objective: *objective,
            coefficients: kick,
            batch: Labelled { samples: &now.samples, y: &now.y },
            next_batch: if full { &now.samples } else { &ahead.samples },
            normals: if kick.noise > 0.0 { Some(&normals) } else { None },
        };
        let loss = workspace.step(model, (&mut state.theta, &mut state.momentum), request);
        *prepared = Some(step + 1);
        Some(loss)
    }
}
