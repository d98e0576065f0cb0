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
mod read_recovery;
mod read_studies;
mod recovery;
mod section;
mod studies;
mod validate;
mod validate_routes;

mod experiment;

pub use experiment::{
    BatchSize, Dynamics, Experiment, Gridded, Horizon, Iterated, NetworkKind, NetworkSpec, Precision, Reference, Route,
    RunOptions, Widths,
};
pub use override_key::Override;
pub use problem::{ConfigError, Problem};
pub use recovery::{MnistSignals, Noise, Phase, ProblemSpec, Rates, Recover, RecoveryExperiment, Solver};
pub use studies::{Bezier, Connect, Converge, Dropout, Gap, Kinetic, Over, PicardStudy, RadialStudy, Sweep, Variant};

use std::path::Path;

/// An experiment of either kind. The kind is the top-level key `kind` of the file: `"training"`, which may be left out, or
/// `"recovery"`.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyExperiment {
    /// Networks and their mean-field limit.
    Training(Box<Experiment>),
    /// Sparse recovery.
    Recovery(Box<RecoveryExperiment>),
}

impl AnyExperiment {
    /// Name of the run folder.
    pub fn name(&self) -> &str {
        match self {
            Self::Training(e) => &e.name,
            Self::Recovery(e) => &e.name,
        }
    }

    /// One line for people.
    pub fn title(&self) -> &str {
        match self {
            Self::Training(e) => &e.title,
            Self::Recovery(e) => &e.title,
        }
    }

    /// The experiment as TOML that reads back as itself.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        match self {
            Self::Training(e) => e.to_toml(),
            Self::Recovery(e) => toml::to_string(e),
        }
    }
}

/// Reads an experiment of either kind from TOML text. `origin` names the text in messages; relative data paths are taken
/// from `base`.
pub fn parse_any(text: &str, origin: &str, base: &Path, overrides: &[Override]) -> Result<AnyExperiment, ConfigError> {
    let mut table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| ConfigError::Syntax { file: origin.into(), message: error.to_string() })?;
    for entry in overrides {
        entry.apply(&mut table)?;
    }
    let problems = problem::Problems::new(origin, overrides);
    let kind = table.remove("kind");
    match kind.as_ref().map(|kind| kind.as_str()) {
        None | Some(Some("training")) => {
            let experiment = read::experiment(table, base, &problems);
            validate::validate(&experiment, &problems);
            problems.into_result(AnyExperiment::Training(Box::new(experiment)))
        }
        Some(Some("recovery")) => {
            let experiment = read_recovery::experiment(table, base, &problems);
            problems.into_result(AnyExperiment::Recovery(Box::new(experiment)))
        }
        Some(_) => {
            problems.add("kind", kind.map(|kind| kind.to_string()), "expected one of \"training\", \"recovery\"");
            Err(problems.into_error())
        }
    }
}

/// Reads an experiment that trains networks from TOML text, as [`parse_any`] does.
pub fn parse(text: &str, origin: &str, base: &Path, overrides: &[Override]) -> Result<Experiment, ConfigError> {
    training(parse_any(text, origin, base, overrides)?, origin, overrides)
}

fn training(any: AnyExperiment, origin: &str, overrides: &[Override]) -> Result<Experiment, ConfigError> {
    match any {
        AnyExperiment::Training(experiment) => Ok(*experiment),
        AnyExperiment::Recovery(_) => {
            let problems = problem::Problems::new(origin, overrides);
            problems.add("kind", Some("\"recovery\"".into()), "expected an experiment that trains networks");
            Err(problems.into_error())
        }
    }
}

/// Reads the experiment called `name`, of either kind: a built-in one, or a file.
pub fn load_any(name: &str, overrides: &[Override]) -> Result<AnyExperiment, ConfigError> {
    if let Some(builtin) = builtin::find(name) {
        return parse_any(builtin.text, name, Path::new("."), overrides);
    }
    let path = Path::new(name);
    if !path.exists() {
        return Err(ConfigError::NoSuchExperiment { name: name.into(), builtin: builtin::names() });
    }
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { file: name.into(), source })?;
    parse_any(&text, name, path.parent().unwrap_or(Path::new(".")), overrides)
}

/// Reads the experiment called `name` that trains networks: a built-in one, or a file.
pub fn load(name: &str, overrides: &[Override]) -> Result<Experiment, ConfigError> {
    training(load_any(name, overrides)?, name, overrides)
}
