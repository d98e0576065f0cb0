//! Checks that the routes to the limit agree within their estimated errors.

use super::plan::limit_by_route;
use super::training::Trained;
use crate::analysis::verdict::Check;
use crate::config::{Experiment, Route};
use crate::record::{LimitRun, Measure};

/// Multiple of the estimated error within which routes must agree. The estimates are single differences, from half the
/// particles or nodes and half the step.
const TOLERANCE: f64 = 3.0;

/// Distance of predictions due to the order of summation.
const ROUNDING: f64 = 1e-12;

/// One check for every other route.
pub fn checks(e: &Experiment, trained: &Trained) -> Vec<Check> {
    let kind = e.reference.kind;
    let check = |&route: &Route| {
        let distance = function_distance(trained, limit_by_route(route));
        let error = estimated_error(e, kind, route, trained);
        let mut check = Check::at_most(
            format!("reference-{}-{}", kind.name(), route.name()),
            format!(
                "the limit by {} and by {} agree: sup_t distance of predictions, within {TOLERANCE} stated errors",
                kind.name(),
                route.name()
            ),
            distance,
            TOLERANCE * error + ROUNDING,
        );
        check.detail += &format!("; stated error {error:.1e}");
        check
    };
    e.reference.against.iter().map(check).collect()
}

/// The estimated error of the difference of two routes, as a distance of predictions.
fn estimated_error(e: &Experiment, one: Route, other: Route, trained: &Trained) -> f64 {
    let error = |run: LimitRun| if trained.series(run.id()).is_some() { function_distance(trained, run) } else { 0.0 };
    let iteration = [LimitRun::Reference, LimitRun::ByPicard]
        .iter()
        .map(|run| trained.unconverged.get(run.id()).copied().unwrap_or(0.0))
        .fold(0.0, f64::max);
    let clouds = error(LimitRun::HalfStep).hypot(iteration);
    if one != Route::Grid && other != Route::Grid {
        // Particles and Picard iteration use the same particles, whose number does not contribute to their difference.
        return clouds;
    }
    // As `E |f_M - f|^2 = c / M`, the distance between half and all of the particles has the size of the error of all.
    // The radial reduction uses the law of the data, and particles use a sample that represents it.
    let sample = if e.population.fresh() { error(LimitRun::HalfSample) } else { 0.0 };
    [error(LimitRun::HalfParticles), sample, error(LimitRun::HalfNodes), error(LimitRun::GridHalfStep)]
        .into_iter()
        .fold(clouds, f64::hypot)
}

/// The largest distance of predictions of a run of the limit from the run with which it is compared.
fn function_distance(trained: &Trained, run: LimitRun) -> f64 {
    trained.series(run.id()).map_or(f64::NAN, |series| series.sup(Measure::Function))
}
