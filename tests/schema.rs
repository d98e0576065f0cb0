//! The JSON schema of experiment files, made by the readers, accepts every experiment that they accept, and refuses
//! unknown keys, wrong types, numbers out of range and unknown choices.
//!
//! The part of JSON schema that it uses is evaluated here.

use crate::common::experiment::{TINY, fine};
use serde_json::{Value, json};
use std::path::Path;
use widelimit::config::builtin;

/// Why a value does not satisfy a schema; `None` where it does.
fn violation(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(any) = schema.as_bool() {
        return (!any).then(|| format!("{at}: must be absent"));
    }
    let known = [
        "allOf",
        "contains",
        "not",
        "$schema",
        "title",
        "description",
        "default",
        "definitions",
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "minItems",
        "uniqueItems",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "enum",
        "const",
        "anyOf",
        "if",
        "then",
        "else",
        "$ref",
        "pattern",
        "minLength",
    ];
    let rules = schema.as_object().unwrap_or_else(|| panic!("{at}: {schema}"));
    assert!(rules.keys().all(|rule| known.contains(&rule.as_str())), "{at}: {rules:?}");
    let holds = |schema: &Value| violation(root, schema, value, at).is_none();
    if let Some(name) = schema["$ref"].as_str() {
        return violation(root, root.pointer(name.trim_start_matches('#')).unwrap(), value, at);
    }
    if let Some(condition) = rules.get("if") {
        let branch = rules.get(if holds(condition) { "then" } else { "else" });
        if let Some(found) = branch.and_then(|branch| violation(root, branch, value, at)) {
            return Some(found);
        }
    }
    let all = schema["allOf"].as_array().into_iter().flatten();
    if let Some(found) = all.filter_map(|schema| violation(root, schema, value, at)).next() {
        return Some(found);
    }
    if rules.get("not").is_some_and(holds) {
        return Some(format!("{at}: {value} satisfies {}", schema["not"]));
    }
    if let Some(any) = schema["anyOf"].as_array()
        && !any.iter().any(holds)
    {
        return Some(format!("{at}: {value} is none of {any:?}"));
    }
    if rules.get("const").is_some_and(|only| only != value) {
        return Some(format!("{at}: {value} is not {}", schema["const"]));
    }
    if schema["enum"].as_array().is_some_and(|all| !all.contains(value)) {
        return Some(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    let of_type = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some(other) => panic!("{other}"),
    };
    if !of_type {
        return Some(format!("{at}: {value} is no {}", schema["type"]));
    }
    if let Some(number) = value.as_f64() {
        let bound = |rule: &str, broken: fn(f64, f64) -> bool| {
            schema[rule].as_f64().filter(|&bound| broken(number, bound)).map(|_| format!("{at}: {rule}"))
        };
        let broken = bound("minimum", |v, b| v < b)
            .or(bound("maximum", |v, b| v > b))
            .or(bound("exclusiveMinimum", |v, b| v <= b))
            .or(bound("exclusiveMaximum", |v, b| v >= b));
        if broken.is_some() {
            return broken;
        }
    }
    if let Some(text) = value.as_str() {
        let long = schema["minLength"].as_u64().is_none_or(|least| text.chars().count() as u64 >= least);
        let matches = |pattern: &str| regex::Regex::new(pattern).unwrap().is_match(text);
        if !long || schema["pattern"].as_str().is_some_and(|pattern| !matches(pattern)) {
            return Some(format!("{at}: {text:?} does not match {}", schema["pattern"]));
        }
    }
    if let Some(items) = value.as_array() {
        if (items.len() as u64) < schema["minItems"].as_u64().unwrap_or(0) {
            return Some(format!("{at}: too few"));
        }
        let matches = |item| rules.get("contains").is_none_or(|rule| violation(root, rule, item, at).is_none());
        if rules.contains_key("contains") && !items.iter().any(matches) {
            return Some(format!("{at}: no entry satisfies {}", schema["contains"]));
        }
        let inner = |(i, item)| violation(root, &schema["items"], item, &format!("{at}.{i}"));
        return if schema["items"].is_object() { items.iter().enumerate().find_map(inner) } else { None };
    }
    let table = value.as_object()?;
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !table.contains_key(name) {
            return Some(format!("{at}: {name} is missing"));
        }
    }
    table.iter().find_map(|(key, inner)| {
        let at = format!("{at}.{key}");
        match (schema["properties"].get(key), rules.get("additionalProperties")) {
            (Some(schema), _) => violation(root, schema, inner, &at),
            (None, Some(Value::Bool(false))) => Some(format!("{at}: unknown")),
            (None, Some(other @ Value::Object(_))) => violation(root, other, inner, &at),
            (None, _) => None,
        }
    })
}

