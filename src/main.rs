//! The program `widelimit`: parses the command line, runs the command, returns the exit status.

mod cli;

use clap::Parser;
use cli::Cli;
use std::process::ExitCode;
use widelimit::compute::AlignedAllocator;

#[global_allocator]
static ALLOCATOR: AlignedAllocator = AlignedAllocator;

fn main() -> ExitCode {
    widelimit::compute::return_large_blocks();
    cli::run(Cli::parse()).unwrap_or_else(|error| {
        eprintln!("widelimit: {}", message(&error));
        ExitCode::from(2)
    })
}

/// The message of an error and its causes, each once: most messages end with that of their cause.
fn message(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text.as_str() {
        "" => cause,
        _ if text.ends_with(&cause) => text,
        _ => format!("{text}: {cause}"),
    })
}
