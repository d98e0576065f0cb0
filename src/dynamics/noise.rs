//! Brownian increments, addressed by particle and by tick of a common clock.
//!
//! Runs that share a particle share its Brownian path, whatever their width, offset and step: the path is laid out
//! on the finest clock in use, and a solver whose step spans m ticks adds m increments.

use crate::network::kernel::LANES;
use crate::network::{Layout, Real};
use crate::rng::{Role, stream};
use rand::RngExt;
use rand_distr::StandardNormal;
use std::ops::Range;

/// Where an integrator gets its noise.
pub trait Noise<R>: Send + Sync {
    /// Writes one standard normal per trained coordinate for the solver's step `step`; other entries are zeroed.
    fn normals(&mut self, step: u64, out: &mut [R]);
    /// The same for block `block` of the state alone, from any thread.
    fn block(&self, step: u64, block: usize, out: &mut [R]);
}

/// No noise: temperature 0.
#[derive(Clone, Copy, Debug)]
pub struct Still;

impl<R: Real> Noise<R> for Still {
    fn normals(&mut self, _step: u64, out: &mut [R]) {
        out.fill(R::zero());
    }

    fn block(&self, _step: u64, _block: usize, out: &mut [R]) {
        out.fill(R::zero());
    }
}

/// The increments of the particles `first .. first + N`.
#[derive(Clone, Debug)]
pub struct Brownian {
    /// Experiment seed.
    pub seed: u64,
    /// Index of the first particle.
    pub first: u64,
    /// The network's layout.
    pub layout: Layout,
    /// Rows that are trained, and so get noise.
    pub trained: Range<usize>,
    /// Ticks of the common clock per step of this solver.
    pub ticks: u64,
}

impl Brownian {
    /// The normalised increment of one particle over step `step`: the sum over its ticks divided by sqrt(ticks),
    /// one standard normal per trained coordinate in canonical order.
    pub fn increment(&self, particle: u64, step: u64, out: &mut [f64]) {
        out.fill(0.0);
        for tick in step * self.ticks..(step + 1) * self.ticks {
            let mut rng = stream(self.seed, Role::Brownian, particle, tick);
            out.iter_mut().for_each(|v| *v += rng.sample::<f64, _>(StandardNormal));
        }
        let scale = 1.0 / (self.ticks as f64).sqrt();
        out.iter_mut().for_each(|v| *v *= scale);
    }
}

impl<R: Real> Noise<R> for Brownian {
    fn normals(&mut self, step: u64, out: &mut [R]) {
        for (block, out) in out.chunks_mut(LANES * self.layout.parameters).enumerate() {
            self.block(step, block, out);
        }
    }

    fn block(&self, step: u64, block: usize, out: &mut [R]) {
        out.fill(R::zero());
        let mut neuron = vec![0.0; self.trained.len()];
        let first = block * LANES;
        for i in first..(first + LANES).min(self.layout.width) {
            self.increment(self.first + i as u64, step, &mut neuron);
            for (row, &value) in self.trained.clone().zip(&neuron) {
                out[self.layout.index(i - first, row)] = R::of(value);
            }
        }
    }
}
