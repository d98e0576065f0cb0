//! What the pruning of a network reports.

use serde::{Deserialize, Serialize};

/// The pruning of a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// The round, from 0.
    pub round: usize,
    /// The layer.
    pub layer: String,
    /// Outputs.
    pub rows: usize,
    /// Inputs.
    pub inputs: usize,
    /// Zeros of the weight as it is stored.
    pub zeros: usize,
    /// The mean squared change of the outputs on the calibration data, `tr((W - W0) H (W - W0)^T)`.
    pub loss: f64,
    /// The same over the mean square of the outputs.
    pub relative_loss: f64,
    /// The mean square of the outputs on the calibration data, before pruning.
    pub outputs_square: f64,
    /// The damping over the mean diagonal of H.
    pub damping: f64,
    /// Whether the damping had to be raised for the factorisation.
    pub damping_raised: bool,
    /// Inputs that are zero on the calibration data.
    pub dead_inputs: usize,
    /// Tokens of the calibration data.
    pub tokens: usize,
    /// The condition number of the damped H in the 1-norm.
    pub condition: f64,
    /// Seconds for this layer, without the forward passes.
    pub seconds: f64,
}

/// The pruning of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PruneRecord {
    /// Every layer in every round.
    pub layers: Vec<LayerRecord>,
    /// Linear layers of the blocks that were not pruned.
    pub excluded: Vec<String>,
    /// Zeros over the entries of all linear layers of the blocks, the excluded ones included.
    pub sparsity: f64,
    /// Zeros over all parameters of the model, embeddings included.
    pub model_sparsity: f64,
    /// What a reader should know before trusting the result.
    pub warnings: Vec<String>,
    /// Seconds of the whole.
    pub seconds: f64,
}

impl PruneRecord {
    /// The relative loss of the last round over all layers: the sum of their losses over that of the mean squares of their
    /// outputs; 0 where all outputs are 0.
    pub fn relative_loss(&self) -> f64 {
        let sum = |of: fn(&LayerRecord) -> f64| self.last_round().map(of).sum::<f64>();
        let outputs = sum(|layer| layer.outputs_square);
        if outputs > 0.0 { sum(|layer| layer.loss) / outputs } else { 0.0 }
    }

    /// The layers in the last round.
    pub fn last_round(&self) -> impl Iterator<Item = &LayerRecord> {
        let last = self.layers.iter().map(|layer| layer.round).max().unwrap_or(0);
        self.layers.iter().filter(move |layer| layer.round == last)
    }
}
