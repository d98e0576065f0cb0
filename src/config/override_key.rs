//! Keys of the experiment that are replaced or removed from the command line, such as `--set dynamics.step=0.01` and
//! `--unset paths`.

use super::error::{ConfigError, OverrideError};
use std::str::FromStr;
use toml::{Table, Value};

/// Most parts of a key; experiments have keys of up to five.
const MAX_PARTS: usize = 16;

/// Most characters of an override that a message repeats.
const MAX_SHOWN: usize = 200;

/// A key of the experiment with its new value, or a key or table that is removed.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// The parts of the dotted key; a number indexes a list.
    pub key: Vec<String>,
    /// The new value; `None` removes the key, or the table with all its keys.
    pub value: Option<Value>,
    /// The value as it was typed; empty for a key that is removed.
    pub(super) typed: String,
    text: String,
}

/// The parts of a dotted key.
fn parts(key: &str) -> Result<Vec<String>, OverrideError> {
    let parts = key.split('.').count();
    if parts > MAX_PARTS {
        return Err(OverrideError::TooManyParts { parts, most: MAX_PARTS });
    }
    let key: Vec<String> = key.trim().split('.').map(|part| part.trim().to_string()).collect();
    if key.iter().any(String::is_empty) { Err(OverrideError::EmptyPart) } else { Ok(key) }
}

/// The start of an override, as messages repeat it.
fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into(),
    }
}

impl FromStr for Override {
    type Err = ConfigError;

    /// Parses KEY=VALUE. The value is TOML; an unquoted word that is not TOML is taken as text, so that
    /// `--set population.kind=digits` needs no nested quotes.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let shown = format!("--set {}", shown(text));
        let refused = |source| ConfigError::Override { text: shown.clone(), source };
        let (key, value) = text.split_once('=').ok_or_else(|| refused(OverrideError::NoValue))?;
        let key = parts(key).map_err(refused)?;
        let typed = value.trim();
        if typed.contains(['\n', '\r']) {
            return Err(refused(OverrideError::SeveralLines));
        }
        let parsed = typed.parse::<Value>().map_err(|error| error.message().to_string());
        let value = match (parsed, typed.chars().next()) {
            (Ok(value), _) => value,
            (Err(reason), Some(first @ ('[' | '{' | '"' | '\''))) => {
                let example = match first {
                    '[' => "[64, 256] or [\"a\", \"b\"]",
                    '{' => "{law=\"gaussian\", std=0.5}",
                    _ => "\"text\"",
                };
                return Err(refused(OverrideError::Value { reason, example }));
            }
            (Err(_), _) => Value::String(typed.to_string()),
        };
        Ok(Override { key, value: Some(value), typed: typed.to_string(), text: shown })
    }
}

impl Override {
    /// Removes a key, or a table with all its keys, such as `dynamics.friction` or `paths`.
    ///
    /// # Errors
    /// A key with an empty part or a value.
    pub fn removal(key: &str) -> Result<Self, ConfigError> {
        let text = format!("--unset {}", shown(key));
        let refused = |source| ConfigError::Override { text: text.clone(), source };
        if key.contains('=') {
            return Err(refused(OverrideError::RemovedValue));
        }
        let key = parts(key).map_err(refused)?;
        Ok(Override { key, value: None, typed: String::new(), text })
    }

    /// A dotted key of the file itself with a value for it.
    pub(super) fn of_file(key: &str, value: Value) -> Self {
        let typed = value.to_string();
        let text = format!("vary: {key} = {typed}");
        Override { key: key.split('.').map(String::from).collect(), value: Some(value), typed, text }
    }

    /// The same value at the key without its first `parts` parts.
    pub(super) fn without_first(&self, parts: usize) -> Self {
        Override { key: self.key[parts..].to_vec(), ..self.clone() }
    }

    /// The dotted key.
    pub(super) fn name(&self) -> String {
        self.key.join(".")
    }

    /// Writes the value into the table, creating missing tables; or removes what must be there.
    pub(super) fn apply(&self, table: &mut Table) -> Result<(), ConfigError> {
        self.try_apply(table).map_err(|source| ConfigError::Override { text: self.text.clone(), source })
    }

    fn try_apply(&self, table: &mut Table) -> Result<(), OverrideError> {
        let (last, path) = self.key.split_last().expect("an override has a key");
        let (mut at, mut next) = (table, 0);
        while let Some(part) = path.get(next) {
            next += 1;
            let index = |next: usize| self.key[next].parse::<usize>().ok();
            if !at.contains_key(part) {
                if self.value.is_none() {
                    return Err(self.missing());
                }
                if index(next).is_some() {
                    return Err(OverrideError::NoSuchList { list: part.clone(), entry: self.key[next].clone() });
                }
            }
            let mut entry = at.entry(part.clone()).or_insert_with(|| Value::Table(Table::new()));
            while let Value::Array(items) = entry {
                let (length, tables) = (items.len(), items.first().is_some_and(Value::is_table));
                let Some(index) = index(next).filter(|&index| index < length) else {
                    return Err(OverrideError::NotAnEntry { list: self.key[next - 1].clone(), length, tables });
                };
                if next == path.len() {
                    match &self.value {
                        Some(value) => items[index] = value.clone(),
                        None => _ = items.remove(index),
                    }
                    return Ok(());
                }
                entry = &mut items[index];
                next += 1;
            }
            at = match entry {
                Value::Table(table) => table,
                _ => return Err(OverrideError::NotATable { key: self.key[next - 1].clone() }),
            };
        }
        match &self.value {
            Some(value) => _ = at.insert(last.clone(), value.clone()),
            None => _ = at.remove(last).ok_or_else(|| self.missing())?,
        }
        Ok(())
    }

