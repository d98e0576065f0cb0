//! Batches: the samples over which the gradient of a step is averaged.

use crate::compute::Real;
use crate::compute::profile::{self, WorkKind};
use crate::compute::rng::{Role, stream};
use crate::network::kernel::Samples;
use crate::network::{Batch, Network};
use crate::population::Sampler;
use rand::RngExt;

/// The source of the samples of a step.
#[derive(Clone, Copy)]
pub enum BatchSource<'a> {
    /// The whole population: the deterministic gradient.
    Full,
    /// Indices drawn uniformly, with replacement, from the fixed sample.
    Indices {
        /// Samples per step.
        size: usize,
    },
    /// Fresh draws from a sampler: the one-pass setting.
    Fresh {
        /// Samples per step.
        size: usize,
        /// Law of the samples.
        sampler: &'a dyn Sampler,
    },
}

/// A source of batches and the address of its random draws: (seed, replica, step) determines a batch.
#[derive(Clone, Copy)]
pub struct Batches<'a> {
    /// The source of the samples.
    pub source: BatchSource<'a>,
    /// Seed of the experiment.
    pub seed: u64,
    /// Independent repetition within the experiment.
    pub replica: u64,
}

/// A packed batch and the buffers used to build it.
#[derive(Debug, Default)]
pub(super) struct PackedBatch<R> {
    /// Inputs.
    pub samples: Samples<R>,
    /// Labels (n, K).
    pub y: Vec<f64>,
    /// Inputs (n, d) of a fresh batch in double precision, and rounded to `R`.
    x: Vec<f64>,
    rounded: Vec<R>,
    /// Indices of a batch of the fixed sample.
    drawn: Vec<usize>,
}

impl Batches<'_> {
    /// The whole population in every step.
    pub const FULL: Batches<'static> = Batches { source: BatchSource::Full, seed: 0, replica: 0 };

    /// Draws and packs the batch of a step. The whole population is packed only once, as it does not change.
    pub(super) fn draw<R: Real>(
        &self,
        step: u64,
        network: &Network,
        population: &Batch<R>,
        batch: &mut PackedBatch<R>,
    ) {
        let (d, outputs, bias) = (network.inputs(), network.outputs(), network.bias());
        let PackedBatch { samples, y, x, rounded, drawn } = batch;
        let n = population.y.len() / outputs;
        let is_random = !matches!(self.source, BatchSource::Full);
        let _timed = if is_random { profile::time(WorkKind::Random) } else { None };
        match self.source {
            BatchSource::Full => {
                if samples.count() != n {
                    samples.reset(n, d, Some(bias));
                    samples.fill(|s| &population.x[s * d..(s + 1) * d]);
                    y.clone_from(&population.y);
                }
            }
            BatchSource::Indices { size } => {
                samples.reset(size, d, Some(bias));
                drawn.clear();
                drawn.extend(indices(self.seed, self.replica, step, n, size));
                samples.fill(|s| &population.x[drawn[s] * d..(drawn[s] + 1) * d]);
                y.clear();
                drawn.iter().for_each(|i| y.extend_from_slice(&population.y[i * outputs..(i + 1) * outputs]));
            }
            BatchSource::Fresh { size, sampler } => {
                x.resize(size * d, 0.0);
                y.resize(size * outputs, 0.0);
                draw_fresh(self.seed, self.replica, step, sampler, x, y);
                rounded.clear();
                rounded.extend(x.iter().map(|&x| R::of(x)));
                samples.reset(size, d, Some(bias));
                samples.fill(|s| &rounded[s * d..(s + 1) * d]);
            }
        }
    }
}

/// Indices of the batch of `size` that [`BatchSource::Indices`] draws from a sample of `n` at step `step`, independent
/// and uniform.
pub fn batch_indices(seed: u64, replica: u64, step: u64, n: usize, size: usize) -> Vec<usize> {
    indices(seed, replica, step, n, size).collect()
}

/// The indices of [`batch_indices`], without allocation.
fn indices(seed: u64, replica: u64, step: u64, n: usize, size: usize) -> impl Iterator<Item = usize> {
    let mut rng = stream(seed, Role::Batch, replica, step);
    (0..size).map(move |_| rng.random_range(0..n))
}

/// The batch that [`BatchSource::Fresh`] draws at step `step`: x (size, d) and y (size, K), row-major.
pub fn fresh_batch(seed: u64, replica: u64, step: u64, sampler: &dyn Sampler, size: usize) -> (Vec<f64>, Vec<f64>) {
    let (d, outputs) = (sampler.inputs(), sampler.outputs());
    let (mut x, mut y) = (vec![0.0; size * d], vec![0.0; size * outputs]);
    draw_fresh(seed, replica, step, sampler, &mut x, &mut y);
    (x, y)
}

/// Draws the batch of [`fresh_batch`] into x (size, d) and y (size, K).
fn draw_fresh(seed: u64, replica: u64, step: u64, sampler: &dyn Sampler, x: &mut [f64], y: &mut [f64]) {
    let mut rng = stream(seed, Role::Fresh, replica, step);
    for (x, y) in x.chunks_exact_mut(sampler.inputs()).zip(y.chunks_exact_mut(sampler.outputs())) {
        sampler.draw(&mut rng, x, y);
    }
}
