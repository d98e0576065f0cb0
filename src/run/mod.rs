//! Running an experiment: the plan, its trajectories, the studies, and the run folder from opening to completion.
//!
//! | file | what |
//! |---|---|
//! | [`study`] | the interface of studies, and the registry |
//! | [`context`] | options, context, outcomes, errors, report |
//! | `training_run`, [`recovery_run`], [`pruning_run`] | the three kinds of run, from the experiment to the complete manifest |
//! | `lifecycle` | the parts common to all: opening the folder, the manifest, interruption, completion |
//! | [`plan`], [`planner`] | the trajectories to be simulated |
//! | [`problem`] | model, population and recording times in the scalar type of the states |
//! | [`training`], [`trajectory`], [`trajectory_outcome`] | running the plan, one trajectory, its outcome |
//! | `trajectory_loop` | what whole and divided trajectories have in common |
//! | `divided`, `share_files` | one trajectory of a wide network, divided among ranks; its files |
//! | [`evaluation`], [`series`] | predictions and risk; the recorded series of a trajectory |
//! | [`limit_path`] | the limit at the recording times, with which networks are compared |
//! | [`groups`] | the records of all trajectories |
//! | [`fixed_point`], [`grid_limit`] | the limit by Picard iteration and on a grid |
//! | [`tasks`], [`progress`] | the work of a study as parallel tasks; progress bars |
//! | `saved`, `checkpoint`, [`states`] | parts read back on resume; checkpoints of trajectories; trained networks from `state/` |
//! | [`memory`], [`memory_estimate`], [`machine_memory`] | an estimate of the memory of a run, and its parts; the memory of the machine |
//! | `sanity`, `routes` | the checks of every run |
//! | [`recovery_source`], [`recovery_checks`], [`recovery_memory`], [`recovery_sizes`] | sparse recovery: sources of problems, exact checks, memory |
//! | [`pruning_source`], [`pruning_task`], [`pruning_memory`], [`pruning_sizes`] | pruning: the model and the data, one pruned and scored model, memory |
//! | [`prune_folder`], `prune_progress` | the pruning of one model into a folder; what is saved after every block |
//! | [`figures`] | the figures of every run |
//! | [`coverage`] | what intervals and verdicts are worth over many seeds |
//! | [`draws`] | random draws of a trajectory as arrays |

mod checkpoint;
pub mod context;
pub mod coverage;
mod divided;
pub mod draws;
pub mod evaluation;
pub mod figures;
pub mod fixed_point;
pub mod grid_limit;
pub mod groups;
mod lifecycle;
pub mod limit_path;
pub mod machine_memory;
pub mod memory;
pub mod memory_estimate;
pub mod plan;
pub mod planner;
pub mod problem;
pub mod progress;
pub mod prune_folder;
mod prune_progress;
pub mod pruning_memory;
pub mod pruning_run;
pub mod pruning_sizes;
pub mod pruning_source;
pub mod pruning_task;
pub mod recovery_checks;
pub mod recovery_memory;
pub mod recovery_run;
pub mod recovery_sizes;
pub mod recovery_source;
mod routes;
mod sanity;
mod saved;
pub mod series;
mod share_files;
pub mod states;
pub mod study;
pub mod tasks;
pub mod training;
mod training_run;
pub mod trajectory;
mod trajectory_loop;
pub mod trajectory_outcome;

pub(crate) use context::complete;
pub use context::{FiguresError, Findings, Options, Outcome, Report, RunContext, RunError, default_folder};
pub use study::Registry;

use crate::config::AnyExperiment;
use crate::ranks::{Ranks, SingleRank};
use std::sync::atomic::AtomicBool;

/// Runs an experiment of any kind with the studies of a registry, which must be that with which it was read.
///
/// # Errors
/// See [`RunError`]: data that cannot be read or are too large, a folder in use or holding another run, files that
/// cannot be written. The folder is not changed before the data have been read and the memory checked.
pub fn run(
    experiment: &AnyExperiment,
    options: &Options,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<Report, RunError> {
    run_on(experiment, options, &SingleRank::ranks(), interrupt, registry)
}

/// The same on several ranks, all of which call it with the same arguments. The first writes records, figures and the
/// manifest, and returns the report of the run; progress of the others is not reported.
///
/// # Errors
/// As [`run`]; ranks that differ, or do not see the same folder. An error that all ranks return is
/// [`RunError::of_all_ranks`]; after another, this rank must end the others ([`crate::ranks::Communicator::abort`]).
pub fn run_on(
    experiment: &AnyExperiment,
    options: &Options,
    ranks: &Ranks,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<Report, RunError> {
    let options = &Options { quiet: options.quiet || !ranks.is_first(), ..options.clone() };
    match experiment {
        AnyExperiment::Training(experiment) => training_run::run(experiment, options, ranks, interrupt, registry),
        AnyExperiment::Recovery(experiment) => recovery_run::run(experiment, options, ranks, interrupt, registry),
        AnyExperiment::Pruning(experiment) => pruning_run::run(experiment, options, ranks, interrupt, registry),
    }
}
