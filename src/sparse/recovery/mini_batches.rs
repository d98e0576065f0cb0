//! Mini-batches of the samples of a problem, whose draws have addresses: they depend neither on threads nor on stops.

use super::RecoveryError;
use crate::compute::rng::{Role, random_order, stream};

/// Samples per mini-batch where none are given, as a fraction of all: one of so many.
const DEFAULT_FRACTION: usize = 8;

/// Where the mini-batches of a run come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MiniBatches {
    /// Samples B of a batch; by default an eighth of all.
    pub size: Option<usize>,
    /// Seed of the random stream.
    pub seed: u64,
    /// Number of the problem, the address of its draws.
    pub problem: u64,
}

impl MiniBatches {
    /// Samples B of a batch of `n`.
    ///
    /// # Errors
    /// [`RecoveryError::Batch`] for more than there are, or none.
    pub fn samples(&self, n: usize) -> Result<usize, RecoveryError> {
        let size = self.size.unwrap_or(n.div_ceil(DEFAULT_FRACTION));
        if size == 0 || size > n { Err(RecoveryError::Batch { size, n }) } else { Ok(size) }
    }

    /// The samples of the batch of a step, `size` of `n`, in the order drawn; (seed, problem, step) determines them.
    pub fn draw(&self, n: usize, size: usize, step: u64) -> Vec<usize> {
        random_order(&mut stream(self.seed, Role::RecoveryBatch, self.problem, step), n, size)
    }
}