fn json_of(text: &str) -> Value {
    serde_json::to_value(text.parse::<toml::Table>().unwrap_or_else(|error| panic!("{error}: {text}"))).unwrap()
}

#[test]
fn every_built_in_experiment_is_valid_as_written_and_with_all_keys() {
    let schema = widelimit::experiment_schema();
    for known in builtin::BUILTIN {
        let resolved = widelimit::describe(known.name, &[], None).unwrap().first().to_toml().unwrap();
        for text in [known.text, &resolved] {
            assert_eq!(violation(&schema, &schema, &json_of(text), known.name), None);
        }
    }
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/bases")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(violation(&schema, &schema, &json_of(&text), &path.to_string_lossy()), None);
    }
}

/// Files that the readers refuse because of one key.
#[test]
fn broken_files_are_invalid() {
    let schema = widelimit::experiment_schema();
    assert_eq!(violation(&schema, &schema, &json_of(TINY), "tiny"), None);
    let breaks: [(&str, Value); 30] = [
        ("/name", json!("")),
        ("/name", json!("../away")),
        ("/name", json!("two words")),
        ("/name", json!("-f")),
        ("/name", json!(".hidden")),
        ("/name", json!("n".repeat(101))),
        ("/variants", json!([{ "name": "a/b" }])),
        ("/dynamics/friction", json!(-1)),
        ("/dynamics/friction", json!(1e31)),
        ("/dynamics/temperature", json!(-0.5)),
        ("/dynamics/batch", json!(0)),
        ("/reference/particles", json!(-64)),
        ("/network/start/a/low", json!("low")),
        ("/figure", json!({ "width": "3 furlongs" })),
        ("/dynamic", json!({ "step": 0.1 })),
        ("/dynamics/stepp", json!(0.1)),
        ("/dynamics/step", json!(-0.1)),
        ("/dynamics/step", json!("0.1")),
        ("/network/activation", json!("tahn")),
        ("/network/bias", json!("yes")),
        ("/network/start/w/law", json!("normal")),
        ("/network/start/w/std", json!(-1)),
        ("/widths/values", json!([0])),
        ("/widths/values", json!([4, 8.5])),
        ("/widths/seeds", json!(0)),
        ("/horizon/records", json!(2.5)),
        ("/population/draws", json!("never")),
        ("/gap/sweep", json!([{ "over": "time", "values": [1] }])),
        ("/kind", json!("trainig")),
        ("/figure", json!({ "colours": ["blue"] , "font_size": "8" })),
    ];
    for (pointer, value) in breaks {
        let mut broken = json_of(TINY);
        let (table, key) = pointer.rsplit_once('/').unwrap();
        broken.pointer_mut(table).unwrap()[key] = value.clone();
        let text = toml::to_string(&broken).unwrap();
        assert!(
            widelimit::parse(&text, "broken", Path::new(""), &[]).is_err(),
            "{pointer}: the readers accept {value}"
        );
        assert!(violation(&schema, &schema, &broken, "").is_some(), "{pointer} = {value}");
    }
    for missing in ["/name", "/dynamics", "/population/kind", "/reference/particles", "/network/start"] {
        let mut broken = json_of(TINY);
        let (table, key) = missing.rsplit_once('/').unwrap();
        broken.pointer_mut(table).unwrap().as_object_mut().unwrap().remove(key);
        assert!(violation(&schema, &schema, &broken, "").is_some(), "{missing}");
    }
}

