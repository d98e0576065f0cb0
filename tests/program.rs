//! The program: its commands, names, input that is refused, interruption, resumption and repair.

mod common;

mod bad_input;
mod cli;
#[cfg(unix)]
mod jobs;
mod names;
#[cfg(unix)]
mod recovery_runs;
#[cfg(unix)]
mod repair;
#[cfg(unix)]
mod resume;
