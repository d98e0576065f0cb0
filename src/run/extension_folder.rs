//! The folder of a run that is to be extended: what it holds, and its copy elsewhere.

use crate::analysis::verdict::Check;
use crate::record::{RecordError, RunFolder, differing_keys, require_place_of_run};
use serde_json::Value;
use std::path::Path;

/// The resolved experiment to which overrides of an extension apply: that of a complete run. Of an extension that is
/// unfinished it is that of the run before, or the present one where there are no overrides.
///
/// # Errors
/// A folder without a run; a run that is unfinished and is no extension.
pub fn base_experiment(folder: &RunFolder, overrides: bool) -> Result<Value, RecordError> {
    let manifest = folder.manifest()?;
    match manifest.extends.last().filter(|_| folder.require_complete().is_err()) {
        None => folder.require_complete().map(|()| manifest.experiment),
        Some(earlier) => Ok(if overrides { earlier.clone() } else { manifest.experiment }),
    }
}

/// The checks of a complete run of the resolved experiment, where nothing is to be extended; `None` of another run.
///
/// # Errors
/// Files that are missing, damaged or altered.
pub fn checks_of(folder: &RunFolder, resolved: &Value) -> Result<Option<Vec<Check>>, RecordError> {
    if folder.require_complete().is_err() || !differing_keys("", &folder.manifest()?.experiment, resolved).is_empty() {
        return Ok(None);
    }
    folder.verified_checks().map(Some)
}

/// Copies a complete run to another folder, which appears complete or not at all. Where the folder holds an extension
/// that is unfinished, it is left as it is. Returns whether the run was copied.
///
/// # Errors
/// A run that is unfinished, a folder that holds something else, files that cannot be read or written.
pub fn copy(from: &RunFolder, to: &Path) -> Result<bool, RecordError> {
    let io = |source| RecordError::Io { path: to.into(), source };
    if let Ok(manifest) = RunFolder::existing(to).and_then(|folder| folder.manifest()) {
        let unfinished = RunFolder::existing(to)?.require_complete().is_err();
        if unfinished && !manifest.extends.is_empty() {
            return Ok(false);
        }
        return Err(RecordError::Exists { path: to.into(), status: manifest.status });
    }
    if to.exists() && to.read_dir().map_err(io)?.next().is_some() {
        return Err(RecordError::Foreign { path: to.into() });
    }
    require_place_of_run(to)?;
    from.require_complete()?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(io)?;
    let temporary = tempfile::Builder::new().prefix(".writing-").tempdir_in(parent).map_err(io)?;
    let copied = temporary.path().join("run");
    copy_folder(from.path(), &copied).map_err(io)?;
    std::fs::rename(&copied, to).map_err(io)?;
    Ok(true)
}

/// Removes the folder to which [`copy`] has copied a run, where no extension of it has begun there.
///
/// # Errors
/// A manifest that cannot be read, a folder that cannot be removed.
pub fn remove_unused_copy(of: &RunFolder, at: &Path) -> Result<(), RecordError> {
    if RunFolder::existing(at)?.manifest()? != of.manifest()? {
        return Ok(());
    }
    std::fs::remove_dir_all(at).map_err(|source| RecordError::Io { path: at.into(), source })
}

/// Copies the files of a folder and of its sub-folders. Hidden files, as the lock is one, and checkpoints are left out.
fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in from.read_dir()? {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        let hidden = name.to_string_lossy().starts_with('.');
        match entry.symlink_metadata()? {
            about if about.is_dir() && name != "checkpoint" => copy_folder(&entry, &to.join(&name))?,
            about if about.is_file() && !hidden => std::fs::copy(&entry, to.join(&name)).map(|_| ())?,
            _ => {}
        }
    }
    Ok(())
}
