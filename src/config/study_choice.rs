//! The choice of some studies of an experiment, as by `--study`.

use super::error::{ConfigError, did_you_mean_of};
use super::study::Readers;
use toml::Table;

/// Removes the tables of all studies but the chosen ones; returns notes on what the chosen ones would use.
///
/// # Errors
/// [`ConfigError::NoSuchStudy`] for a name without a table.
pub(super) fn keep(table: &mut Table, chosen: &[String], readers: &Readers) -> Result<Vec<String>, ConfigError> {
    let known = readers.studies();
    let present: Vec<String> = table.keys().filter(|key| known.iter().any(|(name, _)| name == key)).cloned().collect();
    let renamed = readers.renamed();
    let current = |name: &String| -> String {
        renamed.iter().find(|(old, _)| old == name).map_or(name.clone(), |(_, new)| (*new).into())
    };
    let chosen: Vec<String> = chosen.iter().map(current).collect();
    if let Some(unknown) = chosen.iter().find(|name| !present.contains(name)) {
        let table = known.iter().any(|(name, _)| name == unknown);
        let advice = match (table, did_you_mean_of(unknown, &present)) {
            (true, _) => format!("add the table [{unknown}] to it, as by --set {unknown}.KEY=VALUE"),
            (false, Some(nearest)) => format!("did you mean '{nearest}'?"),
            (false, None) => "expected the name of a table of a study".into(),
        };
        return Err(ConfigError::NoSuchStudy { name: unknown.clone(), known: present, advice });
    }
    let listed = |names: &[String], key: &str| names.iter().any(|name| name == key);
    table.retain(|key, _| !listed(&present, key) || listed(&chosen, key));
    let mut notes = Vec::new();
    for (name, uses) in known.iter().filter(|(name, _)| chosen.iter().any(|one| one == name)) {
        for used in uses.iter().filter(|used| present.iter().any(|one| one == *used) && !table.contains_key(**used)) {
            notes.push(format!("[{name}] compares with [{used}], which is left out; add {used} to --study for that"));
        }
    }
    Ok(notes)
}
