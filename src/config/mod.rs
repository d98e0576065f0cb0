//! The experiment file: one TOML file describes a problem and the studies to run on it.
//!
//! Reading collects *every* problem before anything is computed: unknown keys, wrong types and impossible values are
//! reported together, each with its file, key, value and what would be right (`section.rs`). What comes out is an
//! [`Experiment`]: complete, checked, and able to write itself back as TOML.

pub mod builtin;
pub mod memory;
mod override_key;
mod problem;
mod read;
mod read_population;
mod read_studies;
mod section;
mod studies;
mod validate;

mod experiment;

pub use experiment::{
    BatchSize, Dynamics, Experiment, Gridded, Horizon, Iterated, NetworkKind, NetworkSpec, Precision, Reference, Route,
    RunOptions, Widths,
};
pub use override_key::Override;
pub use problem::{ConfigError, Problem};
pub use studies::{Bezier, Connect, Converge, Dropout, Gap, Kinetic, Over, PicardStudy, RadialStudy, Sweep, Variant};

use std::path::Path;

/// Reads an experiment from TOML text. `origin` names the text in messages; relative data paths are taken from `base`.
pub fn parse(text: &str, origin: &str, base: &Path, overrides: &[Override]) -> Result<Experiment, ConfigError> {
    let mut table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| ConfigError::Syntax { file: origin.into(), message: error.to_string() })?;
    for entry in overrides {
        entry.apply(&mut table)?;
    }
    let problems = problem::Problems::new(origin, overrides);
    let experiment = read::experiment(table, base, &problems);
    validate::validate(&experiment, &problems);
    problems.into_result(experiment)
}

/// Reads the experiment called `name`: a built-in one, or a file.
pub fn load(name: &str, overrides: &[Override]) -> Result<Experiment, ConfigError> {
    if let Some(builtin) = builtin::find(name) {
        return parse(builtin.text, name, Path::new("."), overrides);
    }
    let path = Path::new(name);
    if !path.exists() {
        return Err(ConfigError::NoSuchExperiment { name: name.into(), builtin: builtin::names() });
    }
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { file: name.into(), source })?;
    parse(&text, name, path.parent().unwrap_or(Path::new(".")), overrides)
}
