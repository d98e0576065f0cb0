//! What a complete run keeps of `state/`. While it is unfinished all is kept: studies read it, and it is resumed from it.

use super::context::RunError;
use crate::config::KeptStates;
use crate::record::state::keep_final_parameters;
use crate::record::{LimitRun, RecordError, RunFolder};
use std::path::PathBuf;

/// The data, which are kept in any case.
const DATA: &str = "state/data.npz";

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
    for state in &states {
        if kept == KeptStates::Ends && (is_network(&state.id) || Some(&state.id) == limit) {
            state.files.iter().try_for_each(|path| keep_final_parameters(path))?;
        } else {
            folder.remove(&state.name)?;
        }
    }
    Ok(())
}

/// The state of a trajectory.
struct StoredState {
    /// The id of the trajectory.
    id: String,
    /// Its file, or the folder of its shares, in the run folder.
    name: String,
    /// Its files.
    files: Vec<PathBuf>,
}

/// The id of the limit: of the reference, or where that has no particles, of the particles that represent it.
fn limit_of(states: &[StoredState]) -> Option<&String> {
    let of = |run: LimitRun| states.iter().map(|state| &state.id).find(|id| *id == run.id());
    of(LimitRun::Reference).or_else(|| of(LimitRun::HalfParticles))
}

/// Whether a state is that of a network, and not of a solution of the limit.
fn is_network(id: &str) -> bool {
    !(id.starts_with("limit-") || LimitRun::ALL.iter().any(|run| run.id() == id))
}

/// The states of trajectories.
fn states(folder: &RunFolder) -> Result<Vec<StoredState>, RecordError> {
    let mut states = Vec::new();
    for name in folder.files_in("state")?.into_iter().filter(|name| name != DATA) {
        let path = folder.file(&name);
        if path.is_dir() {
            let id = name.trim_start_matches("state/").to_string();
            let files = folder.files_in(&name)?.iter().map(|file| folder.file(file)).collect();
            states.push(StoredState { id, name, files });
        } else if let Some(id) = name.trim_start_matches("state/").strip_suffix(".npz") {
            states.push(StoredState { id: id.to_string(), files: vec![path], name });
        }
    }
    Ok(states)
}
