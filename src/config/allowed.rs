//! What keys accept: ranges of numbers, and the messages for values outside them.

use super::spelling::{Expects, advice};
use crate::number::plain;
use serde_json::{Value as Json, json};
use std::ops::RangeInclusive;
use toml::Value;

/// The real numbers that a key allows.
#[derive(Clone, Copy)]
pub enum Allowed {
    /// Every finite number.
    Any,
    /// Greater than zero.
    Positive,
    /// Zero or greater.
    NonNegative,
    /// Strictly between two numbers.
    Between(f64, f64),
    /// The interval [0, 1).
    Fraction,
}

/// Least and largest magnitude of real numbers that are not 0: products of a few of them neither overflow nor vanish.
const MAGNITUDES: (f64, f64) = (1e-30, 1e30);

/// Whether a number is 0 or of a magnitude that is accepted.
fn has_magnitude(v: f64) -> bool {
    v == 0.0 || (MAGNITUDES.0..=MAGNITUDES.1).contains(&v.abs())
}

impl Allowed {
    pub(super) fn contains(self, v: f64) -> bool {
        v.is_finite()
            && match self {
                Allowed::Any => has_magnitude(v),
                Allowed::Positive => v > 0.0 && has_magnitude(v),
                Allowed::NonNegative => v >= 0.0 && has_magnitude(v),
                Allowed::Between(low, high) => v > low && v < high,
                Allowed::Fraction => (0.0..1.0).contains(&v),
            }
    }

    /// The JSON schema of these numbers.
    pub(super) fn schema(self) -> Json {
        match self {
            Allowed::Any => json!({ "type": "number", "minimum": -MAGNITUDES.1, "maximum": MAGNITUDES.1 }),
            Allowed::Positive => json!({ "type": "number", "exclusiveMinimum": 0, "maximum": MAGNITUDES.1 }),
            Allowed::NonNegative => json!({ "type": "number", "minimum": 0, "maximum": MAGNITUDES.1 }),
            Allowed::Between(low, high) => {
                json!({ "type": "number", "exclusiveMinimum": low, "exclusiveMaximum": high })
            }
            Allowed::Fraction => json!({ "type": "number", "minimum": 0, "exclusiveMaximum": 1 }),
        }
    }

    pub(super) fn message(self) -> String {
        match self {
            Allowed::Any => "expected a finite number".into(),
            Allowed::Positive => "expected a positive number".into(),
            Allowed::NonNegative => "expected a number that is zero or positive".into(),
            Allowed::Fraction => "expected a number of at least 0 and less than 1".into(),
            Allowed::Between(low, high) => {
                format!("expected a number strictly between {} and {}", plain(low), plain(high))
            }
        }
    }
}

/// Largest whole number of keys without a limit of their own: sums and products of a few of them stay exact, and what is
/// of this size exceeds the memory of every machine.
pub const MAX_COUNT: usize = 1_000_000_000_000;

/// The JSON schema of the whole numbers of a range.
pub(super) fn whole_schema(range: &RangeInclusive<usize>) -> Json {
    json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() })
}

/// The JSON schema of a list of at least `least` values.
pub(super) fn list_schema(items: Json, least: usize) -> Json {
    json!({ "type": "array", "items": items, "minItems": least })
}

/// What a key accepts, for messages and for the JSON schema.
pub(super) struct Expected {
    /// The message for a missing key.
    pub message: String,
    /// The type, for advice on spelling.
    pub kind: Expects,
    /// The whole numbers that are accepted.
    pub range: Option<RangeInclusive<usize>>,
    /// The JSON schema of what is accepted.
    pub schema: Json,
}

impl Expected {
    pub fn new(kind: Expects, message: impl Into<String>) -> Self {
        let schema = match kind {
            Expects::Number => json!({ "type": "number" }),
            Expects::Whole => json!({ "type": "integer" }),
            Expects::Flag => json!({ "type": "boolean" }),
            Expects::Text => json!({ "type": "string" }),
            Expects::List => json!({ "type": "array" }),
        };
        Expected { message: message.into(), kind, range: None, schema }
    }

    /// The same with another JSON schema.
    pub fn with_schema(self, schema: Json) -> Self {
        Expected { schema, ..self }
    }

    /// A whole number; where it has no other, `MAX_COUNT` is stated as the limit only for numbers above it.
    pub fn whole(range: &RangeInclusive<usize>, message: impl FnOnce(String) -> String) -> Self {
        let least = format!("whole number of at least {}", range.start());
        let (kind, schema) = (Expects::Whole, whole_schema(range));
        Expected { message: message(least), kind, range: Some(range.clone()), schema }
    }

    /// The message for a value that is not accepted.
    pub fn explain(&self, value: &Value) -> String {
        let too_large = |value: &Value| match (value, &self.range) {
            (Value::Integer(number), Some(range)) => usize::try_from(*number).is_ok_and(|n| n > *range.end()),
            // A whole number beyond 64 bits is no TOML.
            (Value::String(text), Some(_)) => text.len() > 18 && text.bytes().all(|byte| byte.is_ascii_digit()),
            (Value::Float(number), Some(range)) => number.fract() == 0.0 && *number > *range.end() as f64,
            _ => false,
        };
        let any = value.as_array().map_or_else(|| too_large(value), |items| items.iter().any(too_large));
        let beyond = |value: &Value| value.as_float().is_some_and(|v| v.is_finite() && !has_magnitude(v));
        match &self.range {
            None if value.as_array().map_or_else(|| beyond(value), |items| items.iter().any(beyond)) => format!(
                "{}, of magnitude {:e} to {:e} if it is not 0: products of others overflow or vanish",
                self.message, MAGNITUDES.0, MAGNITUDES.1
            ),
            Some(range) if any => {
                let (least, most) = (range.start(), range.end());
                let each = if value.is_array() { "in the list, " } else { "" };
                format!(
                    "expected {each}a whole number from {least} to {most}: what is larger would never end or not fit"
                )
            }
            _ => format!("{}{}", self.message, advice(value, self.kind)),
        }
    }
}
