//! What the files of the families have in common.

use super::super::super::error::PruneError;
use super::super::architecture::{Architecture, LinearSpec, NormSpec};
use super::super::config::ModelConfig;
use super::super::elementwise::ActivationKind;

/// A family of models.
pub(super) struct ModelFamily {
    /// The value of `model_type`.
    pub name: &'static str,
    /// The accepted values of `architectures`.
    pub architectures: &'static [&'static str],
    /// What a configuration describes.
    pub describe: fn(&ModelConfig<'_>) -> Result<Architecture, PruneError>,
    /// Whether a tensor, though not read, may be there: buffers, and heads of other tasks.
    pub unused: fn(&str) -> bool,
}

/// A linear layer whose weight is (outputs, inputs).
pub(super) fn linear(name: String, inputs: usize, outputs: usize, bias: bool) -> LinearSpec {
    LinearSpec { name, inputs, outputs, bias, transposed: false }
}

/// A layer norm.
pub(super) fn layer_norm(name: String, epsilon: f64) -> NormSpec {
    NormSpec { name, centred: true, epsilon }
}

/// The activation that a configuration names.
pub(super) fn activation(
    config: &ModelConfig<'_>,
    key: &str,
    default: &'static str,
) -> Result<ActivationKind, PruneError> {
    ActivationKind::of(config.text_or(key, default)?)
        .ok_or_else(|| config.wrong(key, format!("one of {}", ActivationKind::NAMES)))
}

/// The number of heads with its key.
pub(super) fn heads(config: &ModelConfig<'_>, key: &'static str) -> Result<(&'static str, usize), PruneError> {
    Ok((key, config.size(key)?))
}
