//! What a prediction of time assumes of the machine.

use crate::compute::MOST_THREADS;
use crate::config::BatchSize;
use serde::Serialize;

/// Seconds of an operation outside the kernels: sums over features, distances, costs of matchings.
const SCALAR: f64 = 0.5e-9;

/// Seconds of a number and binary level of a sort.
const SORT: f64 = 2.5e-9;

/// Rates of processors, and of the connection between ranks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// Multiplications and additions per second of one thread, on the whole sample.
    pub full_rate: f64,
    /// The same on mini-batches.
    pub batch_rate: f64,
    /// Threads of a rank.
    pub threads: usize,
    /// Ranks.
    pub ranks: usize,
    /// Seconds of a message without contents.
    pub latency: f64,
    /// Bytes per second that a rank receives.
    pub bandwidth: f64,
    /// Seconds to copy and add a number that another rank has sent.
    pub addition: f64,
}

impl Machine {
    /// Seconds of a message: of the usual interconnects of clusters.
    pub const LATENCY: f64 = 2e-6;
    /// Bytes per second: 100 Gbit/s.
    pub const BANDWIDTH: f64 = 12.5e9;
    /// Seconds for a number, fitted to exchanges of two ranks (`docs/scaling.md`).
    pub const ADDITION: f64 = 3e-9;

    /// Operations per second of one thread on batches of this size.
    pub fn rate(&self, batch: BatchSize) -> f64 {
        match batch {
            BatchSize::Full => self.full_rate,
            BatchSize::Size(_) => self.batch_rate,
        }
    }

    /// Threads among which the passes of one trajectory are divided.
    pub fn kernel_threads(&self) -> f64 {
        self.threads.min(MOST_THREADS) as f64
    }

    /// Seconds of operations outside the kernels.
    pub fn scalar_seconds(operations: f64) -> f64 {
        SCALAR * operations
    }

    /// Seconds of `count` sorts of `len` numbers each.
    pub fn sort_seconds(count: f64, len: f64) -> f64 {
        SORT * count * len * len.max(2.0).log2()
    }
}
