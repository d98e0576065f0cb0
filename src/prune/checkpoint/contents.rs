//! The files of a model's folder by name, and what a folder holds that is not one of a model.

use super::super::error::PruneError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The name of the configuration.
pub(super) const CONFIG: &str = "config.json";
/// The name of weights in one file.
pub(super) const SINGLE: &str = "model.safetensors";
/// The name of the index of weights in several files.
pub(super) const INDEX: &str = "model.safetensors.index.json";
/// Endings of files with weights in other formats.
const OTHER_WEIGHTS: [&str; 9] = ["bin", "pt", "pth", "h5", "msgpack", "onnx", "gguf", "ot", "ckpt"];
/// The file that every folder of a run has.
const MANIFEST: &str = "manifest.json";
/// Names that a message lists at most.
const LISTED: usize = 6;
/// Folders within each other in which a model is looked for: caches have `snapshots/REVISION/`.
const DEPTH: usize = 2;

/// Whether the name of a file is that of weights in another format, or of their index.
pub(super) fn is_other_weights(name: &str) -> bool {
    let stem = name.strip_suffix(".index.json").unwrap_or(name);
    Path::new(stem).extension().is_some_and(|ending| OTHER_WEIGHTS.iter().any(|other| ending == *other))
}

/// An error that says what is at a path, unless it is a folder with a configuration and with weights that can be read.
///
/// # Errors
/// [`PruneError::NoModel`]; a folder that cannot be read.
pub(super) fn require_model(path: &Path) -> Result<(), PruneError> {
    let no_model = |found: String| Err(PruneError::NoModel { path: path.into(), found });
    let entries = match names(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return no_model("does not exist".into()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return no_model("is a file and not a folder".into());
        }
        Err(error) => return Err(PruneError::read(path)(error)),
    };
    let has = |name: &str| entries.iter().any(|entry| entry == name);
    let (configured, weighted) = (has(CONFIG), has(SINGLE) || has(INDEX));
    if configured && weighted {
        return Ok(());
    }
    if entries.is_empty() {
        return no_model("is an empty folder".into());
    }
    if has(MANIFEST) && !weighted {
        return no_model("is the folder of a run and not of a model".into());
    }
    let missing = match (configured, weighted) {
        (true, _) => format!("has {CONFIG}, but neither {SINGLE} nor {INDEX}"),
        (_, true) => format!("has weights, but no {CONFIG}"),
        _ => format!("has no {CONFIG}"),
    };
    if !configured && let Some(model) = model_within(path, DEPTH) {
        return no_model(format!("{missing}; the model in it is {}", model.display()));
    }
    if !weighted && let Some(other) = entries.iter().find(|name| is_other_weights(name)) {
        return no_model(format!("{missing}; the weights of {other} are in a format that is not read"));
    }
    no_model(format!("{missing}; it holds {}", listed(&entries)))
}

/// The names of what is in a folder, hidden files excepted, in alphabetic order.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    let mut names: Vec<String> = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable();
    Ok(names)
}

/// The first folder in a folder that has a configuration and weights.
fn model_within(folder: &Path, depth: usize) -> Option<PathBuf> {
    let within: Vec<_> = names(folder).ok()?.into_iter().map(|name| folder.join(name)).filter(|p| p.is_dir()).collect();
    let is_model =
        |path: &&PathBuf| path.join(CONFIG).is_file() && (path.join(SINGLE).is_file() || path.join(INDEX).is_file());
    let found = within.iter().find(is_model).cloned();
    found.or_else(|| if depth > 1 { within.iter().find_map(|path| model_within(path, depth - 1)) } else { None })
}

/// Some names, and the number of the others.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
