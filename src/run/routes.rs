//! Several routes to the same limit: checks that they agree within their stated errors.

use super::plan::by_route;
use super::training::Trained;
use crate::analysis::verdict::Check;
use crate::config::{Experiment, Route};
use crate::record::{LimitRun, Measure};

/// Multiple of the stated errors within which routes agree: the errors are themselves measured once, from half the particles or
/// nodes and half the step.
const WITHIN: f64 = 3.0;

/// Distance of predictions that is due to the order of summation.
const ROUNDING: f64 = 1e-12;

/// One check for every other route.
pub fn checks(e: &Experiment, trained: &Trained) -> Vec<Check> {
    let kind = e.reference.kind;
    let check = |&route: &Route| {
        let distance = function(trained, by_route(route));
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
    let error = |run: LimitRun| if trained.series(run.id()).is_some() { function(trained, run) } else { 0.0 };
    let iteration = [LimitRun::Reference, LimitRun::ByPicard]
        .iter()
        .map(|run| trained.unconverged.get(run.id()).copied().unwrap_or(0.0))
        .fold(0.0, f64::max);
    let clouds = error(LimitRun::HalfStep).hypot(iteration);
    if one != Route::Grid && other != Route::Grid {
        // Particles and Picard's map move the same cloud: its size does not contribute to their difference.
        return clouds;
    }
    // With `E |f_M - f|^2 = c / M` the distance of half the particles from all is the error of all. By the radial reduction the
    // grid solves for the law, and particles for the sample that represents it.
    let sample = if e.population.fresh() { error(LimitRun::HalfSample) } else { 0.0 };
    [error(LimitRun::HalfParticles), sample, error(LimitRun::HalfNodes), error(LimitRun::GridHalfStep)]
        .into_iter()
        .fold(clouds, f64::hypot)
}

fn function(trained: &Trained, run: LimitRun) -> f64 {
    trained.series(run.id()).map_or(f64::NAN, |series| series.sup(Measure::Function))
}
