//! The settings of a run that differ: from the built-in experiment of its name, otherwise from the defaults.

use super::ReportError;
use crate::config::{self, Description, builtin};
use crate::record::{Manifest, differing_keys};
use crate::study::REGISTRY;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use toml::Table;

/// Keys that change no result, or name the run.
const UNSHOWN: [&str; 4] = ["name", "title", "kind", "run"];

/// The settings of a run that differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DifferingSettings {
    /// The built-in experiment from which they differ; none where they differ from the defaults.
    pub builtin: Option<String>,
    /// The settings, in the order of their keys.
    pub rows: Vec<Setting>,
}

/// A setting that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// The dotted key.
    pub key: String,
    /// Its value in the run.
    pub value: String,
    /// Its value in the built-in experiment; none where settings differ from the defaults.
    pub usual: Option<String>,
}

/// The settings of the run of a manifest that differ; `path` is that of the manifest, for messages.
///
/// # Errors
/// An experiment that cannot be read.
pub fn of_run(manifest: &Manifest, path: &Path) -> Result<DifferingSettings, ReportError> {
    let experiment = &manifest.experiment;
    let name = experiment.get("name").and_then(Value::as_str).unwrap_or_default();
    let wrong = |cause| ReportError::Experiment { path: path.into(), cause: Box::new(cause) };
    if let Some(builtin) = builtin::find(name) {
        let usual = all_resolved(builtin.text).map_err(wrong)?;
        let same_kind = usual.iter().filter(|usual| usual.get("kind") == experiment.get("kind"));
        // Of a sweep, the nearest of its points.
        if let Some(rows) = same_kind.map(|usual| against(usual, experiment)).min_by_key(Vec::len) {
            return Ok(DifferingSettings { builtin: Some(name.into()), rows });
        }
    }
    let table = without_nulls(experiment);
    let own = resolved(&table.to_string(), "").map_err(wrong)?;
    let is_default = |table: &Table| resolved(&table.to_string(), "").is_ok_and(|found| found == own);
    let mut rows = Vec::new();
    given(&table, &mut Vec::new(), &is_default, &mut rows);
    Ok(DifferingSettings { builtin: None, rows })
}

/// The experiments of TOML text as they are resolved: one, or the points of a table `[vary]`.
fn all_resolved(text: &str) -> Result<Vec<Value>, config::ConfigError> {
    let readers = REGISTRY.readers(|_| None);
    Ok(match config::describe(text, "experiment", Path::new("."), &[], None, &readers)? {
        Description::Single(loaded) => vec![loaded.experiment.resolved()],
        Description::Varied(varied) => varied.points.iter().map(|point| point.experiment.resolved()).collect(),
    })
}

/// An experiment as it is resolved from TOML text. The memory of this machine does not matter.
fn resolved(text: &str, base: &str) -> Result<Value, config::ConfigError> {
    let loaded = config::parse(text, "experiment", Path::new(base), &[], &REGISTRY.readers(|_| None))?;
    Ok(loaded.experiment.resolved())
}

/// The keys in which an experiment differs from another one.
fn against(usual: &Value, experiment: &Value) -> Vec<Setting> {
    let keys = differing_keys("", usual, experiment).into_iter().filter(|key| is_shown(key));
    keys.map(|key| Setting { value: at(experiment, &key), usual: Some(at(usual, &key)), key }).collect()
}

/// Whether a dotted key is shown.
pub(super) fn is_shown(key: &str) -> bool {
    !UNSHOWN.contains(&key.split('.').next().unwrap_or_default())
}

/// The value at a dotted key, as compact JSON; `absent` where there is none.
pub(super) fn at(experiment: &Value, key: &str) -> String {
    match key.split('.').try_fold(experiment, |table, key| table.get(key)) {
        None | Some(Value::Null) => "absent".into(),
        Some(value) => value.to_string(),
    }
}

/// Adds the keys below a table that are not defaults: those without which the experiment is another one, or none. Of a
/// table whose keys are all defaults, the table itself where it is such.
fn given(root: &Table, prefix: &mut Vec<String>, is_default: &impl Fn(&Table) -> bool, rows: &mut Vec<Setting>) {
    let Some(table) = table_at(root, prefix) else { return };
    for (key, value) in table {
        if prefix.is_empty() && UNSHOWN.contains(&key.as_str()) {
            continue;
        }
        prefix.push(key.clone());
        let before = rows.len();
        if value.is_table() {
            given(root, prefix, is_default, rows);
        }
        if rows.len() == before && !is_default(&without(root, prefix)) {
            let value = if value.is_table() { "with its defaults".into() } else { value.to_string() };
            rows.push(Setting { key: prefix.join("."), value, usual: None });
        }
        prefix.pop();
    }
}

fn table_at<'t>(root: &'t Table, path: &[String]) -> Option<&'t Table> {
    path.iter().try_fold(root, |table, key| table.get(key)?.as_table())
}

/// A table without the key at a path.
fn without(root: &Table, path: &[String]) -> Table {
    let mut copy = root.clone();
    if let Some((last, parents)) = path.split_last() {
        let parent = parents.iter().try_fold(&mut copy, |table, key| table.get_mut(key)?.as_table_mut());
        parent.map(|table| table.remove(last));
    }
    copy
}

/// A JSON object as a TOML table, which has no null: such keys are left out.
fn without_nulls(experiment: &Value) -> Table {
    fn value(from: &Value) -> Option<toml::Value> {
        Some(match from {
            Value::Null => return None,
            Value::Bool(v) => (*v).into(),
            Value::Number(v) => match v.as_i64() {
                Some(whole) => whole.into(),
                None => v.as_f64()?.into(),
            },
            Value::String(v) => v.as_str().into(),
            Value::Array(list) => toml::Value::Array(list.iter().filter_map(value).collect()),
            Value::Object(_) => without_nulls(from).into(),
        })
    }
    let entries = experiment.as_object().into_iter().flatten();
    entries.filter_map(|(key, entry)| Some((key.clone(), value(entry)?))).collect()
}
