//! Complete runs are compared byte for byte.

use crate::common::experiment::{OF_THE_CLOCK, files, json};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Keys of the manifest that may differ between sittings.
const OF_THE_SITTING: [&str; 5] = ["resumed", "phases", "threads", "memory", "invocations"];

/// The status in the manifest of a run; `None` where there is no manifest.
pub fn status(run: &Path) -> Option<String> {
    let manifest = run.join("manifest.json");
    manifest.is_file().then(|| json(&manifest)["status"].as_str().unwrap_or_default().to_string())
}

/// Every file of a run by name; none where its folder was not created.
pub fn all_files(run: &Path) -> BTreeMap<String, Vec<u8>> {
    if run.is_dir() { files(run) } else { BTreeMap::new() }
}

/// What a process that was killed, or a run that was completed, must not leave behind.
pub fn litter(run: &Path) -> Vec<String> {
    let temporary = |name: &str| {
        let file = name.rsplit('/').next().unwrap_or(name);
        file.starts_with(".writing-") || file.starts_with(".tmp")
    };
    all_files(run).into_keys().filter(|name| temporary(name)).collect()
}

/// Whether a run is complete and has the bytes of another; otherwise what differs.
pub fn same(run: &Path, whole: &Path) -> Result<(), String> {
    let found = status(run).unwrap_or_default();
    if found != "complete" {
        return Err(format!("the status of the run is '{found}'"));
    }
    let left = litter(run);
    if !left.is_empty() {
        return Err(format!("left behind: {}", left.join(", ")));
    }
    if run.join("checkpoint").exists() {
        return Err("left behind: checkpoint/".into());
    }
    let (ours, theirs) = (contents(run), contents(whole));
    let missing = theirs.keys().find(|name| !ours.contains_key(*name));
    let more = ours.keys().find(|name| !theirs.contains_key(*name));
    let other = ours.iter().find(|(name, bytes)| theirs.get(*name).is_some_and(|theirs| theirs != *bytes));
    if let Some(name) = missing {
        return Err(format!("{name} is missing"));
    }
    if let Some(name) = more {
        return Err(format!("{name} is not in the run that was left alone"));
    }
    if let Some((name, _)) = other {
        return Err(format!("{name} differs"));
    }
    let (ours, theirs) = (manifest(run), manifest(whole));
    let key = |key: &String| ours[key] != theirs[key];
    match theirs.as_object().and_then(|object| object.keys().find(|name| key(name))) {
        Some(key) => Err(format!("manifest.json differs in {key}: {} and {}", ours[key], theirs[key])),
        None => Ok(()),
    }
}

fn manifest(run: &Path) -> Value {
    let mut manifest = json(&run.join("manifest.json"));
    if let Some(object) = manifest.as_object_mut() {
        object.retain(|key, _| !OF_THE_SITTING.contains(&key.as_str()));
        // A run whose checkpoints were damaged says so; that is no difference of its results.
        if let Some(warnings) = object.get_mut("warnings").and_then(Value::as_array_mut) {
            warnings.retain(|warning| !warning.as_str().is_some_and(|text| text.contains("was computed again")));
        }
    }
    manifest
}

fn contents(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = files(run);
    all.retain(|name, _| !OF_THE_CLOCK.contains(&name.as_str()));
    all
}
