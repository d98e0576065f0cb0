//! The fast-math room: forward and backward passes over blocks of neurons.
//!
//! A state is a sequence of blocks of [`LANES`] neurons. Inside a block every parameter is one row of `LANES`
//! contiguous values: `w_0 .. w_{d-1}, [b], a_0 .. a_{K-1}`. The last block is padded with neurons whose
//! parameters, gradients and momenta are zero, so they predict nothing and never move. Nothing outside the
//! network may assume this order: [`Layout`] is the only way to an entry.
//!
//! **Same bits everywhere.** The neurons of a *superblock* are summed in block order into a partial prediction,
//! partial predictions are summed in index order; a block's gradient is summed in sample order. Which thread
//! does which superblock therefore cannot change a bit, and because every product-sum is an explicit fused
//! multiply-add in both vector widths, neither can the instruction set. Only IEEE operations are used.

mod backward;
mod dispatch;
mod forward;
mod layout;
pub mod math;

pub use dispatch::{Kernel, Pass};
pub use layout::{LANES, Layout};

use super::{Real, TwoLayer};
use rayon::prelude::*;

/// Samples that pass through a block together: pre-activations and residuals of a tile stay in the L1 cache.
pub(crate) const TILE: usize = 64;

/// Below this many multiply-adds a pass stays on its thread: waking another costs more than it brings.
const SERIAL_WORK: usize = 200_000;

/// Whether a pass may spread over the thread pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One thread: many small runs go side by side.
    One,
    /// The whole pool, where the pass is large enough to gain.
    Pool,
}

/// `sum_i a_i sigma(<w_i, x> + b_i)` over all neurons for every sample; `out` is (n, K) row-major.
pub fn sum_features<R: Real>(pass: &Pass<'_, R>, layout: Layout, theta: &[R], threads: Threads, out: &mut [f64]) {
    let size = layout.superblock_len();
    let partial = |theta: &[R]| {
        let mut partial = vec![0.0; out.len()];
        R::forward(pass, theta, &mut partial);
        partial
    };
    let partials: Vec<Vec<f64>> = if spread(pass, layout, threads) {
        theta.par_chunks(size).map(partial).collect()
    } else {
        theta.chunks(size).map(partial).collect()
    };
    out.fill(0.0);
    for partial in &partials {
        out.iter_mut().zip(partial).for_each(|(out, p)| *out += p);
    }
}

/// `sum_s <e_s, d phi(x_s; theta_i) / d theta_i>` for every neuron; `residual` e is (n, K), `out` a state slice.
/// The rows of `a` are left zero where `output_weights` is false.
pub fn gradient<R: Real>(
    pass: &Pass<'_, R>,
    layout: Layout,
    theta: &[R],
    residual: &[R],
    threads: Threads,
    out: &mut [R],
) {
    let size = layout.superblock_len();
    let superblock = |(index, (theta, out)): (usize, (&[R], &mut [R]))| {
        R::backward(pass, theta, residual, out);
        layout.clear_padding(index * size, out);
    };
    if spread(pass, layout, threads) {
        theta.par_chunks(size).zip(out.par_chunks_mut(size)).enumerate().for_each(superblock);
    } else {
        theta.chunks(size).zip(out.chunks_mut(size)).enumerate().for_each(superblock);
    }
}

fn spread<R>(pass: &Pass<'_, R>, layout: Layout, threads: Threads) -> bool {
    threads == Threads::Pool && layout.width * pass.samples() * layout.parameters > SERIAL_WORK
}

impl TwoLayer {
    /// The kernel's view of this network and of the inputs `x`, (n, d) row-major.
    pub(crate) fn pass<'a, R: Real>(&self, x: &'a [R]) -> Pass<'a, R> {
        Pass {
            inputs: self.inputs,
            outputs: self.outputs,
            bias: self.bias,
            activation: self.activation,
            train_a: self.trains_output(),
            x,
        }
    }
}
