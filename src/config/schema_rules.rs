//! Rules between keys in the JSON schema: those of one table, which follow from what the readers read with each value of a
//! choice, and those between tables, of which each is also a rule of a `validate`.

use super::describe::KeyDescriptions;
use super::section::ENTRY;
use crate::choice::Choice;
use crate::dynamics::Method;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use toml::Table;

/// What the readers read where some keys are set.
pub(super) struct Situation {
    /// The keys that are set.
    pub set: Table,
    /// What is read.
    pub found: KeyDescriptions,
}

/// A key between whose values the readers distinguish.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ChoiceKey {
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Vec<Json>,
}

/// The keys of a table and of its sub-tables that can be read, and those that are required, as (table, key).
type KeySets = [BTreeSet<(String, String)>; 2];

impl Situation {
    /// The value of a key that is set.
    fn value(&self, table: &str, key: &str) -> Option<Json> {
        let mut at = &self.set;
        let mut parts = table.split('.').peekable();
        while let Some(part) = parts.next() {
            let inner = at.get(part)?;
            let inner = if parts.next_if_eq(&ENTRY).is_some() { inner.as_array()?.first()? } else { inner };
            at = inner.as_table()?;
        }
        serde_json::to_value(at.get(key)?).ok()
    }

    fn keys_within(&self, table: &str) -> KeySets {
        let own = |path: &str| path == table || path.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'));
        let (mut read, mut required) = (BTreeSet::new(), BTreeSet::new());
        for (path, keys) in self.found.tables().filter(|(path, _)| own(path)) {
            for key in keys.iter().filter(|key| key.is_read()) {
                read.insert((path.to_string(), key.name.clone()));
                if key.required {
                    required.insert((path.to_string(), key.name.clone()));
                }
            }
        }
        [read, required]
    }
}

/// The choices on which it depends what is read in their table and in its sub-tables.
pub(super) fn deciding(all: &KeyDescriptions, situations: &[Situation]) -> Vec<ChoiceKey> {
    let mut deciding = Vec::new();
    for (table, keys) in all.tables().filter(|(table, _)| !table.is_empty()) {
        for key in keys {
            let mut values = key.choices();
            values.dedup();
            let of = |value: &Json| {
                let first = situations.iter().find(|s| s.value(table, &key.name).as_ref() == Some(value));
                first.map(|situation| situation.keys_within(table))
            };
            let sets: Vec<KeySets> = values.iter().filter_map(of).collect();
            if sets.iter().any(|set| *set != sets[0]) {
                deciding.push(ChoiceKey { table: table.into(), name: key.name.clone(), values });
            }
        }
    }
    deciding
}

/// The rules within tables: which keys of its table and of its sub-tables a value of a choice excludes, and which of its
/// table it requires.
pub(super) fn of_tables(all: &KeyDescriptions, situations: &[Situation], deciding: &[ChoiceKey]) -> Vec<Json> {
    let whole = |table: &str| Situation { set: Table::new(), found: all.clone() }.keys_within(table);
    let mut rules = Vec::new();
    for ChoiceKey { table, name, values } in deciding {
        let [known, always] = whole(table);
        for value in values {
            let with = situations.iter().filter(|s| s.value(table, name).as_ref() == Some(value));
            let sets: Vec<KeySets> = with.map(|situation| situation.keys_within(table)).collect();
            let Some(([first_read, first_required], others)) = sets.split_first() else { continue };
            let (mut read, mut required) = (first_read.clone(), first_required.clone());
            for [other_read, other_required] in others {
                read.extend(other_read.iter().cloned());
                required.retain(|key| other_required.contains(key));
            }
            let excluded: Vec<_> = known.difference(&read).collect();
            let required: Vec<_> = required.difference(&always).collect();
            if excluded.is_empty() && required.is_empty() {
                continue;
            }
            let mut then = json!({ "properties": without(table, &excluded) });
            for (of, key) in required {
                let inner: Vec<&str> = of[table.len()..].split('.').filter(|part| !part.is_empty()).collect();
                require(&mut then, &inner, key);
            }
            let is = json!({ "properties": { name: { "const": value } }, "required": [name] });
            rules.push(within(table, rule(is, then)));
        }
    }
    rules
}

