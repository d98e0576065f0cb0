//! Parse, run, exit code; nothing else.

use clap::Parser;
use std::process::ExitCode;
use widelimit::cli::{self, Cli};
use widelimit::compute::OnCacheLines;

#[global_allocator]
static ALLOCATOR: OnCacheLines = OnCacheLines;

fn main() -> ExitCode {
    cli::run(Cli::parse()).unwrap_or_else(|error| {
        eprintln!("widelimit: {}", words(&error));
        ExitCode::from(2)
    })
}

/// An error with its causes, each once: most errors tell their cause themselves.
fn words(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        _ if said.ends_with(&cause) => said,
        _ => format!("{said}: {cause}"),
    })
}
