//! Whether a path is a place for files of a command: a run folder holds its run alone.

use super::error::RecordError;
use super::folder::{FOLDERS, MANIFEST};
use super::manifest::SWEEP;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Sub-folders of a run in which commands may write what is made from its records.
const DRAWN: [&str; 2] = ["figures", "export"];

/// The folder of the points of a sweep, a run each.
pub const POINTS: &str = "points";

/// Checks that a path at which a run is to be is in no other run, and in a sweep only at the place of a point.
///
/// # Errors
/// [`RecordError::Inside`].
pub fn require_place_of_run(path: &Path) -> Result<(), RecordError> {
    let (there, rest) = located(path);
    for folder in there.ancestors().filter(|folder| !rest.as_os_str().is_empty() || *folder != there) {
        let below = there.strip_prefix(folder).unwrap_or(Path::new("")).join(&rest);
        let is_point = below.parent() == Some(Path::new(POINTS));
        if is_run(folder) || (is_sweep(folder) && !is_point) {
            return Err(RecordError::Inside { path: path.into(), run: folder.into() });
        }
    }
    Ok(())
}

/// Checks that a path at which a command writes what it makes of runs is in no sub-folder in which a run itself writes.
///
/// # Errors
/// [`RecordError::Inside`].
pub fn require_place_of_files(path: &Path) -> Result<(), RecordError> {
    let (there, rest) = located(path);
    for folder in there.ancestors().filter(|folder| is_run(folder)) {
        let below = there.strip_prefix(folder).unwrap_or(Path::new("")).join(&rest);
        let first = below.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
        if first.is_some_and(|first| FOLDERS.contains(&first.as_str()) && !DRAWN.contains(&first.as_str())) {
            return Err(RecordError::Inside { path: path.into(), run: folder.into() });
        }
    }
    Ok(())
}

/// The part of a path that exists, without links, and the rest.
fn located(path: &Path) -> (PathBuf, PathBuf) {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let found = whole.ancestors().find_map(|part| Some((part.canonicalize().ok()?, part)));
    let Some((there, part)) = found else { return (whole.clone(), PathBuf::new()) };
    (there, whole.strip_prefix(part).map(PathBuf::from).unwrap_or_default())
}

/// Whether a folder holds a run. Other programs have manifests, too.
fn is_run(folder: &Path) -> bool {
    let text = std::fs::read_to_string(folder.join(MANIFEST)).ok();
    let manifest: Option<Value> = text.and_then(|text| serde_json::from_str(&text).ok());
    manifest.is_some_and(|manifest| manifest.get("version").is_some() && manifest.get("experiment").is_some())
}

/// Whether a folder holds a sweep.
fn is_sweep(folder: &Path) -> bool {
    folder.join(SWEEP).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_in_no_other_run() {
        let here = tempfile::tempdir().unwrap();
        let at = |name: &str| here.path().join(name);
        for folder in ["run/records", "sweep/points/a", "web"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        std::fs::write(at("run/manifest.json"), "{\"version\": \"1\", \"experiment\": {}}").unwrap();
        std::fs::write(at("sweep").join(SWEEP), "{}").unwrap();
        // That of another program.
        std::fs::write(at("web/manifest.json"), "{\"version\": \"1\"}").unwrap();
        let fine = ["run", "other", "a/b", "sweep", "sweep/points/a", "sweep/points/new", "web/run", "run/../other"];
        for path in fine {
            assert!(require_place_of_run(&at(path)).is_ok(), "{path}");
        }
        for path in
            ["run/records", "run/new", "run/a/b", "run/records/x", "sweep/x", "sweep/points", "sweep/points/a/x"]
        {
            let error = require_place_of_run(&at(path)).map_err(|error| error.to_string());
            assert!(error.is_err_and(|error| error.contains("is inside")), "{path}");
        }
        for (path, right) in [("run/figures", true), ("run/paper", true), ("other", true), ("run/records", false)] {
            assert_eq!(require_place_of_files(&at(path)).is_ok(), right, "{path}");
        }
    }
}
