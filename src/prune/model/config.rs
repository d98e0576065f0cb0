//! Typed reading of a model's configuration.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use serde_json::Value;

/// Largest size that a configuration may state.
const MAX_SIZE: u64 = 1 << 31;

/// The configuration of a model. Errors name the file, the key, the value and what would be right.
pub struct ModelConfig<'a> {
    checkpoint: &'a ModelFolder,
}

impl<'a> ModelConfig<'a> {
    /// The configuration of a model.
    pub fn of(checkpoint: &'a ModelFolder) -> Self {
        ModelConfig { checkpoint }
    }

    /// The value of a key; none for `null`.
    fn value(&self, key: &str) -> Option<&'a Value> {
        self.checkpoint.config().get(key).filter(|value| !value.is_null())
    }

    /// Whether a key has a value.
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The error for the value of a key.
    pub fn wrong(&self, key: &str, expected: impl Into<String>) -> PruneError {
        PruneError::Config {
            path: self.checkpoint.config_path(),
            key: key.into(),
            found: self.value(key).map_or("nothing".into(), Value::to_string),
            expected: expected.into(),
        }
    }

    /// A size: a positive whole number.
    ///
    /// # Errors
    /// No such key, another value.
    pub fn size(&self, key: &str) -> Result<usize, PruneError> {
        let size = self.value(key).and_then(Value::as_u64).filter(|size| (1..=MAX_SIZE).contains(size));
        size.map(|size| size as usize).ok_or_else(|| self.wrong(key, "a positive whole number"))
    }

    /// A size, or `default` where the key is missing.
    ///
    /// # Errors
    /// A value that is no size.
    pub fn size_or(&self, key: &str, default: usize) -> Result<usize, PruneError> {
        if self.has(key) { self.size(key) } else { Ok(default) }
    }

    /// A positive number, or `default` where the key is missing.
    ///
    /// # Errors
    /// Another value.
    pub fn positive_or(&self, key: &str, default: f64) -> Result<f64, PruneError> {
        let Some(value) = self.value(key) else { return Ok(default) };
        let number = value.as_f64().filter(|number| *number > 0.0 && number.is_finite());
        number.ok_or_else(|| self.wrong(key, "a positive number"))
    }

    /// A truth value, or `default` where the key is missing.
    ///
    /// # Errors
    /// Another value.
    pub fn flag_or(&self, key: &str, default: bool) -> Result<bool, PruneError> {
        let Some(value) = self.value(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.wrong(key, "true or false"))
    }

    /// A text, or `default` where the key is missing.
    ///
    /// # Errors
    /// Another value.
    pub fn text_or(&self, key: &str, default: &'a str) -> Result<&'a str, PruneError> {
        let Some(value) = self.value(key) else { return Ok(default) };
        value.as_str().ok_or_else(|| self.wrong(key, "a text"))
    }

    /// An entry of a nested table, if both are there.
    pub fn nested(&self, table: &str, key: &str) -> Option<&'a Value> {
        self.value(table).and_then(|table| table.get(key)).filter(|value| !value.is_null())
    }

    /// An error unless `key` has one of the values `known`, or is missing and `default` is one of them.
    ///
    /// # Errors
    /// Another value.
    pub fn require(&self, key: &str, known: bool, default: bool) -> Result<(), PruneError> {
        if self.flag_or(key, default)? == known { Ok(()) } else { Err(self.wrong(key, known.to_string())) }
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> &'a ModelFolder {
        self.checkpoint
    }
}
