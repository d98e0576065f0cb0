//! The JSON schema of experiment files, made by the readers: they read in a mode in which every table and key is there,
//! and describe each, and in one in which keys that may be absent are. Which keys there are depends on choices, such as the kind of a population; so the readers are run
//! once for every value of every choice that they make known.
//!
//! Rules between keys are not in the schema: it accepts a key wherever a file with some choices may have it.

use super::describe::{Key, KeyDescriptions, KeyForm};
use super::error::KeyErrors;
use super::section::{ENTRY, Section};
use super::vary::Combine;
use super::{Readers, read, read_pruning, read_recovery};
use crate::choice::Choice;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::path::Path;
use toml::{Table, Value};

/// The JSON schema (draft 7) of experiment files.
pub fn schema(readers: &Readers) -> Json {
    let base = Path::new("");
    let training = describe(&|root, _| drop(read::experiment(root, base, &readers.training)));
    let recovery = describe(&|root, errors| drop(read_recovery::experiment(root, base, &readers.recovery, errors)));
    let pruning = describe(&|root, errors| drop(read_pruning::experiment(root, base, &readers.pruning, errors)));
    let is = |kind: &str| json!({ "properties": { "kind": { "const": kind } }, "required": ["kind"] });
    let of = |kind: &str| json!({ "$ref": format!("#/definitions/{kind}") });
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Experiment of widelimit",
        "type": "object",
        "if": is("recovery"),
        "then": of("recovery"),
        "else": { "if": is("pruning"), "then": of("pruning"), "else": of("training") },
        "definitions": {
            "training": experiment(&training, "training"),
            "recovery": experiment(&recovery, "recovery"),
            "pruning": experiment(&pruning, "pruning"),
            "varied": varied(),
        },
    })
}

/// Reads an experiment of one kind from its root table.
type Read<'a> = &'a dyn for<'s> Fn(Section<'s>, &'s KeyErrors);

/// What the readers of a kind accept.
fn describe(read: Read<'_>) -> KeyDescriptions {
    let in_situation = |situation: &Table| {
        let mut found = KeyDescriptions::default();
        for absent in [false, true] {
            let errors = KeyErrors::describing(absent);
            read(Section::root(situation.clone(), &errors), &errors);
            let one = errors.description().map(|description| description.borrow().clone()).unwrap_or_default();
            if absent { found.merge(one) } else { found = one }
        }
        found
    };
    let mut all = in_situation(&Table::new());
    let mut situations = vec![(Table::new(), all.clone())];
    let mut seen: BTreeSet<(String, String, String)> = BTreeSet::new();
    while let Some((situation, found)) = situations.pop() {
        for (table, key) in found.tables().flat_map(|(table, keys)| keys.iter().map(move |key| (table, key))) {
            for choice in key.choices() {
                if seen.insert((table.into(), key.name.clone(), choice.to_string())) {
                    let mut changed = situation.clone();
                    set(&mut changed, table, &key.name, &choice);
                    let found = in_situation(&changed);
                    all.merge(found.clone());
                    situations.push((changed, found));
                }
            }
        }
    }
    all
}

/// Sets a key of a table, which is made where it does not exist.
fn set(root: &mut Table, table: &str, key: &str, value: &Json) {
    let mut at = root;
    let mut parts = table.split('.').filter(|part| !part.is_empty()).peekable();
    while let Some(part) = parts.next() {
        let list = parts.next_if_eq(&ENTRY).is_some();
        let new = if list { Value::Array(vec![Value::Table(Table::new())]) } else { Value::Table(Table::new()) };
        let inner = match at.entry(part).or_insert(new) {
            Value::Array(items) => items.first_mut(),
            other => Some(other),
        };
        let Some(Value::Table(inner)) = inner else { return };
        at = inner;
    }
    if let Ok(value) = Value::try_from(value) {
        at.insert(key.into(), value);
    }
}

/// The schema of an experiment of one kind.
fn experiment(description: &KeyDescriptions, kind: &str) -> Json {
    let mut schema = table(description, "");
    let default = if kind == "training" { json!({ "const": kind, "default": kind }) } else { json!({ "const": kind }) };
    schema["properties"]["kind"] = default;
    schema["properties"]["vary"] = vary();
    schema
}

/// The schema of the table `[vary]`, whose other keys are those of the experiment.
fn vary() -> Json {
    json!({
        "type": "object",
        "properties": {
            "combine": { "enum": Combine::names(), "default": Combine::Product.name() },
            "fit": { "type": "array", "items": { "type": "object" } },
        },
        "additionalProperties": { "$ref": "#/definitions/varied" },
    })
}

/// The schema of the values of a varied key, or of a part of a dotted one.
fn varied() -> Json {
    let values = json!({ "type": "array", "minItems": 1 });
    json!({ "anyOf": [values, { "type": "object", "additionalProperties": { "$ref": "#/definitions/varied" } }] })
}

/// The schema of a table.
fn table(description: &KeyDescriptions, path: &str) -> Json {
    let keys = description.keys(path);
    let properties: Map<String, Json> =
        keys.iter().map(|key| (key.name.clone(), property(description, path, key))).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name.as_str()).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// The schema of a key.
fn property(description: &KeyDescriptions, path: &str, key: &Key) -> Json {
    let inner = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
    let mut schemas: Vec<Json> = Vec::new();
    let mut names: Vec<Json> = Vec::new();
    let mut expected: Vec<&str> = Vec::new();
    let forms = key.forms.iter().filter(|form| **form != KeyForm::Elsewhere).count();
    for form in key.forms.iter().filter(|form| forms == 0 || **form != KeyForm::Elsewhere) {
        let schema = match form {
            KeyForm::Elsewhere => json!({}),
            KeyForm::Table => table(description, &inner),
            KeyForm::Tables => json!({ "type": "array", "items": table(description, &format!("{inner}.{ENTRY}")) }),
            KeyForm::Value { schema, expected: message } => {
                let message = message.trim_start_matches("expected ");
                if !message.is_empty() && !expected.contains(&message) && schema.get("enum").is_none() {
                    expected.push(message);
                }
                // Defaults may depend on the situation.
                let mut schema = schema.clone();
                if forms > 1 {
                    schema.as_object_mut().map(|schema| schema.remove("default"));
                }
                match schema["enum"].as_array() {
                    Some(found) => {
                        names.extend(found.iter().filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
                        if forms > 1 {
                            continue;
                        }
                        schema
                    }
                    None => schema,
                }
            }
        };
        if !schemas.contains(&schema) {
            schemas.push(schema);
        }
    }
    if forms > 1 && !names.is_empty() {
        schemas.push(json!({ "enum": names }));
    }
    let mut schema = if schemas.len() == 1 { schemas.remove(0) } else { json!({ "anyOf": schemas }) };
    if !expected.is_empty() {
        schema["description"] = expected.join("; or ").into();
    }
    schema
}
