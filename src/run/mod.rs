//! Running an experiment: the plan, its trajectories, the studies, and the run folder from opening to completion.
//!
//! | file | what |
//! |---|---|
//! | [`study`] | the interface of studies, and the registry |
//! | [`about`] | what a study is about: its question, its statement, its figures |
//! | [`curve`] | the main quantities of a run, by which runs are compared |
//! | [`context`] | options, context, outcomes, errors, report |
//! | `training_run`, [`recovery_run`], [`pruning_run`] | the three kinds of run, from the experiment to the complete manifest |
//! | [`extend`], [`extension_folder`], [`kept`], `results` | the extension of a complete run, and its copy; what is kept, and where |
//! | `lifecycle`, `invocation` | the parts common to all: opening the folder, the manifest, interruption, completion |
//! | [`journal`], [`status`] | the progress in the run folder, and what it says in another process |
//! | [`plan`], [`planner`] | the trajectories to be simulated |
//! | [`problem`] | model, population and recording times in the scalar type of the states |
//! | [`training`], [`trajectory`], [`trajectory_outcome`] | running the plan, one trajectory, its outcome |
//! | `trajectory_loop` | what whole and divided trajectories have in common |
//! | `divided`, `share_files` | one trajectory of a wide network, divided among ranks; its files |
//! | [`evaluation`], [`series`] | predictions and risk; the recorded series of a trajectory |
//! | [`limit_path`] | the limit at the recording times, with which networks are compared |
//! | [`groups`] | the records of all trajectories |
//! | [`fixed_point`], [`grid_limit`] | the limit by Picard iteration and on a grid |
//! | [`shard`], `parts` | a run as several jobs: its parts, the distribution of the work; what all parts have in common |
//! | [`tasks`], [`progress`] | the work of a study as parallel tasks; progress bars |
//! | `saved`, `checkpoint`, [`states`] | parts read back on resume; checkpoints of trajectories; trained networks from `state/` |
//! | `kept_states` | what a complete run keeps of `state/` |
//! | [`profile`] | where the time of a run goes, by phase and kind of work |
//! | [`memory`], [`memory_estimate`], [`machine_memory`] | an estimate of the memory of a run, and its parts; the memory of the machine |
//! | [`cost`], [`estimate`] | the time of a run, predicted before it starts; memory and time of an experiment of any kind |
//! | `sanity`, `routes` | the checks of every run |
//! | [`recovery_source`], [`recovery_checks`], [`recovery_memory`], [`recovery_sizes`] | sparse recovery: sources of problems, exact checks, memory |
//! | [`pruning_source`], `pruning_samples`, [`request_names`] | pruning: the model and the data, and how messages name what was asked for |
//! | [`pruning_task`], [`pruning_memory`], [`pruning_sizes`] | pruning: one pruned and scored model, memory |
//! | [`prune_folder`], `prune_progress` | the pruning of one model into a folder; what is saved after every block |
//! | [`figures`] | the figures of every run |
//! | [`export`] | the records as tables, one row a value |
//! | [`coverage`] | what intervals and verdicts are worth over many seeds |
//! | [`vary`], [`shared_limit`] | the experiments of a table `[vary]`; limits that they have in common |
//! | [`draws`] | random draws of a trajectory as arrays |

pub mod about;
mod checkpoint;
pub mod context;
pub mod cost;
pub mod coverage;
pub mod curve;
mod divided;
pub mod draws;
pub mod estimate;
pub mod evaluation;
pub mod export;
pub mod extend;
pub mod extension_folder;
pub mod figures;
pub mod fixed_point;
pub mod grid_limit;
pub mod groups;
mod invocation;
pub mod journal;
pub mod kept;
mod kept_states;
mod lifecycle;
pub mod limit_path;
pub mod machine_memory;
pub mod memory;
pub mod memory_estimate;
mod parts;
pub mod plan;
pub mod planner;
pub mod problem;
pub mod profile;
pub mod progress;
pub mod prune_folder;
mod prune_progress;
pub mod pruning_memory;
pub mod pruning_run;
mod pruning_samples;
pub mod pruning_sizes;
pub mod pruning_source;
pub mod pruning_task;
pub mod recovery_checks;
pub mod recovery_memory;
pub mod recovery_run;
pub mod recovery_sizes;
pub mod recovery_source;
pub mod request_names;
mod results;
mod routes;
mod sanity;
mod saved;
pub mod series;
pub mod shard;
mod share_files;
pub mod shared_limit;
pub mod states;
pub mod status;
pub mod study;
pub mod tasks;
pub mod training;
mod training_run;
pub mod trajectory;
mod trajectory_loop;
pub mod trajectory_outcome;
pub mod vary;

pub(crate) use context::complete;
pub use context::{FiguresError, Findings, Options, Outcome, Report, RunContext, RunError, default_folder};
pub use shard::{Part, PartError, Shard};
pub use study::Registry;

pub use training_run::run_on_sample;

use crate::config::{AnyExperiment, Experiment};
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
    run_part(experiment, (options, Part::Whole), interrupt, registry)
}

/// Computes a part of a run.
///
/// # Errors
/// As [`run`], and [`PartError`] where another part must be computed first.
pub fn run_part(
    experiment: &AnyExperiment,
    part: (&Options, Part),
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<Report, RunError> {
    run_part_on(experiment, part, &SingleRank::ranks(), interrupt, registry)
}

/// As [`run`], on several ranks, all of which call it with the same arguments. The first writes records, figures and the
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
    run_part_on(experiment, (options, Part::Whole), ranks, interrupt, registry)
}

/// Computes a part of a run on one rank, or the whole on several.
fn run_part_on(
    experiment: &AnyExperiment,
    part: (&Options, Part),
    ranks: &Ranks,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<Report, RunError> {
    let report = match experiment {
        AnyExperiment::Training(experiment) => training_run::run(experiment, part, ranks, interrupt, registry),
        AnyExperiment::Recovery(experiment) => recovery_run::run(experiment, part, ranks, interrupt, registry),
        AnyExperiment::Pruning(experiment) => pruning_run::run(experiment, part, ranks, interrupt, registry),
    };
    if let (Err(error), (options, part), true) = (&report, part, ranks.is_first())
        && part.writes_progress()
    {
        journal::record_failure(&options.out, error);
    }
    report
}

/// Extends a complete run of training, in the folder of the options, to an experiment: what stays valid is kept
/// ([`extend`]). An extension that was interrupted is continued.
///
/// # Errors
/// See [`RunError`]; a run that cannot be extended to the experiment. The folder is not changed before the experiment and
/// its data have been checked.
pub fn extend_to(
    experiment: &Experiment,
    options: &Options,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<Report, RunError> {
    training_run::extend(experiment, options, interrupt, registry)
}
