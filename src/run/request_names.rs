//! How messages name what was asked of a pruning: by the keys of an experiment, or by the options of the command.

use std::fmt::Display;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestNames {
    /// An experiment file, with its keys.
    Experiment,
    /// The command `widelimit prune`, with its options.
    Command,
}

/// A value that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKey {
    /// Samples of a batch of calibration data.
    Samples,
    /// Held-out samples, which the command takes as they are.
    HeldOutSamples,
    /// Labels of calibration samples.
    CalibrationLabels,
    /// Samples of a batch of a round.
    RoundBatch,
    /// Samples of a step of training.
    TrainingBatch,
    /// The first rate of training.
    TrainingRate,
}

impl RequestNames {
    /// The name of a value.
    pub fn name(self, key: RequestKey) -> &'static str {
        match (self, key) {
            (RequestNames::Experiment, RequestKey::Samples) => "calibration.samples",
            (RequestNames::Experiment, RequestKey::HeldOutSamples) => "held_out.samples",
            (RequestNames::Experiment, RequestKey::CalibrationLabels) => "calibration.labels",
            (RequestNames::Experiment, RequestKey::RoundBatch) => "rounds.batch",
            (RequestNames::Experiment, RequestKey::TrainingBatch) => "rounds.adam.batch",
            (RequestNames::Experiment, RequestKey::TrainingRate) => "rounds.adam.rate",
            (RequestNames::Command, RequestKey::Samples | RequestKey::RoundBatch) => "--samples",
            (RequestNames::Command, RequestKey::HeldOutSamples) => "--held-out",
            (RequestNames::Command, RequestKey::CalibrationLabels) => "--calibration-labels",
            (RequestNames::Command, RequestKey::TrainingBatch) => "--adam-batch",
            (RequestNames::Command, RequestKey::TrainingRate) => "--adam-rate",
        }
    }

    /// The name of a value, and the value.
    pub fn with_value(self, key: RequestKey, value: impl Display) -> String {
        match self {
            RequestNames::Experiment => format!("{} = {value}", self.name(key)),
            RequestNames::Command => format!("{} {value}", self.name(key)),
        }
    }
}

/// The option of the command behind a key of its request, as records name it; the key itself where there is none.
pub fn option_of(key: &str) -> String {
    let option = match key {
        "model" | "model.kind" | "model.name" | "model.path" => "MODEL",
        "calibration.samples" => "--samples",
        "calibration.length" | "held_out.length" => "--length",
        "calibration.labels" => "--calibration-labels",
        "held_out.labels" => "--labels",
        "pruning.damping" => "--damping",
        "pruning.iterations" => "--iterations",
        "pruning.within_block" => "--within-block",
        "sparsity" => "--sparsity",
        "measured" => "--measured",
        "precision" => "--precision",
        "seed" => "--seed",
        "rounds" => "--rounds",
        "batches" => "--batches",
        _ if key.starts_with("pruning.methods") => "--method",
        _ if key.starts_with("pruning.include") => "--include",
        _ if key.starts_with("pruning.exclude") => "--exclude",
        _ if key.starts_with("calibration") => "--calibrate",
        _ if key.starts_with("held_out") => "--held-out",
        "adam" | "adam.steps" => "--adam-steps",
        "adam.rate" => "--adam-rate",
        "adam.batch" => "--adam-batch",
        _ => key,
    };
    option.into()
}
