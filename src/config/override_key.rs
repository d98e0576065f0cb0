//! `--set dynamics.step=0.01`: one key of the experiment replaced from the command line.

use super::ConfigError;
use std::str::FromStr;
use toml::{Table, Value};

/// A replaced key.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// The dotted key, split; a number indexes an array of tables.
    pub key: Vec<String>,
    /// The new value.
    pub value: Value,
    text: String,
}

impl FromStr for Override {
    type Err = ConfigError;

    /// Parses KEY=VALUE. The value is TOML; a bare word that is not TOML is taken as text, so that
    /// `--set population.kind=digits` needs no quotes within quotes.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = |want: &str| ConfigError::Override { text: text.into(), want: want.into() };
        let (key, value) =
            text.split_once('=').ok_or_else(|| wrong("expected KEY=VALUE, such as dynamics.step=0.01"))?;
        let key: Vec<String> = key.trim().split('.').map(|part| part.trim().to_string()).collect();
        if key.iter().any(String::is_empty) {
            return Err(wrong("the key has an empty part; expected something like dynamics.step"));
        }
        let value = value.trim();
        let parsed = format!("value = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
        let value = match parsed {
            Some(value) => value,
            None if value.starts_with(['[', '{', '"', '\'']) => return Err(wrong("the value is not valid TOML")),
            None => Value::String(value.to_string()),
        };
        Ok(Override { key, value, text: text.to_string() })
    }
}

impl Override {
    /// Writes the value into the table, making tables on the way.
    pub(super) fn apply(&self, table: &mut Table) -> Result<(), ConfigError> {
        let wrong = |want: String| ConfigError::Override { text: self.text.clone(), want };
        let (last, path) = self.key.split_last().expect("an override has a key");
        let mut at = table;
        let mut rest = path.iter();
        while let Some(part) = rest.next() {
            let following = rest.as_slice().first().unwrap_or(last);
            if !at.contains_key(part) && following.parse::<usize>().is_ok() {
                return Err(wrong(format!("there is no list '{part}' whose entry {following} could be changed")));
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
                            return Err(wrong(format!(
                                "'{part}' is a list of {length} tables; name one as {part}.0.KEY"
                            )));
                        }
                    }
                }
                _ => return Err(wrong(format!("'{part}' is a value, not a table"))),
            };
        }
        at.insert(last.clone(), self.value.clone());
        Ok(())
    }
}
