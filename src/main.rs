//! Parse, run, exit code; nothing else.

use clap::Parser;
use std::process::ExitCode;
use widelimit::cli::{self, Cli};
use widelimit::network::kernel::OnCacheLines;

#[global_allocator]
static ALLOCATOR: OnCacheLines = OnCacheLines;

fn main() -> ExitCode {
    cli::run(Cli::parse()).unwrap_or_else(|error| {
        eprintln!("widelimit: {error:#}");
        ExitCode::from(2)
    })
}
