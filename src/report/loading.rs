//! How to load the records of a run in Python, with the run's own files.

use super::ReportError;
use crate::record::npz::StoredArrays;
use crate::record::{Manifest, RunFolder};

/// Most arrays that are named of a file.
const MOST_ARRAYS: usize = 6;

/// A program in Python that loads every record of a run, and the state of one of its networks. `at` is the path of the
/// folder in it.
///
/// # Errors
/// Records that are missing or damaged.
pub fn snippet(folder: &RunFolder, manifest: &Manifest, at: &str) -> Result<String, ReportError> {
    let place = serde_json::Value::from(at);
    let mut lines =
        vec!["import json".to_string(), "import numpy as np".into(), String::new(), format!("run = {place}")];
    // The files that the run wrote, and no others that the folder may hold.
    for name in manifest.records.iter().flatten().map(|(name, _)| name).filter(|name| name.starts_with("records/")) {
        let stem = name.trim_start_matches("records/");
        match stem.rsplit_once('.') {
            Some((stem, "npz")) => {
                let arrays = StoredArrays::<f64>::read(&folder.file(name))?;
                lines.push(format!("{} = np.load(run + \"/{name}\")  # {}", variable(stem), contents(&arrays)?));
            }
            Some((stem, "json")) => {
                lines.push(format!("{}_summary = json.load(open(run + \"/{name}\"))", variable(stem)));
            }
            _ => {}
        }
    }
    lines.push("checks = json.load(open(run + \"/checks.json\"))".into());
    // Networks of the widths are called n and their width.
    let kept = manifest.experiment["run"]["states"] != "none";
    let widest = manifest.trajectories.iter().rev().find(|t| kept && t.id.starts_with('n'));
    if let Some(last) = widest {
        lines.push(format!(
            "network = np.load(run + \"/state/{}.npz\")  # first and last parameters and momenta",
            last.id
        ));
    }
    Ok(lines.join("\n"))
}

/// The stem of a file as a name.
fn variable(stem: &str) -> String {
    stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// The first arrays of a file with their shapes.
fn contents(arrays: &StoredArrays) -> Result<String, ReportError> {
    let mut found = Vec::new();
    for name in arrays.names().take(MOST_ARRAYS) {
        let shape: Vec<String> = arrays.get(name)?.shape().iter().map(ToString::to_string).collect();
        found.push(format!("{name} ({})", shape.join(", ")));
    }
    let more = arrays.names().count().saturating_sub(MOST_ARRAYS);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    Ok(found.join(", "))
}