    /// The same error of the whole override.
    pub(super) fn nothing_to_remove(&self) -> ConfigError {
        ConfigError::Override { text: self.text.clone(), source: self.missing() }
    }

    /// The error of a key that is to be removed and is not there.
    fn missing(&self) -> OverrideError {
        OverrideError::NothingToRemove { key: self.name() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(file: &str, set: &str) -> Result<Table, String> {
        let mut table: Table = file.parse().unwrap();
        set.parse::<Override>().and_then(|entry| entry.apply(&mut table)).map_err(|error| error.to_string())?;
        Ok(table)
    }

    #[test]
    fn entries_of_lists() {
        let same = |file: &str, set: &str, expected: &str| {
            assert_eq!(applied(file, set), Ok(expected.parse().unwrap()), "{set}");
        };
        same("[w]\nv = [16, 64]", "w.v.0=32", "[w]\nv = [32, 64]");
        same("v = [[1, 2], [3]]", "v.0.1=5", "v = [[1, 5], [3]]");
        same("[[s]]\na = 1\n[[s]]\na = 2", "s.1.a=3", "[[s]]\na = 1\n[[s]]\na = 3");
        same("[[s]]\na = 1", "s.0={b=2}", "[[s]]\nb = 2");
        same("[[s]]\na = [1, 2]", "s.0.a.1=7", "[[s]]\na = [1, 7]");
        same("[[s]]\na = 1", "s.0.b.c=2", "[[s]]\na = 1\nb = {c = 2}");
        for (file, set, words) in [
            ("v = [1, 2]", "v.2=3", "'v' is a list of 2 entries; name one as v.0 to v.1"),
            ("v = [1, 2]", "v.x=3", "'v' is a list of 2 entries"),
            ("v = []", "v.0=3", "'v' is an empty list"),
            ("v = [1, 2]", "v.0.1=3", "'0' is a value, not a table"),
            ("[[s]]\na = 1", "s.a=3", "'s' is a list of 1 tables; name one as s.0.KEY"),
            ("a = 1", "v.0=3", "there is no list 'v' with an entry 0"),
        ] {
            let message = applied(file, set).unwrap_err();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn keys_and_tables_are_removed() {
        let removed = |file: &str, key: &str| -> Result<Table, String> {
            let mut table: Table = file.parse().unwrap();
            let applied = Override::removal(key).and_then(|entry| entry.apply(&mut table));
            applied.map(|()| table).map_err(|error| error.to_string())
        };
        for (file, key, left) in [
            ("a = 1\n[t]\nb = 2\nc = 3", "t.b", "a = 1\n[t]\nc = 3"),
            ("a = 1\n[t]\nb = 2\n[t.u]\nc = 3", "t", "a = 1"),
            ("[[s]]\na = 1\n[[s]]\na = 2", "s.0", "[[s]]\na = 2"),
            ("[[s]]\na = 1\nb = 2", "s.0.b", "[[s]]\na = 1"),
            ("v = [1, 2, 3]", "v.1", "v = [1, 3]"),
        ] {
            assert_eq!(removed(file, key), Ok(left.parse().unwrap()), "{key}");
        }
        for (file, key, words) in [
            ("a = 1", "b", "--unset b: the experiment has no key or table 'b'"),
            ("a = 1", "t.b", "no key or table 't.b'"),
            ("a = 1", "a.b", "'a' is a value, not a table"),
            ("v = [1]", "v.1", "'v' is a list of 1 entries"),
            ("a = 1", "a=1", "expected a key alone"),
            ("a = 1", "a..b", "empty part"),
        ] {
            let message = removed(file, key).unwrap_err();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn what_is_no_single_value_is_refused() {
        let refused = |text: &str| text.parse::<Override>().unwrap_err().to_string();
        for text in ["a=1\nb=2", "a=[1,\n2]", "a=\"x\"\r\nb=1"] {
            assert!(refused(text).contains("more than one line"), "{text:?}");
        }
        assert!(refused(&format!("{}a=1", "a.".repeat(50_000))).contains("50001 parts"));
        assert!(refused(&format!("{}a=1", "a.".repeat(50_000))).len() < 1000);
        assert!(refused(&format!("a={}", "[".repeat(100_000))).contains("not valid TOML"));
        assert!(refused("a=[1, 2] # two").contains("not valid TOML: "));
        assert!(refused("a={law=gaussian}").contains("such as {law=\"gaussian\", std=0.5}"));
        // What follows a number makes it a word, which no key of numbers accepts.
        assert_eq!("a=0.1 # small".parse::<Override>().unwrap().value, Some(Value::from("0.1 # small")));
        assert_eq!("a= 0.1 ".parse::<Override>().unwrap().value, Some(Value::from(0.1)));
    }
}
