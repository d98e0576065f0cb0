//! What whole and divided trajectories have in common: the time loop, its error, and the file that tells how one ended.

use super::context::RunError;
use super::plan::Trajectory;
use super::problem::Problem;
use crate::compute::Real;
use crate::config::BatchSize;
use crate::dynamics::{TimeLoop, attempt_budget};
use crate::network::Activation;

/// The file of the end of a trajectory.
pub fn ended_name(run: &Trajectory) -> String {
    format!("checkpoint/{}.json", run.id)
}

/// The limits within which a trajectory is integrated.
pub fn time_loop<'a, R: Real>(problem: &'a Problem<'_, R>, run: &Trajectory) -> TimeLoop<'a> {
    let e = problem.experiment;
    let time_loop = TimeLoop::over(&problem.times)
        .diverged_above(e.dynamics.diverged_above)
        .risk_scale(problem.risk_scale())
        .exact_loss(run.integration.batch == BatchSize::Full);
    let scheme = run.integration.scheme;
    if scheme.method.is_adaptive() && e.network.activations().any(Activation::has_kink) {
        return time_loop.attempts_at_most(attempt_budget(e.horizon.time, scheme.motion.tolerance));
    }
    time_loop
}

/// The error of an adaptive method that tried more steps than allowed.
pub fn too_many_steps<R: Real>(problem: &Problem<'_, R>, run: &Trajectory, attempts: u64, time: f64) -> RunError {
    let e = problem.experiment;
    let kinked = e.network.activations().find(|activation| activation.has_kink());
    let (id, horizon, activation) = (run.id.clone(), e.horizon.time, kinked.unwrap_or(e.network.activation));
    RunError::TooManySteps { id, attempts, time, horizon, activation }
}
