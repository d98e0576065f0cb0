//! The profile of a run: where its time went, and what share of the machine's peak it used.

use super::{PROFILE, RecordError, RunFolder};
use serde::{Deserialize, Serialize};

/// Numbers in single and in double precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ByPrecision<T> {
    /// In single precision.
    pub f32: T,
    /// In double precision.
    pub f64: T,
}

/// The peak of a machine as it was measured when the process began, with as many threads as the run uses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachinePeak {
    /// Operations a second of multiply-adds in registers, all threads together; a multiply-add is two.
    pub operations: ByPrecision<f64>,
    /// Evaluations a second of the activations of the experiment with their derivatives, all threads together; none where
    /// there are no networks.
    pub activations: Option<ByPrecision<f64>>,
    /// Bytes a second that are read and written in `y += a x` beyond the caches, all threads together.
    pub bandwidth: f64,
}

/// A kind of work in a phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfiledWork {
    /// Its name: a [`crate::compute::profile::WorkKind`].
    pub kind: String,
    /// Wall time in seconds, summed over the threads that were in it; at least [`ProfiledWork::processor_seconds`].
    pub wall_seconds: f64,
    /// Processor time in seconds, summed over threads.
    pub processor_seconds: f64,
    /// Share of the time of the phase, its wall time times the threads.
    pub time_share: f64,
    /// Counted operations of products; a multiply-add is two.
    pub operations: ByPrecision<u64>,
    /// Counted evaluations of activations.
    pub activations: ByPrecision<u64>,
    /// Counted bytes of the arrays that calls read and write, each once.
    pub bytes: u64,
    /// The time of the operations at the peak, over the processor time; none where nothing was counted.
    pub share_of_peak: Option<f64>,
    /// The same with the time of the activations at their peak.
    pub share_of_peak_with_activations: Option<f64>,
    /// The time of the bytes at the bandwidth, over the processor time. Above 1 where arrays stay in caches.
    pub share_of_bandwidth: Option<f64>,
}

/// A phase of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfiledPhase {
    /// Its name.
    pub name: String,
    /// Wall time in seconds.
    pub wall_seconds: f64,
    /// Processor time of the process in seconds.
    pub processor_seconds: f64,
    /// Processor time in none of the kinds, in seconds.
    pub other_seconds: f64,
    /// Time of the threads in which none of them ran, in seconds: wall time times threads, less the processor time.
    pub waiting_seconds: f64,
    /// The kinds of work that took time or were counted.
    pub work: Vec<ProfiledWork>,
}

/// `records/profile.json`: the profile of the process that completed or interrupted a run. What an earlier process did, and
/// what was read back, is not in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileRecord {
    /// Whether the process completed the run; otherwise it was interrupted.
    pub complete: bool,
    /// Threads of the run.
    pub threads: usize,
    /// The instruction set.
    pub simd: String,
    /// Name of the processor.
    pub processor: String,
    /// The peak of the machine.
    pub peak: MachinePeak,
    /// The phases, in the order in which they began.
    pub phases: Vec<ProfiledPhase>,
}

impl ProfileRecord {
    /// The profile in the folder of a run.
    ///
    /// # Errors
    /// A record that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, RecordError> {
        folder.read_json(PROFILE)
    }

    /// Writes the profile into the folder of a run.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), RecordError> {
        folder.write_json(PROFILE, self)
    }
}
