//! Keys of the experiment that are replaced from the command line, such as `--set dynamics.step=0.01`.

use super::error::{ConfigError, OverrideError};
use std::str::FromStr;
use toml::{Table, Value};

/// A key of the experiment with its new value.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// The parts of the dotted key; a number indexes an array of tables.
    pub key: Vec<String>,
    /// The new value.
    pub value: Value,
    text: String,
}

impl FromStr for Override {
    type Err = ConfigError;

    /// Parses KEY=VALUE. The value is TOML; an unquoted word that is not TOML is taken as text, so that
    /// `--set population.kind=digits` needs no nested quotes.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let refused = |source| ConfigError::Override { text: text.into(), source };
        let (key, value) = text.split_once('=').ok_or_else(|| refused(OverrideError::NoValue))?;
        let key: Vec<String> = key.trim().split('.').map(|part| part.trim().to_string()).collect();
        if key.iter().any(String::is_empty) {
            return Err(refused(OverrideError::EmptyPart));
        }
        let value = value.trim();
        let parsed = format!("value = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
        let value = match parsed {
            Some(value) => value,
            None if value.starts_with(['[', '{', '"', '\'']) => return Err(refused(OverrideError::Value)),
            None => Value::String(value.to_string()),
        };
        Ok(Override { key, value, text: text.to_string() })
    }
}

impl Override {
    /// Writes the value into the table, creating missing tables.
    pub(super) fn apply(&self, table: &mut Table) -> Result<(), ConfigError> {
        let refused = |source| ConfigError::Override { text: self.text.clone(), source };
        let (last, path) = self.key.split_last().expect("an override has a key");
        let mut at = table;
        let mut rest = path.iter();
        while let Some(part) = rest.next() {
            let following = rest.as_slice().first().unwrap_or(last);
            if !at.contains_key(part) && following.parse::<usize>().is_ok() {
                return Err(refused(OverrideError::NoSuchList { list: part.clone(), entry: following.clone() }));
            }
            let entry = at.entry(part.clone()).or_insert_with(|| Value::Table(Table::new()));
            at = match entry {
                Value::Table(table) => table,
                Value::Array(array) => {
                    let length = array.len();
                    let index = rest.next().and_then(|index| index.parse::<usize>().ok());
                    match index.and_then(|index| array.get_mut(index)) {
                        Some(Value::Table(table)) => table,
                        _ => {
                            return Err(refused(OverrideError::NotAnEntry { list: part.clone(), length }));
                        }
                    }
                }
                _ => return Err(refused(OverrideError::NotATable { key: part.clone() })),
            };
        }
        at.insert(last.clone(), self.value.clone());
        Ok(())
    }
}
