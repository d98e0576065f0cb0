//! Serialisation of floating-point numbers in JSON, which has neither NaN nor infinities: NaN is written as null,
//! infinities as the strings "inf" and "-inf".
//!
//! The modules are for the attribute `with` of serde: `number` for an `f64`, [`list`] for a `Vec<f64>`, [`interval`]
//! for an `Option<(f64, f64)>`. Numbers in strings are also read.

pub mod text;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

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

/// The two ends of an optional interval.
pub mod interval {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer};

    /// Writes the numbers.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &Option<(f64, f64)>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(|(low, high)| (Number::from(low), Number::from(high))).serialize(serializer)
    }

    /// Reads the numbers.
    ///
    /// # Errors
    /// If a value is not a number, null, or a number in a string.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<(f64, f64)>, D::Error> {
        let ends = Option::<(Number, Number)>::deserialize(deserializer)?;
        ends.map(|(low, high)| Ok((low.value()?, high.value()?))).transpose()
    }
}

/// The entries of a list.
pub mod list {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer};

    /// Writes the numbers.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        values.iter().map(|&v| Number::from(v)).collect::<Vec<_>>().serialize(serializer)
    }

    /// Reads the numbers.
    ///
    /// # Errors
    /// If a value is not a number, null, or a number in a string.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        Vec::<Number>::deserialize(deserializer)?.into_iter().map(Number::value).collect()
    }
}
