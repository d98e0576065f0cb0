//! Routes to the same limit: that they agree within their stated errors.

use super::plan::{GRID_HALF_STEP, HALF_NODES, HALF_PARTICLES, HALF_SAMPLE, HALF_STEP, REFERENCE, by_route};
use super::series::{row, sup};
use super::training::Trained;
use crate::analysis::verdict::Check;
use crate::config::{Experiment, Route};

/// Stated errors are themselves measured once, from half the particles or nodes and half the step: routes agree within so many
/// of them.
const WITHIN: f64 = 3.0;

/// Distance of predictions that the order of sums explains.
const ROUNDING: f64 = 1e-12;

/// One check for every other route.
pub fn checks(e: &Experiment, trained: &Trained) -> Vec<Check> {
    let kind = e.reference.kind;
    let check = |&route: &Route| {
        let distance = function(trained, &by_route(route));
        let stated = stated(e, kind, route, trained);
        let mut check = Check::at_most(
            format!("reference-{}-{}", kind.name(), route.name()),
            format!(
                "the limit by {} and by {} agree: sup_t distance of predictions, within {WITHIN} stated errors",
                kind.name(),
                route.name()
            ),
            distance,
            WITHIN * stated + ROUNDING,
        );
        check.detail += &format!("; stated error {stated:.1e}");
        check
    };
    e.reference.against.iter().map(check).collect()
}

/// The error of the difference of two routes, in predictions.
fn stated(e: &Experiment, one: Route, other: Route, trained: &Trained) -> f64 {
    let error = |id: &str| if trained.series(id).is_some() { function(trained, id) } else { 0.0 };
    let iteration = [REFERENCE.to_string(), by_route(Route::Picard)]
        .iter()
        .map(|id| trained.unconverged.get(id).copied().unwrap_or(0.0))
        .fold(0.0, f64::max);
    let clouds = error(HALF_STEP).hypot(iteration);
    if one != Route::Grid && other != Route::Grid {
        // Particles and Picard's map follow the same cloud: its size is no part of their difference.
        return clouds;
    }
    // With `E |f_M - f|^2 = c / M` the distance of half the particles from all is the error of all. By the radial reduction the grid solves for the law, and particles for the sample that stands for it.
    let sample = if e.population.fresh() { error(HALF_SAMPLE) } else { 0.0 };
    [error(HALF_PARTICLES), sample, error(HALF_NODES), error(GRID_HALF_STEP)].into_iter().fold(clouds, f64::hypot)
}

fn function(trained: &Trained, id: &str) -> f64 {
    trained.series(id).map_or(f64::NAN, |series| sup(series.row(row("function")).iter().copied()))
}