/// A rule of a table, or of each of a list of tables, as one of the whole file.
fn within(table: &str, rule: Json) -> Json {
    let parts: Vec<&str> = table.split('.').collect();
    parts.into_iter().rev().fold(rule, |rule, part| match part {
        ENTRY => json!({ "items": rule }),
        part => json!({ "properties": { part: rule } }),
    })
}

/// The properties of a table in which some keys, given with their tables, must be absent. Keys of absent sub-tables are
/// left out.
fn without(table: &str, excluded: &[&(String, String)]) -> Json {
    let mut properties = Map::new();
    for (of, key) in excluded {
        let inner: Vec<&str> = of[table.len()..].split('.').filter(|part| !part.is_empty()).collect();
        if inner.contains(&ENTRY) || excluded.iter().any(|(other, name)| *of == format!("{other}.{name}")) {
            continue;
        }
        exclude(&mut properties, &inner, key);
    }
    properties.into()
}

/// Adds to properties that a key of a sub-table must be absent.
fn exclude(properties: &mut Map<String, Json>, path: &[&str], key: &str) {
    let Some((first, rest)) = path.split_first() else {
        properties.insert(key.into(), json!(false));
        return;
    };
    let sub = properties.entry(*first).or_insert_with(|| json!({ "properties": {} }));
    if let Some(inner) = sub.get_mut("properties").and_then(Json::as_object_mut) {
        exclude(inner, rest, key);
    }
}

/// Adds to the schema of a table that a key of a sub-table, where that is there, is required.
fn require(schema: &mut Json, path: &[&str], key: &str) {
    match path.split_first() {
        None => match schema["required"].as_array_mut() {
            Some(keys) => keys.push(key.into()),
            None => schema["required"] = json!([key]),
        },
        Some((&ENTRY, rest)) => require(&mut schema["items"], rest, key),
        Some((first, rest)) => require(&mut schema["properties"][first], rest, key),
    }
}

/// A table with a key whose value satisfies a schema.
fn has(table: &str, key: &str, schema: Json) -> Json {
    let inner = json!({ "type": "object", "properties": { key: schema }, "required": [key] });
    json!({ "properties": { table: inner }, "required": [table] })
}

/// A table in which a key, where it is there, satisfies a schema.
fn may_have(table: &str, key: &str, schema: Json) -> Json {
    json!({ "properties": { table: { "properties": { key: schema } } } })
}

fn rule(condition: Json, then: Json) -> Json {
    json!({ "if": condition, "then": then })
}

/// The names of the methods of the limit that `suit`.
fn methods(suit: impl Fn(Method) -> bool) -> Json {
    let names = Method::ALL.iter().filter(|&&method| suit(method)).map(|method| method.name());
    json!({ "enum": names.collect::<Vec<_>>() })
}

/// Step and friction, or learning rate and momentum.
fn of_dynamics() -> Vec<Json> {
    let dynamics = |schema: Json| json!({ "properties": { "dynamics": schema } });
    let by_rate = json!({ "anyOf": [{ "required": ["learning_rate"] }, { "required": ["momentum"] }] });
    let first_order = json!({ "properties": { "method": { "const": "gradient-descent" } }, "required": ["method"] });
    let rate = |keys: Json| json!({ "required": keys, "properties": { "step": false, "friction": false } });
    vec![
        dynamics(json!({ "if": by_rate, "then": rate(json!(["learning_rate"])), "else": { "required": ["step"] } })),
        dynamics(json!({
            "if": first_order,
            "then": { "properties": { "friction": { "enum": [0, 0.0] } } },
            "else": { "if": by_rate, "then": { "required": ["momentum"] }, "else": { "required": ["friction"] } },
        })),
    ]
}

