//! Values of TOML as values of an experiment.

use crate::prune::layer::Sparsity;
use serde_json::{Value as Json, json};
use toml::Value;

/// A number, with or without a fraction.
pub(super) fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Float(v) => Some(*v),
        Value::Integer(v) => Some(*v as f64),
        _ => None,
    }
}

/// A whole number of at least 0.
pub(super) fn count(value: &Value) -> Option<usize> {
    value.as_integer().and_then(|v| usize::try_from(v).ok())
}

/// A fraction as a number, a pattern as text.
pub(super) fn sparsity(value: &Value) -> Option<Sparsity> {
    match value {
        Value::String(text) => text.contains(':').then(|| text.parse().ok()).flatten(),
        value => real(value).map(Sparsity::Fraction).filter(|sparsity| sparsity.check().is_ok()),
    }
}

/// The schema of a fraction of zeros or a pattern.
pub(super) fn sparsity_schema() -> Json {
    json!({ "anyOf": [{ "type": "number", "minimum": 0, "exclusiveMaximum": 1 }, { "type": "string", "pattern": ":" }] })
}
