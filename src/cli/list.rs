//! `widelimit list` and `widelimit show`: the built-in experiments.

use super::json;
use super::output::{line, text};
use super::table;
use anyhow::Context;
use std::process::ExitCode;
use widelimit::config::{builtin, did_you_mean};

/// Prints the names and titles of the built-in experiments; as JSON their kinds and studies too.
pub fn list(json: bool) -> anyhow::Result<ExitCode> {
    if json {
        return json::experiments();
    }
    let title = |text: &str| Some(text.parse::<toml::Table>().ok()?.get("title")?.as_str()?.to_string());
    let rows: Vec<[String; 2]> = builtin::BUILTIN
        .iter()
        .map(|experiment| [experiment.name.into(), title(experiment.text).unwrap_or_default()])
        .collect();
    line(table::columns(&rows))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a built-in experiment.
pub fn show(name: &str) -> anyhow::Result<ExitCode> {
    let experiment = builtin::find(name).with_context(|| {
        let names = builtin::names().join(", ");
        format!("no built-in experiment is called '{name}'; {}there are {names}", did_you_mean(name))
    })?;
    text(experiment.text)?;
    Ok(ExitCode::SUCCESS)
}
