//! The JSON schema of experiment files, made by the readers: they read in a mode in which every table and key is there,
//! and describe each, and in one in which keys that may be absent are. Which keys there are depends on choices, such as the kind of a population; so the readers are run
//! once for every value of every choice that they make known.
//!
//! Rules between keys are those of `schema_rules`. What only numbers decide is not in the schema: it accepts every file that
//! the readers accept, and some that they refuse.

use super::describe::{Key, KeyDescriptions, KeyForm};
use super::error::KeyErrors;
use super::schema_rules::{self, ChoiceKey, Situation};
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
            "training": experiment(&training, "training", schema_rules::of_training()),
            "recovery": experiment(&recovery, "recovery", schema_rules::of_recovery()),
            "pruning": experiment(&pruning, "pruning", Vec::new()),
            "varied": varied(),
        },
    })
}

/// Reads an experiment of one kind from its root table.
type Read<'a> = &'a dyn for<'s> Fn(Section<'s>, &'s KeyErrors);

/// What the readers of a kind accept.
fn describe(read: Read<'_>) -> Described {
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
    let mut to_explore = vec![Situation { set: Table::new(), found: all.clone() }];
    let mut situations = Vec::new();
    let mut seen: BTreeSet<(String, String, String)> = BTreeSet::new();
    while let Some(situation) = to_explore.pop() {
        for (table, key) in situation.found.tables().flat_map(|(table, keys)| keys.iter().map(move |key| (table, key)))
        {
            for choice in key.choices() {
                if seen.insert((table.into(), key.name.clone(), choice.to_string())) {
                    let mut changed = situation.set.clone();
                    set(&mut changed, table, &key.name, &choice);
                    let found = in_situation(&changed);
                    all.merge(found.clone());
                    to_explore.push(Situation { set: changed, found });
                }
            }
        }
        situations.push(situation);
    }
    let deciding = schema_rules::deciding(&all, &situations);
    let together: Vec<Situation> = combinations(&deciding, &situations)
        .into_iter()
        .map(|set| Situation { found: in_situation(&set), set })
        .collect();
    together.iter().for_each(|situation| all.merge(situation.found.clone()));
    situations.extend(together);
    let rules = schema_rules::of_tables(&all, &situations, &deciding);
    Described { keys: all, rules }
}

/// What the readers of a kind accept.
struct Described {
    keys: KeyDescriptions,
    /// The rules within its tables.
    rules: Vec<Json>,
}

/// Most situations of the choices of one table.
const MAX_COMBINATIONS: usize = 1000;

/// The situations with every combination of the deciding choices of a table, alone and with every value of each deciding
/// choice of its sub-tables.
fn combinations(deciding: &[ChoiceKey], situations: &[Situation]) -> Vec<Table> {
    let with = |sets: &[Table], key: &ChoiceKey| -> Vec<Table> {
        let one = |set_before: &Table, value: &Json| {
            let mut changed = set_before.clone();
            set(&mut changed, &key.table, &key.name, value);
            changed
        };
        sets.iter().flat_map(|before| key.values.iter().map(move |value| one(before, value))).collect()
    };
    let tables: BTreeSet<&str> = deciding.iter().map(|key| key.table.as_str()).collect();
    let mut all = Vec::new();
    for table in tables {
        let Some(base) = situations.iter().find(|s| !s.found.keys(table).is_empty()) else { continue };
        let mut sets = vec![base.set.clone()];
        for key in deciding.iter().filter(|key| key.table == table) {
            if sets.len() * key.values.len() <= MAX_COMBINATIONS {
                sets = with(&sets, key);
            }
        }
        let inner = deciding.iter().filter(|key| key.table.starts_with(&format!("{table}.")));
        all.extend(inner.flat_map(|key| with(&sets, key)));
        all.extend(sets);
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
fn experiment(description: &Described, kind: &str, between: Vec<Json>) -> Json {
    let mut schema = table(&description.keys, "");
    // The points of a sweep may have keys that the file itself has not.
    let rules: Vec<Json> = description.rules.iter().cloned().chain(between).collect();
    schema["if"] = json!({ "required": ["vary"] });
    schema["then"] = json!(true);
    schema["else"] = json!({ "allOf": rules });
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
