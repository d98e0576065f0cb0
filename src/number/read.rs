//! Reading JSON with numbers that are not finite.

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};
use serde_json::{Error, Value};

/// The value of a JSON text that [`super::to_json`] wrote: wherever a number is expected, null, `"nan"`, `"inf"` and
/// `"-inf"` are read too.
///
/// # Errors
/// A text that is not JSON, or not that of a `T`.
pub fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    from_json_value(serde_json::from_str(text)?)
}

/// [`from_json`] of a text that has been parsed.
///
/// # Errors
/// JSON that is not that of a `T`.
pub fn from_json_value<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(ExactValue(value))
}

/// A deserializer of JSON that reads null and texts where a number is expected.
struct ExactValue(Value);

impl ExactValue {
    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0 {
            Value::Null => visitor.visit_f64(f64::NAN),
            Value::String(text) => match text.parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(Error::invalid_value(Unexpected::Str(text), &"a number, null, \"inf\" or \"-inf\"")),
            },
            _ => self.deserialize_any(visitor),
        }
    }
}

impl<'de> Deserializer<'de> for ExactValue {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => number.deserialize_any(visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.into_iter().map(ExactValue));
                let value = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(value)
            }
            Value::Object(entries) => {
                let mut entries =
                    MapDeserializer::new(entries.into_iter().map(|(key, value)| (key, ExactValue(value))));
                let value = visitor.visit_map(&mut entries)?;
                entries.end()?;
                Ok(value)
            }
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.number(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.number(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(variant.into_deserializer()),
            Value::Object(entries) if entries.len() != 1 => {
                Err(Error::invalid_value(Unexpected::Map, &"a map with the name of a variant as its one key"))
            }
            Value::Object(entries) => {
                let entries = MapDeserializer::new(entries.into_iter().map(|(key, value)| (key, ExactValue(value))));
                MapAccessDeserializer::new(entries).deserialize_enum(name, variants, visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for ExactValue {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
