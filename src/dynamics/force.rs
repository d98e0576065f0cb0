//! Forces: the potential's gradient as a function of the state.

use crate::network::{Batch, Objective, Real, Threads, TwoLayer};
use crate::population::Sampler;
use crate::rng::{Role, stream};
use rand::RngExt;

/// `grad Psi(theta; rho)`, possibly under a batch that depends on the step.
pub trait Force<R>: Send {
    /// Writes the gradient at `theta` for step `step` into `out`; returns the mean loss it was computed from.
    fn gradient(&mut self, step: u64, theta: &[R], out: &mut [R]) -> f64;
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
    pub network: &'a TwoLayer,
    /// Number of neurons N.
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
    /// Whether a gradient may use the thread pool.
    pub threads: Threads,
}

/// Indices into a sample of `n` of the batch of `size` at an address, i.i.d. uniform (with replacement).
pub fn batch_indices(seed: u64, replica: u64, step: u64, n: usize, size: usize) -> Vec<usize> {
    let mut rng = stream(seed, Role::Batch, replica, step);
    (0..size).map(|_| rng.random_range(0..n)).collect()
}

/// Fresh draws at an address: x (size, d) and y (size, K), row-major.
pub fn fresh_batch(seed: u64, replica: u64, step: u64, sampler: &dyn Sampler, size: usize) -> (Vec<f64>, Vec<f64>) {
    let mut rng = stream(seed, Role::Fresh, replica, step);
    let (d, outputs) = (sampler.inputs(), sampler.outputs());
    let (mut x, mut y) = (vec![0.0; size * d], vec![0.0; size * outputs]);
    for (x, y) in x.chunks_exact_mut(d).zip(y.chunks_exact_mut(outputs)) {
        sampler.draw(&mut rng, x, y);
    }
    (x, y)
}

impl<R: Real> NetworkForce<'_, R> {
    /// The batch of a step; `None` for the whole population.
    fn batch(&self, step: u64) -> Option<Batch<R>> {
        let (d, outputs) = (self.network.inputs, self.network.outputs);
        match self.source {
            BatchSource::Full => None,
            BatchSource::Indices { size } => {
                let n = self.population.y.len() / outputs;
                let mut batch = Batch::default();
                for i in batch_indices(self.seed, self.replica, step, n, size) {
                    batch.x.extend_from_slice(&self.population.x[i * d..(i + 1) * d]);
                    batch.y.extend_from_slice(&self.population.y[i * outputs..(i + 1) * outputs]);
                }
                Some(batch)
            }
            BatchSource::Fresh { size, sampler } => {
                let (x, y) = fresh_batch(self.seed, self.replica, step, sampler, size);
                Some(Batch { x: x.into_iter().map(R::of).collect(), y })
            }
        }
    }
}

impl<R: Real> Force<R> for NetworkForce<'_, R> {
    fn gradient(&mut self, step: u64, theta: &[R], out: &mut [R]) -> f64 {
        let drawn = self.batch(step);
        let batch = drawn.as_ref().unwrap_or(self.population);
        self.network.potential_gradient(self.width, theta, batch, self.objective, self.threads, out)
    }
}
