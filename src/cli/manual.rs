//! `widelimit completions`, `widelimit man` and `widelimit schema`: the command line, described for shells and for `man`;
//! experiment files, described for editors.

use super::Cli;
use super::output::{line, text};
use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::Path;
use std::process::ExitCode;

/// The name of the program.
const PROGRAM: &str = "widelimit";

/// Prints the completions of a shell.
pub fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), PROGRAM, &mut script);
    text(String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page of the program, or writes the pages of the program and of every command into a folder.
pub fn pages(out: Option<&Path>) -> anyhow::Result<ExitCode> {
    match out {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            text(String::from_utf8(page)?)?;
        }
        Some(folder) => {
            let failed = || format!("cannot write manual pages into {}", folder.display());
            std::fs::create_dir_all(folder).with_context(failed)?;
            clap_mangen::generate_to(Cli::command(), folder).with_context(failed)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the JSON schema of experiment files.
pub fn schema() -> anyhow::Result<ExitCode> {
    line(serde_json::to_string_pretty(&widelimit::experiment_schema())?)?;
    Ok(ExitCode::SUCCESS)
}
