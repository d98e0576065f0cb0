//! Routes to the same limit: that they agree within their stated errors.

use super::plan::by_route;
use super::series::{row, sup};
use super::training::Trained;
use crate::analysis::verdict::Check;
use crate::config::{Experiment, Route};
use crate::record::ReferenceError;
use std::collections::BTreeMap;

/// Stated errors are themselves measured once, from half the particles and half the step: routes agree within so many of them.
const WITHIN: f64 = 3.0;

/// Distance of predictions that the order of sums explains.
const ROUNDING: f64 = 1e-12;

/// One check for every other route.
pub fn checks(e: &Experiment, errors: &BTreeMap<String, ReferenceError>, trained: &Trained) -> Vec<Check> {
    let stated = errors.get("function").copied().unwrap_or_default();
    let check = |&route: &Route| {
        let id = by_route(route);
        let distance = trained.series(&id).map_or(f64::NAN, |series| sup(series.row(row("function")).iter().copied()));
        let iteration = trained.unconverged.get(&id).copied().unwrap_or(0.0);
        // Particles and Picard's map follow the same cloud: its size is no part of their difference.
        let own = stated.same_particles().hypot(iteration);
        let mut check = Check::at_most(
            format!("reference-{}-{}", e.reference.kind.name(), route.name()),
            format!(
                "the limit by {} and by {} agree: sup_t distance of predictions, within {WITHIN} stated errors",
                e.reference.kind.name(),
                route.name()
            ),
            distance,
            WITHIN * own + ROUNDING,
        );
        check.detail += &format!("; stated error {own:.1e}");
        check
    };
    e.reference.against.iter().map(check).collect()
}
