//! Brownian increments, addressed by particle and by interval (tick) of a common time grid.
//!
//! Simulations that share a particle share its Brownian path, whatever their width, offset and step. The path is
//! defined on the finest grid in use; a step that spans m ticks is the sum of m increments.

use crate::compute::profile::{self, WorkKind};
use crate::compute::rng::{Role, stream};
use crate::compute::{Real, Threads, for_each_chunk};
use crate::network::Network;
use rand::RngExt;
use rand_distr::StandardNormal;

/// A source of standard normal increments for an integrator.
pub trait Noise<R>: Send + Sync {
    /// Writes one standard normal per trained coordinate for the integrator's step `step` into `out`, in the layout of
    /// the state; other entries are set to zero.
    fn normals(&mut self, step: u64, out: &mut [R]);

    /// The same; a source may use more than one thread.
    fn normals_on(&mut self, _threads: Threads, step: u64, out: &mut [R]) {
        self.normals(step, out);
    }

    /// The same for block `block` of the state only; callable from any thread.
    fn block(&self, step: u64, block: usize, out: &mut [R]);
}

/// No noise: temperature 0.
#[derive(Clone, Copy, Debug)]
pub struct NoNoise;

impl<R: Real> Noise<R> for NoNoise {
    fn normals(&mut self, _step: u64, out: &mut [R]) {
        out.fill(R::zero());
    }

    fn block(&self, _step: u64, _block: usize, out: &mut [R]) {
        out.fill(R::zero());
    }
}

/// The Brownian increments of the particles `first .. first + N`.
#[derive(Clone, Debug)]
pub struct Brownian {
    /// Experiment seed.
    pub seed: u64,
    /// Index of the first particle.
    pub first: u64,
    /// The network, whose layout the increments follow.
    pub network: Network,
    /// Its width N.
    pub width: usize,
    /// Ticks of the common time grid per step of the integrator.
    pub ticks: u64,
}

/// Blocks whose increments are drawn by one task of a parallel loop: some tens of microseconds.
const BLOCKS: usize = 8;

/// The random stream of each family of units of a network.
const ROLES: [Role; 3] = [Role::Brownian, Role::BrownianWeight, Role::BrownianSecond];

impl Brownian {
    /// The normalised increment of one unit of a family over step `step`: the sum over its ticks divided by
    /// sqrt(ticks), one standard normal per trained coordinate in canonical order.
    pub fn increment(&self, family: usize, unit: usize, step: u64, out: &mut [f64]) {
        let address = self.network.unit_address(self.first, self.width, family, unit);
        out.fill(0.0);
        for tick in step * self.ticks..(step + 1) * self.ticks {
            let mut rng = stream(self.seed, ROLES[family], address, tick);
            out.iter_mut().for_each(|v| *v += rng.sample::<f64, _>(StandardNormal));
        }
        let scale = 1.0 / (self.ticks as f64).sqrt();
        out.iter_mut().for_each(|v| *v *= scale);
    }
}

impl<R: Real> Noise<R> for Brownian {
    fn normals(&mut self, step: u64, out: &mut [R]) {
        for (block, at) in self.network.blocks(self.width).into_iter().enumerate() {
            self.block(step, block, &mut out[at]);
        }
    }

    fn normals_on(&mut self, threads: Threads, step: u64, mut out: &mut [R]) {
        let mut blocks = Vec::new();
        for at in self.network.blocks(self.width) {
            let (block, rest) = std::mem::take(&mut out).split_at_mut(at.len());
            blocks.push(block);
            out = rest;
        }
        let noise = &*self;
        for_each_chunk(threads.count(), &mut blocks, BLOCKS, |task, blocks, _| {
            blocks.iter_mut().enumerate().for_each(|(i, out)| noise.block(step, task * BLOCKS + i, out));
        });
    }

    fn block(&self, step: u64, block: usize, out: &mut [R]) {
        let _timed = profile::time(WorkKind::Random);
        out.fill(R::zero());
        let mut draw = |family: usize, unit: usize, v: &mut [f64]| self.increment(family, unit, step, v);
        self.network.fill_block(self.width, block, &mut draw, out);
    }
}
