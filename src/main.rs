//! The program: parses the command line, runs, returns the exit code.

mod cli;

use clap::Parser;
use cli::Cli;
use std::process::ExitCode;
use widelimit::compute::AlignedAllocator;

#[global_allocator]
static ALLOCATOR: AlignedAllocator = AlignedAllocator;

fn main() -> ExitCode {
    cli::run(Cli::parse()).unwrap_or_else(|error| {
        eprintln!("widelimit: {}", message(&error));
        ExitCode::from(2)
    })
}

/// An error with its causes, each once: most messages include their cause.
fn message(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text.as_str() {
        "" => cause,
        _ if text.ends_with(&cause) => text,
        _ => format!("{text}: {cause}"),
    })
}
