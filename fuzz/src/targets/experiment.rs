//! Experiment files and replaced keys.

use super::{Layout, Outcome};
use std::path::Path;
use widelimit::config::{AnyExperiment, ConfigError, Experiment, Loaded, Override};
use widelimit::run::plan::Plan;

/// The name under which texts are read.
const ORIGIN: &str = "input.toml";

/// More trajectories than this are not planned.
const PLANNED: usize = 10_000;

/// An experiment file.
pub fn file(data: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(data) else { return Outcome::Skipped };
    judge(read(text, &[]))
}

/// A built-in experiment, named in the first line, with one replaced key on each of the other lines.
pub fn overrides(data: &[u8]) -> Outcome {
    let [name, lines] = Layout::Headed.split(data);
    let (Ok(name), Ok(lines)) = (std::str::from_utf8(name), std::str::from_utf8(lines)) else {
        return Outcome::Skipped;
    };
    let Some(builtin) = widelimit::config::builtin::find(name) else { return Outcome::Skipped };
    let overrides: Result<Vec<Override>, ConfigError> = lines.split('\n').map(str::parse).collect();
    judge(overrides.and_then(|overrides| read(builtin.text, &overrides)))
}

fn read(text: &str, overrides: &[Override]) -> Result<Loaded, ConfigError> {
    widelimit::parse(text, ORIGIN, Path::new(""), overrides)
}

/// Whatever is accepted is read back from what a run writes of it, and its size can be estimated.
fn judge(found: Result<Loaded, ConfigError>) -> Outcome {
    let experiment = match found {
        Ok(loaded) => loaded.experiment,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let resolved = experiment.to_toml().unwrap_or_else(|error| panic!("accepted, and not to be written: {error}"));
    let again = read(&resolved, &[]).unwrap_or_else(|error| panic!("not read back: {error}\n{resolved}"));
    assert!(again.experiment == experiment, "read back as another experiment:\n{resolved}");
    match &experiment {
        AnyExperiment::Training(experiment) => {
            same_in_the_manifest(&serde_json::to_value(experiment));
            training(experiment);
        }
        AnyExperiment::Recovery(experiment) => same_in_the_manifest(&serde_json::to_value(experiment)),
        AnyExperiment::Pruning(experiment) => same_in_the_manifest(&serde_json::to_value(experiment)),
    }
    Outcome::Accepted
}

/// A run is resumed where the experiment in its manifest equals the one that was read.
fn same_in_the_manifest(resolved: &serde_json::Result<serde_json::Value>) {
    let resolved = resolved.as_ref().expect("an experiment has text keys only");
    let text = serde_json::to_string(resolved).expect("a value has a text");
    let again: serde_json::Value = serde_json::from_str(&text).expect("a text that was just written");
    assert!(again == *resolved, "another experiment in the manifest: {text}");
}

fn training(e: &Experiment) {
    let estimate = widelimit::estimate_memory(e, e.shape_hint().unwrap_or((100, 5, 1)));
    assert!(estimate.total() > 0);
    let sweeps = e.sweeps().map(|sweep| sweep.values.len().saturating_mul(sweep.seeds));
    let variants = e.variants.iter().map(|variant| variant.seeds);
    let widths = e.widths.values.len().saturating_mul(e.widths.seeds);
    if sweeps.chain(variants).fold(widths, usize::saturating_add) <= PLANNED {
        let plan = Plan::new(e);
        let names: std::collections::BTreeSet<&str> = plan.trajectories().map(|t| t.id.as_str()).collect();
        assert_eq!(names.len(), plan.trajectories().count(), "two trajectories share a file");
    }
}
