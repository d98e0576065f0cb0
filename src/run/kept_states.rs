//! What a complete run keeps of `state/`. While it is unfinished all is kept: studies read it, and it is resumed from it.

use super::context::RunError;
use crate::choice::Choice;
use crate::config::KeptStates;
use crate::record::state::write_final_parameters;
use crate::record::{Checksums, LimitRun, Manifest, RunFolder};
use std::path::Path;

/// The data, which are kept in any case.
const DATA: &str = "state/data.npz";

/// The folder of the files of tasks.
const PATHS: &str = "state/paths/";

/// What the run of a manifest keeps of its states; other runs than those of training keep all.
pub fn kept(manifest: &Manifest) -> KeptStates {
    let name = manifest.experiment.pointer("/run/states").and_then(|kept| kept.as_str());
    name.and_then(|name| KeptStates::from_name(name).ok()).unwrap_or(KeptStates::All)
}

/// The checksums of the files that are kept in `state/`. Files that are reduced are written beside it; they are put in
/// place when the manifest names them ([`RunFolder::settle_states`]).
///
/// # Errors
/// Files that cannot be read or written.
pub(super) fn stage(folder: &RunFolder, manifest: &Manifest) -> Result<Checksums, RunError> {
    let (names, kept) = (folder.state_names()?, kept(manifest));
    if kept == KeptStates::All {
        return Ok(folder.state_checksums(names)?);
    }
    let (data, states): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| name == DATA);
    let ids: Vec<&str> = states.iter().filter_map(|name| id_of(name)).collect();
    let limit = limit_of(&ids);
    let is_kept = |id: &str| kept == KeptStates::Ends && (is_network(id) || Some(id) == limit);
    let reduced: Vec<String> = states.iter().filter(|name| id_of(name).is_some_and(is_kept)).cloned().collect();
    folder.stage_states(data, &reduced, |from: &Path, to: &Path| Ok(write_final_parameters(from, to)?))
}

/// The id of the trajectory of a file in `state/`, which may be that of a part of its neurons.
fn id_of(name: &str) -> Option<&str> {
    let file = name.strip_prefix("state/").filter(|_| !name.starts_with(PATHS))?;
    file.split_once('/').map(|(id, _)| id).or_else(|| file.strip_suffix(".npz"))
}

/// The id of the limit: of the reference, or where that has no particles, of the particles that represent it.
fn limit_of<'a>(ids: &[&'a str]) -> Option<&'a str> {
    let of = |run: LimitRun| ids.iter().copied().find(|id| *id == run.id());
    of(LimitRun::Reference).or_else(|| of(LimitRun::HalfParticles))
}

/// Whether a state is that of a network, and not of a solution of the limit.
pub(super) fn is_network(id: &str) -> bool {
    !(id.starts_with("limit-") || LimitRun::ALL.iter().any(|run| run.id() == id))
}
