//! Trained networks, read from `state/` in double precision.

use super::context::RunError;
use super::plan::Trajectory;
use super::problem::Problem;
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
