//! Text of floating-point numbers ([`plain`]), and numbers in JSON, which has neither NaN nor infinities: NaN is written as null, infinities as the texts
//! "inf" and "-inf". Where null means an absent value, in an option, NaN is written as "nan".
//!
//! All records and checkpoints are written by [`to_json`] and read by [`from_json`], which apply this to every number
//! of every type. The functions [`serialize`] and [`deserialize`], for the attribute `with` of serde, are needed only in
//! types that serde reads into a buffer first (attributes `tag`, `untagged` and `flatten`): what is expected there is
//! not known when a value is read.

mod read;
pub mod text;
mod write;

pub use read::{from_json, from_json_value};
pub use write::{to_json, to_json_line};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number for messages and names of files: in digits where it needs few, otherwise with an exponent, such as `1e-300`.
pub fn plain(value: f64) -> String {
    let in_digits = value == 0.0 || (1e-5..1e15).contains(&value.abs());
    if in_digits { value.to_string() } else { format!("{value:e}") }
}

/// The representation of a number in JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Finite(f64),
    Text(String),
    Null(()),
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        if value.is_nan() {
            Self::Null(())
        } else if value.is_infinite() {
            Self::Text(if value > 0.0 { "inf" } else { "-inf" }.to_owned())
        } else {
            Self::Finite(value)
        }
    }
}

impl Number {
    /// The number.
    ///
    /// # Errors
    /// For a string that is not a number.
    fn value<E: de::Error>(self) -> Result<f64, E> {
        match self {
            Self::Finite(value) => Ok(value),
            Self::Null(()) => Ok(f64::NAN),
            Self::Text(text) => text
                .parse()
                .map_err(|_| E::invalid_value(de::Unexpected::Str(&text), &"a number, null, \"inf\" or \"-inf\"")),
        }
    }
}

/// Writes one number.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Number::from(*value).serialize(serializer)
}

/// Reads one number.
///
/// # Errors
/// If the value is not a number, null, or a number in a string.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Number::deserialize(deserializer)?.value()
}

#[cfg(test)]
mod tests;
