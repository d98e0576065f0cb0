//! Floats through JSON, which has no NaN and no infinity: NaN is null, the infinities are strings. For serde's `with`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Finite(f64),
    Infinite(String),
    Null(()),
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        if value.is_nan() {
            Self::Null(())
        } else if value.is_infinite() {
            Self::Infinite(if value > 0.0 { "inf" } else { "-inf" }.to_owned())
        } else {
            Self::Finite(value)
        }
    }
}

impl Number {
    fn value<E: de::Error>(self) -> Result<f64, E> {
        match self {
            Self::Finite(value) => Ok(value),
            Self::Null(()) => Ok(f64::NAN),
            Self::Infinite(text) => match text.as_str() {
                "inf" => Ok(f64::INFINITY),
                "-inf" => Ok(f64::NEG_INFINITY),
                _ => Err(E::invalid_value(de::Unexpected::Str(&text), &"a number, null, \"inf\" or \"-inf\"")),
            },
        }
    }
}

pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    Number::from(*value).serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Number::deserialize(deserializer)?.value()
}

/// The same for both ends of an optional interval.
pub mod interval {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<(f64, f64)>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(|(low, high)| (Number::from(low), Number::from(high))).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<(f64, f64)>, D::Error> {
        let ends = Option::<(Number, Number)>::deserialize(deserializer)?;
        ends.map(|(low, high)| Ok((low.value()?, high.value()?))).transpose()
    }
}

/// The same for every entry of a list.
pub mod list {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer};

    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        values.iter().map(|&v| Number::from(v)).collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        Vec::<Number>::deserialize(deserializer)?.into_iter().map(Number::value).collect()
    }
}
