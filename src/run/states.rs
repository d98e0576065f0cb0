//! Trained networks, read from `state/` in double precision.

use super::context::RunError;
use super::plan::{Plan, Trajectory};
use super::problem::Problem;
use super::tasks::Task;
use super::training::Trained;
use crate::network::ParameterVector;
use crate::record::RunFolder;
use crate::record::state::FinalParts;

/// Final canonical parameters of a trajectory.
///
/// # Errors
/// A state that is missing or is not one of this network.
pub fn final_point(
    folder: &RunFolder,
    problem: &Problem<'_, f64>,
    run: &Trajectory,
) -> Result<ParameterVector, RunError> {
    let parts = FinalParts::read(&folder.file(&format!("state/{}.npz", run.id)))?;
    Ok(parts.canonical(&problem.network, run.width())?)
}

/// A network of the widths at the horizon: the indices of its width and its seed, and its trajectory.
pub type TrainedNetwork<'a> = (usize, usize, &'a Trajectory);

/// A task of a study for every network of the widths that reached the horizon, called `STUDY-ID`.
pub fn network_tasks<'a>(study: &str, plan: &'a Plan, trained: &Trained) -> Vec<Task<TrainedNetwork<'a>>> {
    let mut tasks = Vec::new();
    for (w, ids) in plan.groups[0].ids.iter().enumerate() {
        for (seed, id) in ids.iter().enumerate().filter(|(_, id)| trained.reached_horizon(id)) {
            if let Some(run) = plan.find(id) {
                tasks.push(Task { name: format!("{study}-{id}"), size: run.width(), item: (w, seed, run) });
            }
        }
    }
    tasks
}
