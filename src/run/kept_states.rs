//! What a complete run keeps of `state/`. While it is unfinished all is kept: studies read it, and it is resumed from it.

use super::context::RunError;
use crate::config::KeptStates;
use crate::record::state::keep_final_parameters;
use crate::record::{LimitRun, RecordError, RunFolder};
use std::path::{Path, PathBuf};

/// The data, which are kept in any case.
const DATA: &str = "data.npz";

/// Removes from `state/` what is not to be kept. The run is complete: where the process is killed meanwhile, more is
/// kept.
///
/// # Errors
/// Files that cannot be read, written or removed.
pub(super) fn trim(folder: &RunFolder, kept: KeptStates) -> Result<(), RunError> {
    if kept == KeptStates::All {
        return Ok(());
    }
    folder.remove("state/paths")?;
    let states = states(folder)?;
    let limit = limit_of(&states);
    for path in &states {
        if kept == KeptStates::Ends && (is_network(path) || Some(path) == limit) {
            keep_final_parameters(path)?;
        } else {
            std::fs::remove_file(path).map_err(|source| RecordError::Io { path: path.clone(), source })?;
        }
    }
    Ok(())
}

/// The state of the limit: of the reference, or where that has no particles, of the particles that represent it.
fn limit_of(states: &[PathBuf]) -> Option<&PathBuf> {
    let of = |run: LimitRun| states.iter().find(|path| id(path) == run.id());
    of(LimitRun::Reference).or_else(|| of(LimitRun::HalfParticles))
}

/// Whether a state is that of a network, and not of a solution of the limit.
fn is_network(path: &Path) -> bool {
    let id = id(path);
    !(id.starts_with("limit-") || LimitRun::ALL.iter().any(|run| run.id() == id))
}

/// The id of the trajectory of a state.
fn id(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The states of trajectories.
fn states(folder: &RunFolder) -> Result<Vec<PathBuf>, RecordError> {
    let path = folder.file("state");
    let io = |source| RecordError::Io { path: path.clone(), source };
    let mut states = Vec::new();
    for entry in path.read_dir().map_err(io)? {
        let file = entry.map_err(io)?.path();
        let archive = file.extension().is_some_and(|extension| extension == "npz");
        if archive && file.file_name().is_some_and(|name| name != DATA) {
            states.push(file);
        }
    }
    Ok(states)
}
