//! Parse, run, exit code; nothing else.

use clap::Parser;
use std::process::ExitCode;
use widelimit::cli::{self, Cli};

fn main() -> ExitCode {
    cli::run(Cli::parse()).unwrap_or_else(|error| {
        eprintln!("widelimit: {error:#}");
        ExitCode::from(2)
    })
}
