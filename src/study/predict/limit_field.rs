//! The predictions of the limit at every step of the tangent system: of the tangent cloud itself, or of the grid.
//!
//! Where the limit of the experiment is computed on a grid, the tangent cloud follows the field of the grid, which has no
//! error of sampling; the cloud of half of the starts follows that of half of the nodes, so that the change of a
//! prediction between the two contains the error of the grid.

use super::Predict;
use super::cloud::TangentCloud;
use crate::compute::Threads;
use crate::config::Route;
use crate::fluctuation::{FluctuationError, RecordedField};
use crate::run::context::RunError;
use crate::run::grid_limit;
use crate::run::problem::Problem;

/// The times of the steps of the tangent system, from 0 to the horizon.
fn step_times(problem: &Problem<'_, f64>, step: f64) -> Vec<f64> {
    let steps = (problem.experiment.horizon.time / step).round() as usize;
    (0..=steps).map(|k| k as f64 * step).collect()
}

/// The predictions of the limit on the grid whose number of nodes is divided by `divisor`; `None` where the limit of the
/// experiment is not computed on a grid. `proceed` is called with the completed fraction.
///
/// # Errors
/// A grid that cannot hold the problem; [`FluctuationError::Interrupted`].
pub(super) fn of_grid(
    spec: &Predict,
    problem: &Problem<'_, f64>,
    divisor: usize,
    proceed: &dyn Fn(f64) -> bool,
) -> Result<Option<RecordedField>, RunError> {
    let e = problem.experiment;
    let Some(grid) = e.reference.grid.as_ref().filter(|_| e.reference.kind == Route::Grid) else { return Ok(None) };
    let posed = grid_limit::pose(problem, grid.nodes / divisor, grid.step).map_err(RunError::Grid)?;
    let times = step_times(problem, spec.step);
    let advance = |time: f64| proceed(time / e.horizon.time);
    let solved = posed.equation.solve(&times, Threads::Pool, advance, |_, _| ()).map_err(RunError::Grid)?;
    let limit = solved.ok_or(FluctuationError::Interrupted)?;
    Ok(Some(RecordedField { nodes: posed.predictions(problem.sample.x.view(), &limit) }))
}

impl TangentCloud<'_> {
    /// The predictions of the cloud's own average at every step.
    ///
    /// # Errors
    /// States that stop being finite; [`FluctuationError::Interrupted`].
    pub fn own_field(&self, interrupted: &dyn Fn(f64) -> bool) -> Result<RecordedField, RunError> {
        let ensemble = self.ensemble();
        let times = step_times(self.problem, self.spec.step);
        let mut nodes = Vec::with_capacity(times.len());
        TangentCloud { given: None, ..*self }.simulate(self.scheme(), &times, interrupted, &mut |_, state| {
            let x = &ensemble.population.x;
            nodes.push(ensemble.network.predict(ensemble.width, &state.theta, x, Threads::Pool));
        })?;
        Ok(RecordedField { nodes })
    }

    /// The root mean square, over the samples, of the difference at the end between the average of the cloud, with the
    /// parameters `theta`, and the field that it was given, divided by that of the labels; `None` where the cloud
    /// follows its own average.
    pub fn distance_from_given(&self, theta: &[f64]) -> Option<f64> {
        let given = self.given?.nodes.last()?;
        let (ensemble, y) = (self.ensemble(), &self.problem.population.y);
        let own = ensemble.network.predict(ensemble.width, theta, &ensemble.population.x, Threads::Pool);
        let square: f64 = own.iter().zip(given).map(|(a, b)| (a - b).powi(2)).sum();
        Some((square / y.iter().map(|y| y * y).sum::<f64>()).sqrt())
    }
}
