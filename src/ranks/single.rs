//! A run in one process.

use super::{Communicator, Ranks};
use std::sync::Arc;

/// The only rank of a run in one process.
#[derive(Clone, Copy, Debug, Default)]
pub struct SingleRank;

impl SingleRank {
    /// The ranks of a run in one process.
    pub fn ranks() -> Ranks {
        Arc::new(SingleRank)
    }
}

impl Communicator for SingleRank {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn all_gather(&self, own: &[f64], _counts: &[usize]) -> Vec<f64> {
        own.to_vec()
    }

    fn all_to_all(&self, parts: &[Vec<f64>], _counts: &[usize]) -> Vec<f64> {
        parts.concat()
    }

    fn all_gather_bytes(&self, own: &[u8]) -> Vec<Vec<u8>> {
        vec![own.to_vec()]
    }

    fn abort(&self, status: i32) -> ! {
        std::process::exit(status)
    }
}
