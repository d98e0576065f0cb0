//! Carrying an experiment out: the plan, its trajectories, the studies, and the run folder from opening to completion.
//!
//! | file | what |
//! |---|---|
//! | [`study`] | the interface of studies, and the registry |
//! | [`context`] | options, context, outcomes, errors, report |
//! | `training_run`, `recovery_run` | the two kinds of run, from the experiment to the closed manifest |
//! | `lifecycle` | what both share: opening the folder, the manifest, interruption, completion |
//! | [`plan`], [`planner`] | every trajectory that has to be simulated |
//! | [`problem`] | model, population and recording times in the states' scalar type |
//! | [`training`], [`trajectory`], [`trajectory_outcome`] | carrying the plan out, one run of the time loop, its outcome |
//! | [`evaluation`], [`series`], [`limit_path`], [`groups`] | predictions and risk, what is recorded of a trajectory, the path that others are compared with, the records of all |
//! | `fixed_point`, [`grid_limit`] | limits by Picard's iteration and on a grid |
//! | [`tasks`], [`progress`] | a study's work as tasks; progress bars |
//! | `checkpoint`, [`states`] | what is saved under way, and trained networks read back |
//! | [`memory`], [`machine_memory`] | the memory of a run, estimated before it starts; that of the machine |
//! | `sanity`, `routes` | checks of every run |
//! | [`recovery_source`] | where problems of sparse recovery come from |
//! | [`figures`] | the figures of every run |
//! | [`draws`] | random draws of a trajectory as arrays |

mod checkpoint;
pub mod context;
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
pub mod plan;
pub mod planner;
pub mod problem;
pub mod progress;
pub mod recovery_run;
pub mod recovery_source;
mod routes;
mod sanity;
pub mod series;
pub mod states;
pub mod study;
pub mod tasks;
pub mod training;
mod training_run;
pub mod trajectory;
pub mod trajectory_outcome;

pub(crate) use context::complete;
pub use context::{FiguresError, Findings, Options, Outcome, Report, RunContext, RunError, default_folder};
pub use study::Registry;

use crate::config::AnyExperiment;
use std::sync::atomic::AtomicBool;

/// Runs an experiment of either kind with the studies of a registry, which must be the one that it was read with.
///
/// # Errors
/// Data that cannot be read or do not fit, a folder in use or holding another run, a full disk: see [`RunError`]. The
/// folder is not touched before the data have been read and the memory checked.
pub fn run(
    experiment: &AnyExperiment,
    options: &Options,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<Report, RunError> {
    match experiment {
        AnyExperiment::Training(experiment) => training_run::run(experiment, options, interrupt, registry),
        AnyExperiment::Recovery(experiment) => recovery_run::run(experiment, options, interrupt, registry),
    }
}
