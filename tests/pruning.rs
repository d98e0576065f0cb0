//! Pruning of Transformers: the library against known answers, experiments, and the command.

mod common;

mod prune;
#[cfg(unix)]
mod prune_command;
#[cfg(unix)]
mod prune_runs;
