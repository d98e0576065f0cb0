//! What the readers of experiment files accept, as they describe it while they read.

use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What is read at a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum KeyForm {
    /// A value.
    Value {
        /// Its JSON schema.
        schema: Json,
        /// The message for a missing key; may be empty.
        expected: String,
    },
    /// A table.
    Table,
    /// A list of tables.
    Tables,
    /// A value that is read in a situation that was not met.
    Elsewhere,
}

/// A key of a table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    /// Its name.
    pub name: String,
    /// What is read at it, each form once.
    pub forms: Vec<KeyForm>,
    /// Whether it is missed where it is absent.
    pub required: bool,
}

/// The keys of every table, by path, in the order in which they are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct KeyDescriptions {
    tables: BTreeMap<String, Vec<Key>>,
    /// Tables and keys that may be absent.
    optional: Vec<(String, String)>,
    /// Whether keys that may be absent are, except for those of the situation.
    pub absent: bool,
}

impl KeyDescriptions {
    /// An empty description by readers for which keys that may be absent are there, or `absent`.
    pub fn new(absent: bool) -> Self {
        KeyDescriptions { absent, ..KeyDescriptions::default() }
    }

    /// Adds a table that is read.
    pub fn table(&mut self, path: &str) {
        self.tables.entry(path.into()).or_default();
    }

    /// Adds a form in which a key is read. It is required where every reading misses it.
    pub fn key(&mut self, table: &str, name: &str, form: KeyForm, required: bool) {
        let required = required && !self.optional.iter().any(|(of, key)| of == table && key == name);
        let keys = self.tables.entry(table.into()).or_default();
        match keys.iter_mut().find(|key| key.name == name) {
            None => keys.push(Key { name: name.into(), forms: vec![form], required }),
            Some(key) => {
                key.required &= required;
                if !key.forms.contains(&form) {
                    key.forms.push(form);
                }
            }
        }
    }

    /// Adds that a key may be absent.
    pub fn may_be_absent(&mut self, table: &str, name: &str) {
        self.optional.push((table.into(), name.into()));
        let keys = self.tables.get_mut(table).into_iter().flatten();
        keys.filter(|key| key.name == name).for_each(|key| key.required = false);
    }

    /// Adds what was found in another situation. A key is required where it is in every situation in which its table is
    /// read.
    pub fn merge(&mut self, other: KeyDescriptions) {
        for (path, found) in other.tables {
            let Some(keys) = self.tables.get_mut(&path) else {
                self.tables.insert(path, found);
                continue;
            };
            for key in keys.iter_mut() {
                key.required &= found.iter().any(|other| other.name == key.name && other.required);
            }
            for mut new in found {
                match keys.iter_mut().find(|key| key.name == new.name) {
                    Some(key) => new.forms.into_iter().for_each(|form| {
                        if !key.forms.contains(&form) {
                            key.forms.push(form);
                        }
                    }),
                    None => {
                        new.required = false;
                        keys.push(new);
                    }
                }
            }
        }
    }

    /// The keys of a table.
    pub fn keys(&self, table: &str) -> &[Key] {
        self.tables.get(table).map_or(&[], Vec::as_slice)
    }

    /// Every table, by its path.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &[Key])> {
        self.tables.iter().map(|(path, keys)| (path.as_str(), keys.as_slice()))
    }
}

impl Key {
    /// Whether a reader reads it.
    pub fn is_read(&self) -> bool {
        self.forms.iter().any(|form| *form != KeyForm::Elsewhere)
    }

    /// The values between which the readers distinguish: names, true and false.
    pub fn choices(&self) -> Vec<Json> {
        let mut choices = Vec::new();
        for form in &self.forms {
            let KeyForm::Value { schema, .. } = form else { continue };
            let names = schema["enum"].as_array().cloned().unwrap_or_default();
            let flags = if schema["type"] == "boolean" { vec![json!(true), json!(false)] } else { Vec::new() };
            choices.extend(names.into_iter().chain(flags));
        }
        choices
    }
}
