//! `widelimit list` and `widelimit show`: the built-in experiments.

use anyhow::Context;
use std::process::ExitCode;
use widelimit::config::builtin;

/// Prints the names and titles of the built-in experiments.
pub fn list() -> ExitCode {
    let width = builtin::names().iter().map(|name| name.len()).max().unwrap_or(0);
    for experiment in builtin::BUILTIN {
        let table = experiment.text.parse::<toml::Table>().ok();
        let title = table.and_then(|t| t.get("title")?.as_str().map(String::from));
        println!("{:width$}  {}", experiment.name, title.unwrap_or_default());
    }
    ExitCode::SUCCESS
}

/// Prints a built-in experiment.
pub fn show(name: &str) -> anyhow::Result<ExitCode> {
    let experiment = builtin::find(name).with_context(|| {
        format!("no built-in experiment is called '{name}'; there are {}", builtin::names().join(", "))
    })?;
    print!("{}", experiment.text);
    Ok(ExitCode::SUCCESS)
}