const RECOVERY: &str = r#"
kind = "recovery"
name = "tiny"

[problem]
kind = "drawn"
n = 30
d = 20
sparsity = 3

[solver]
methods = ["k-iht"]
iterations = 50

[recover]
problems = 2
"#;

/// The laws of a second hidden layer.
const U: &str = "network.start.u={law=\"gaussian\",std=1.0}";
const C: &str = "network.start.c={law=\"point\",value=0.0}";

/// Files in which every key is right by itself, and keys contradict each other, are refused by the readers and by the
/// schema; without the contradiction both accept them.
#[test]
fn rules_between_keys() {
    let schema = widelimit::experiment_schema();
    let accepted = |base: &str, set: &[&str]| {
        let overrides: Vec<_> = set.iter().map(|key| key.parse().unwrap()).collect();
        widelimit::parse(base, "rules", Path::new(""), &overrides).is_ok()
    };
    let valid = |base: &str, set: &[&str]| {
        let mut file = base.parse::<toml::Table>().unwrap();
        for entry in set {
            let (path, value) = entry.split_once('=').unwrap();
            let value = format!("value = {value}").parse::<toml::Table>().unwrap()["value"].clone();
            let (tables, key) = path.rsplit_once('.').unwrap_or(("", path));
            let mut at = &mut file;
            for table in tables.split('.').filter(|table| !table.is_empty()) {
                at = at.entry(table).or_insert_with(|| toml::Value::Table(toml::Table::new())).as_table_mut().unwrap();
            }
            at.insert(key.into(), value);
        }
        violation(&schema, &schema, &serde_json::to_value(file).unwrap(), "").is_none()
    };
    let heavy = "dynamics.temperature=0.01";
    let rules: &[(&str, &[&str], &[&str])] = &[
        // Within tables.
        (TINY, &["population.draws=\"fixed\""], &["population.folder=\"here\""]),
        (TINY, &[], &["population.kind=\"line\""]),
        (TINY, &["network.kind=\"two-layer\""], &["network.kind=\"two-layer\"", "network.scale=0.5"]),
        (TINY, &["network.kind=\"two-layer\""], &["network.kind=\"two-layer\"", "network.second_activation=\"tanh\""]),
        (
            TINY,
            &["network.kind=\"two-layer\""],
            &["network.kind=\"two-layer\"", "network.start.u={law=\"point\",value=1.0}"],
        ),
        (TINY, &["network.start.w={law=\"sphere\",radius=1.0}"], &["network.start.w={law=\"sphere\",std=1.0}"]),
        (TINY, &["network.start.w={law=\"point\",value=1.0}"], &["network.start.w={law=\"point\"}"]),
        (TINY, &["reference.method=\"dormand-prince\"", "reference.tolerance=1e-6"], &["reference.tolerance=1e-6"]),
        // Between tables.
        (TINY, &["reference.against=[\"picard\"]", "reference.picard={windows=2}"], &["reference.picard={windows=2}"]),
        (TINY, &[], &["reference.against=[\"grid\"]"]),
        (TINY, &[], &["dynamics.momentum=0.9"]),
        (TINY, &["network.kind=\"three-layer\"", U, C], &["network.kind=\"three-layer\""]),
        (TINY, &["network.kind=\"three-layer\"", U, C], &["network.kind=\"three-layer\"", U]),
        (TINY, &["network.kind=\"three-layer\"", U, C], &["network.kind=\"three-layer\"", C]),
        (
            TINY,
            &["network.kind=\"three-layer\"", "network.bias=false", U],
            &["network.kind=\"three-layer\"", "network.bias=false"],
        ),
        (TINY, &["reference.method=\"baoab\"", heavy], &["reference.method=\"baoab\"", heavy, "dynamics.friction=0.0"]),
        (
            TINY,
            &["dynamics.method=\"gradient-descent\"", "dynamics.friction=0.0"],
            &["dynamics.method=\"gradient-descent\"", "dynamics.friction=-1.0"],
        ),
        (TINY, &["reference.method=\"heavy-ball\""], &["dynamics.method=\"gradient-descent\""]),
        (TINY, &["reference.method=\"baoab\"", heavy], &[heavy]),
        (TINY, &["network.loss=\"half-squared\""], &["population.labels=\"real\"", "network.loss=\"logistic\""]),
        (TINY, &["dynamics.batch=4", "population.draws=\"fresh\""], &["population.draws=\"fresh\""]),
        (TINY, &["paths={pairs=1}"], &["paths={pairs=1}", "network.fixed_output=true"]),
        (TINY, &["paths={pairs=1,variants=[]}"], &["paths={pairs=1,variants=[\"other\"]}"]),
        (TINY, &["dynamics.friction=1.0"], &["network.start_momentum=0.5", "dynamics.method=\"gradient-descent\""]),
        (TINY, &[], &["radial={}"]),
        (TINY, &[], &["kinetic={nodes=20,step=0.0625}", "dynamics.batch=4"]),
        (
            RECOVERY,
            &["noise={snr_db=[20.0],problems=2}"],
            &["noise={snr_db=[20.0],problems=2}", "problem.loss=\"logistic\""],
        ),
        (RECOVERY, &["solver.k=3"], &["solver.k=3", "phase={n_over_d=[0.5],k_over_n=[0.1],problems=2}"]),
    ];
    let mut wrong = Vec::new();
    for (base, right, broken) in rules {
        for (set, expected) in [(right, true), (broken, false)] {
            let found = (accepted(base, set), valid(base, set));
            if found != (expected, expected) {
                wrong.push(format!("{set:?}: expected {expected}; readers and schema say {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Keys that are read in some situations only are known, each with its type.
#[test]
fn keys_of_every_situation_are_described() {
    let schema = widelimit::experiment_schema();
    let kinds = ["training", "recovery", "pruning"];
    for (kind, path) in [
        (0, "network/properties/second_activation"),
        (0, "network/properties/scale"),
        (0, "network/properties/start/properties/c/properties/radius"),
        (0, "population/properties/bumps/items/properties/centre"),
        (0, "population/properties/folder"),
        (0, "dynamics/properties/momentum"),
        (0, "reference/properties/grid/properties/nodes"),
        (0, "reference/properties/tolerance"),
        (0, "variants/items/properties/name"),
        (0, "gap/properties/sweep/items/properties/values"),
        (0, "figure/properties/labels"),
        (1, "problem/properties/folder"),
        (1, "solver/properties/methods"),
        (2, "model/properties/path"),
        (2, "rounds/properties/adam"),
    ] {
        let pointer = format!("/definitions/{}/properties/{path}", kinds[kind]);
        assert!(schema.pointer(&pointer).is_some(), "{pointer} is not in {}", schema["definitions"][kinds[kind]]);
    }
    let here = tempfile::tempdir().unwrap();
    let printed: Value = serde_json::from_str(&fine(here.path(), &["schema"])).unwrap();
    assert_eq!(printed, schema);
}

/// What only numbers decide is said by the readers alone: the schema accepts these files.
#[test]
fn what_the_schema_cannot_say() {
    let schema = widelimit::experiment_schema();
    for (pointer, value) in [
        ("/dynamics/step", json!(0.3)),
        ("/dynamics/friction", json!(100.0)),
        ("/reference/particles", json!(16)),
        ("/network/start/a/high", json!(-2.0)),
    ] {
        let mut broken = json_of(TINY);
        *broken.pointer_mut(pointer).unwrap() = value.clone();
        let text = toml::to_string(&broken).unwrap();
        assert!(widelimit::parse(&text, "broken", Path::new(""), &[]).is_err(), "{pointer} = {value} is accepted");
        assert_eq!(violation(&schema, &schema, &broken, ""), None);
    }
}
