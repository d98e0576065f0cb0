//! Whether the records in a run folder are those that its manifest names, and the manifest that of its experiment.

use crate::record::{CHECKS, EXPERIMENT, Manifest, RecordError, RunFolder, RunKind};
use crate::run::study::Registry;

/// Checks the kind, the studies and the trajectories of the manifest against the experiment, and the records against
/// their checksums, which complete runs have.
pub(super) fn check(folder: &RunFolder, manifest: &Manifest, registry: &Registry) -> Result<(), RecordError> {
    if let Some(problem) = problem(manifest, registry) {
        return Err(RecordError::Manifest { path: folder.file("manifest.json"), problem });
    }
    let mut records = manifest.records.clone().unwrap_or_default();
    // No figure shows the checks or the file of the experiment.
    records.retain(|name, _| name != CHECKS && name != EXPERIMENT);
    folder.require_unaltered(&records)
}

/// What in the manifest does not fit its experiment.
fn problem(manifest: &Manifest, registry: &Registry) -> Option<String> {
    let kind = match manifest.experiment.get("kind").and_then(|kind| kind.as_str()) {
        Some("recovery") => RunKind::Recovery,
        Some("pruning") => RunKind::Pruning,
        _ => RunKind::Training,
    };
    if manifest.kind != kind {
        return Some(format!("kind is {:?}, and the experiment is of the kind {kind:?}", manifest.kind));
    }
    let known: Vec<&str> = match kind {
        RunKind::Training => registry.training.iter().map(|study| study.name).collect(),
        RunKind::Recovery => registry.recovery.iter().map(|study| study.name).collect(),
        RunKind::Pruning => registry.pruning.iter().map(|study| study.name).collect(),
    };
    if let Some(name) = manifest.studies.iter().find(|name| !known.contains(&name.as_str())) {
        return Some(format!("studies names '{name}'; the studies are {}", known.join(", ")));
    }
    let in_experiment = |name: &str| manifest.experiment.get(name).is_some();
    if let Some(name) = manifest.studies.iter().find(|name| !in_experiment(name)) {
        return Some(format!("studies names '{name}', and the experiment has no table [{name}]"));
    }
    let listed = |name: &str| manifest.studies.iter().any(|study| study == name);
    if let Some(name) = known.into_iter().find(|name| in_experiment(name) && !listed(name)) {
        return Some(format!("the experiment has the table [{name}], and studies does not name it"));
    }
    if kind == RunKind::Training && manifest.trajectories.is_empty() {
        return Some("trajectories is empty".into());
    }
    manifest.records.as_ref().is_some_and(|records| records.is_empty()).then(|| "records is empty".into())
}
