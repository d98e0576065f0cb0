//! The program: its commands, names, reports, input that is refused, interruption, resumption and repair.

mod common;

mod bad_input;
mod cli;
mod estimate;
mod export;
mod extend;
mod figure_style;
mod folders;
#[cfg(unix)]
mod jobs;
mod journals;
mod json_answers;
mod kept_states;
mod names;
mod profile;
#[cfg(unix)]
mod recovery_runs;
#[cfg(unix)]
mod repair;
mod report;
#[cfg(unix)]
mod resume;
mod schema;
#[cfg(unix)]
mod status;
#[cfg(unix)]
mod sweep_shards;
