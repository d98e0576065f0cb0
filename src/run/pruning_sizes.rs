//! The sizes that determine the memory of a study of pruning, and what it takes.

use crate::config::PruningExperiment;

/// Sizes that determine the memory of a study of pruning.
#[derive(Clone, Copy)]
pub struct PruningSizes<'a> {
    /// The experiment.
    pub experiment: &'a PruningExperiment,
    /// Samples of a batch of calibration data.
    pub batch: usize,
    /// Held-out samples.
    pub held_out: usize,
    /// Layers that are pruned.
    pub layers: usize,
}

/// Bytes of a study at one time.
#[derive(Clone, Debug, Default)]
pub struct PruningStudyMemory {
    /// Most calibration samples that pass through the network.
    pub samples: usize,
    /// Of its results.
    pub records: f64,
    /// Of its largest figure while it is drawn.
    pub figure: f64,
    /// Samples of a step of training; 0 without training.
    pub training_batch: usize,
}
