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

    /// A label for every run: what differs in its settings. Runs that this does not tell apart have their names too.
    pub fn labels(&self, names: &[String]) -> Vec<String> {
        let of_run = |values: &Vec<String>| {
            let entry = |(key, value): (&String, &String)| match value.as_str() {
                "absent" => format!("without {key}"),
                value => format!("{key} = {}", shortened(value)),
            };
            let shown: Vec<String> = self.keys.iter().zip(values).take(MOST_SETTINGS).map(entry).collect();
            let more = if self.keys.len() > MOST_SETTINGS { ", …" } else { "" };
            shown.join(", ") + more
        };
        let labels: Vec<String> = self.values.iter().map(of_run).collect();
        let labelled = labels.iter().zip(names);
        labelled
            .map(|(label, name)| {
                let unique = labels.iter().filter(|other| *other == label).count() == 1;
                match (label.is_empty(), unique) {
                    (true, _) => name.clone(),
                    (false, true) => label.clone(),
                    (false, false) => format!("{name}: {label}"),
                }
            })
            .collect()
    }
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
        let names: Vec<String> = (0..experiments.len()).map(|run| format!("run-{run}")).collect();
        Differences::between(&experiments.iter().collect::<Vec<_>>()).labels(&names)
    }

    #[test]
    fn labels_are_what_differs() {
        let run =
            |friction: f64| json!({"name": friction.to_string(), "dynamics": {"friction": friction, "step": 0.1}});
        assert_eq!(labels(&[run(1.0), run(3.0)]), ["dynamics.friction = 1.0", "dynamics.friction = 3.0"]);
        assert_eq!(labels(&[run(1.0), run(1.0)]), ["run-0", "run-1"]);
        let three = labels(&[run(1.0), run(3.0), run(1.0)]);
        assert_eq!(three[0], "run-0: dynamics.friction = 1.0");
        assert_eq!(three[1], "dynamics.friction = 3.0");
    }

    #[test]
    fn a_table_that_one_run_lacks_is_named_once() {
        let with = |steps: u64| json!({"gap": {"resamples": steps, "projections": 1}});
        let found = Differences::between(&[&with(1), &json!({}), &with(2)]);
        assert_eq!(found.keys, ["gap"]);
        assert_eq!(labels(&[with(1), json!({})])[1], "without gap");
    }
}
