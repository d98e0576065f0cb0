//! `widelimit list` and `widelimit show`: the built-in experiments.

use super::json;
use super::output::{line, text};
use anyhow::Context;
use std::process::ExitCode;
use widelimit::config::{builtin, did_you_mean};

/// Prints the names and titles of the built-in experiments; as JSON their kinds and studies too.
pub fn list(json: bool) -> anyhow::Result<ExitCode> {
    if json {
        return json::experiments();
    }
    let width = builtin::names().iter().map(|name| name.len()).max().unwrap_or(0);
    for experiment in builtin::BUILTIN {
        let table = experiment.text.parse::<toml::Table>().ok();
        let title = table.and_then(|t| t.get("title")?.as_str().map(String::from));
        line(format!("{:width$}  {}", experiment.name, title.unwrap_or_default()))?;
    }
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
