//! The program `widelimit`: parses the command line, runs the command, returns the exit status.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod cli;

use std::process::ExitCode;
use widelimit::compute::AlignedAllocator;

#[global_allocator]
static ALLOCATOR: AlignedAllocator = AlignedAllocator;

fn main() -> ExitCode {
    widelimit::compute::return_large_blocks();
    match cli::parse() {
        Ok(command) => cli::run(command).unwrap_or_else(|error| cli::failed(&error)),
        Err(code) => code,
    }
}
