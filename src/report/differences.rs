//! The settings in which runs differ, and labels of the runs from them.

use super::settings::{at, is_shown};
use crate::record::differing_keys;
use serde_json::Value;
use std::collections::BTreeSet;

/// Most settings in a label.
const MOST_SETTINGS: usize = 3;
/// Most characters of a value in a label.
const MOST_CHARACTERS: usize = 32;

/// The settings in which some runs differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    /// The dotted keys.
    pub keys: Vec<String>,
    /// The values of every run, in the order of the keys, as compact JSON.
    pub values: Vec<Vec<String>>,
}

impl Differences {
    /// The differences between resolved experiments.
    pub fn between(experiments: &[&Value]) -> Self {
        let pairs = experiments.iter().skip(1).flat_map(|other| differing_keys("", experiments[0], other));
        let keys: BTreeSet<String> = pairs.filter(|key| is_shown(key)).collect();
        // A table that one run lacks is named as a whole, and its keys where another has a different one.
        let inside = |key: &String| keys.iter().any(|table| key.starts_with(&format!("{table}.")));
        let keys: Vec<String> = keys.iter().filter(|key| !inside(key)).cloned().collect();
        let values =
            experiments.iter().map(|experiment| keys.iter().map(|key| at(experiment, key)).collect()).collect();
        Differences { keys, values }
    }

    /// The settings of a run, at most [`MOST_SETTINGS`]; empty where nothing differs.
    fn settings(&self, run: usize) -> String {
        let entry = |(key, value): (&String, &String)| match value.as_str() {
            "absent" => format!("without {key}"),
            value => format!("{key} = {}", shortened(value)),
        };
        let shown: Vec<String> = self.keys.iter().zip(&self.values[run]).take(MOST_SETTINGS).map(entry).collect();
        let more = if self.keys.len() > MOST_SETTINGS { ", …" } else { "" };
        shown.join(", ") + more
    }
}

/// A label for every run of the folders: what differs in the settings of one experiment; of several experiments the name of
/// each, with the settings where these are few, or where several runs have the name. Runs that this does not tell apart
/// have their folders too.
pub fn labels(experiments: &[&Value], folders: &[String]) -> Vec<String> {
    let name = |run: usize| experiments[run].get("name").and_then(Value::as_str).unwrap_or_default();
    let runs = 0..experiments.len();
    let one = runs.clone().all(|run| name(run) == name(0));
    let all = Differences::between(experiments);
    let label = |run: usize| {
        if one {
            return all.settings(run);
        }
        let settings = if all.keys.len() <= MOST_SETTINGS {
            all.settings(run)
        } else {
            let like: Vec<usize> = runs.clone().filter(|&other| name(other) == name(run)).collect();
            let own: Vec<&Value> = like.iter().map(|&other| experiments[other]).collect();
            like.iter()
                .position(|&other| other == run)
                .map_or_else(String::new, |at| Differences::between(&own).settings(at))
        };
        if settings.is_empty() { name(run).into() } else { format!("{}: {settings}", name(run)) }
    };
    let labels: Vec<String> = runs.clone().map(label).collect();
    let told_apart = |(label, folder): (&String, &String)| {
        let unique = labels.iter().filter(|other| *other == label).count() == 1;
        match (label.is_empty(), unique) {
            (true, _) => folder.clone(),
            (false, true) => label.clone(),
            (false, false) => format!("{folder}: {label}"),
        }
    };
    labels.iter().zip(folders).map(told_apart).collect()
}

/// A value of bounded length, without the quotes of a text.
fn shortened(value: &str) -> String {
    let text = value.trim_matches('"');
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn labels(experiments: &[Value]) -> Vec<String> {
        let folders: Vec<String> = (0..experiments.len()).map(|run| format!("run-{run}")).collect();
        super::labels(&experiments.iter().collect::<Vec<_>>(), &folders)
    }

    #[test]
    fn labels_are_what_differs() {
        let run = |friction: f64| json!({"name": "own", "dynamics": {"friction": friction, "step": 0.1}});
        assert_eq!(labels(&[run(1.0), run(3.0)]), ["dynamics.friction = 1.0", "dynamics.friction = 3.0"]);
        assert_eq!(labels(&[run(1.0), run(1.0)]), ["run-0", "run-1"]);
        let three = labels(&[run(1.0), run(3.0), run(1.0)]);
        assert_eq!(three[0], "run-0: dynamics.friction = 1.0");
        assert_eq!(three[1], "dynamics.friction = 3.0");
    }

    /// A list of all keys in which experiments differ names none of them.
    #[test]
    fn different_experiments_are_named() {
        let run = |name: &str, step: f64, keys: usize| {
            let other: serde_json::Map<String, Value> = (0..keys).map(|k| (format!("k{k}"), json!(name))).collect();
            json!({"name": name, "dynamics": {"step": step}, "network": other})
        };
        assert_eq!(labels(&[run("a", 0.1, 9), run("b", 0.2, 9)]), ["a", "b"]);
        let of_two = labels(&[run("a", 0.1, 9), run("b", 0.1, 9), run("a", 0.2, 9)]);
        assert_eq!(of_two, ["a: dynamics.step = 0.1", "b", "a: dynamics.step = 0.2"]);
        assert_eq!(labels(&[run("a", 0.1, 0), run("b", 0.2, 0)]), ["a: dynamics.step = 0.1", "b: dynamics.step = 0.2"]);
        assert_eq!(labels(&[run("a", 0.1, 9), run("b", 0.1, 9), run("b", 0.1, 9)]), ["a", "run-1: b", "run-2: b"]);
    }

    #[test]
    fn a_table_that_one_run_lacks_is_named_once() {
        let with = |steps: u64| json!({"gap": {"resamples": steps, "projections": 1}});
        let found = Differences::between(&[&with(1), &json!({}), &with(2)]);
        assert_eq!(found.keys, ["gap"]);
        assert_eq!(labels(&[with(1), json!({})])[1], "without gap");
    }
}