/// The rules between tables of experiments that train networks.
pub(super) fn of_training() -> Vec<Json> {
    let study = |name: &str| json!({ "required": [name] });
    let gradient_descent = || has("dynamics", "method", json!({ "const": Method::GradientDescent.name() }));
    let positive = || json!({ "exclusiveMinimum": 0 });
    let some = || json!({ "minItems": 1 });
    let not = |value: Json| json!({ "not": { "enum": value } });
    let hot = || has("dynamics", "temperature", positive());
    let uses = |route: &str| {
        let against = has("reference", "against", json!({ "contains": { "const": route } }));
        json!({ "anyOf": [has("reference", "kind", json!({ "const": route })), against] })
    };
    let mut rules = of_dynamics();
    rules.push(json!({
        "if": gradient_descent(),
        "then": may_have("reference", "method", methods(Method::solves_first_order)),
        "else": may_have("reference", "method", methods(Method::solves_second_order)),
    }));
    rules.extend([
        rule(
            has("reference", "method", methods(|method| !method.is_adaptive())),
            may_have("reference", "tolerance", json!(false)),
        ),
        rule(has("reference", "picard", json!(true)), uses("picard")),
        rule(has("reference", "grid", json!(true)), uses("grid")),
        rule(uses("grid"), has("reference", "grid", json!(true))),
        rule(gradient_descent(), may_have("network", "start_momentum", json!({ "maximum": 0 }))),
        rule(hot(), may_have("reference", "method", methods(Method::takes_noise))),
        rule(
            has("network", "loss", json!({ "const": "logistic" })),
            may_have("population", "labels", not(json!(["classes", "real"]))),
        ),
        rule(
            has("network", "loss", json!({ "const": "softmax" })),
            may_have("population", "labels", json!({ "const": "classes" })),
        ),
        rule(has("population", "draws", json!({ "const": "fresh" })), has("dynamics", "batch", not(json!(["full"])))),
        rule(
            has("network", "kind", json!({ "const": "bump" })),
            may_have("network", "bias", json!({ "const": false })),
        ),
        rule(
            has("network", "kind", json!({ "const": "bump" })),
            may_have("network", "fixed_output", json!({ "const": true })),
        ),
        rule(
            json!({ "allOf": [
                has("network", "kind", json!({ "const": "three-layer" })),
                may_have("network", "bias", json!({ "const": true })),
            ] }),
            json!({ "properties": { "network": has("start", "c", json!(true)) } }),
        ),
        rule(
            json!({ "allOf": [
                may_have("network", "kind", not(json!(["bump"]))),
                may_have("network", "bias", json!({ "const": true })),
            ] }),
            json!({ "properties": { "network": has("start", "b", json!(true)) } }),
        ),
        rule(
            json!({ "allOf": [hot(), may_have("dynamics", "method", json!({ "const": Method::HeavyBall.name() }))] }),
            may_have("dynamics", "friction", positive()),
        ),
        rule(study("paths"), may_have("network", "fixed_output", json!({ "const": false }))),
        rule(has("paths", "variants", some()), json!({ "required": ["variants"] })),
        rule(study("picard"), may_have("network", "kind", not(json!(["three-layer"])))),
        rule(study("kinetic"), may_have("network", "kind", not(json!(["three-layer"])))),
        rule(study("kinetic"), json!({ "not": gradient_descent() })),
        rule(study("kinetic"), may_have("dynamics", "batch", json!({ "const": "full" }))),
        rule(has("kinetic", "frictions", some()), hot()),
        rule(study("radial"), has("population", "kind", json!({ "const": "mixture" }))),
        rule(has("predict", "steps", some()), may_have("dynamics", "temperature", json!({ "maximum": 0 }))),
        rule(
            has("predict", "by", json!({ "const": "pairs" })),
            may_have("predict", "batches", json!({ "not": some() })),
        ),
    ]);
    rules
}

/// The rules between tables of experiments of sparse recovery.
pub(super) fn of_recovery() -> Vec<Json> {
    let drawn_phase = json!({
        "properties": { "problem": { "properties": { "kind": { "const": "drawn" } }, "required": ["kind"] } },
        "required": ["problem", "phase"],
    });
    vec![
        rule(json!({ "required": ["noise"] }), may_have("problem", "loss", json!({ "const": "squared" }))),
        rule(drawn_phase, may_have("solver", "k", json!(false))),
    ]
}
