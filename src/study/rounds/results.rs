//! The result of a round.

use crate::prune::network::PruneRecord;
use serde::{Deserialize, Serialize};

/// The result of a round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RoundResult {
    /// What was done to the layers.
    pub record: PruneRecord,
    /// Zeros that the written layers lack.
    pub missing_zeros: usize,
    /// The cross entropy of every held-out sample.
    pub losses: Vec<f64>,
    /// The accuracy, of classifiers.
    pub accuracy: Option<f64>,
    /// The loss of every step of training after the round.
    #[serde(default)]
    pub training_losses: Vec<f64>,
}
