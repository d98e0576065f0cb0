//! The rules of the routes to the limit: the trajectory map of particles, the grid, the radial reduction.

use super::error::KeyErrors;
use super::experiment::*;
use super::validate::require_divides_interval;
use crate::dynamics::Method;
use crate::network::Law;
use crate::population::PopulationSpec;

/// Why three-layer networks are refused where particles must evolve independently under given predictions.
pub const NEEDS_INDEPENDENT_UNITS: &str = "the units of a three-layer network do not evolve independently under given predictions: expected network.kind \"two-layer\" or \"bump\"";

/// The rules of the routes to the reference.
pub(super) fn routes(e: &Experiment, errors: &KeyErrors) {
    if e.network.kind == NetworkKind::ThreeLayer {
        for route in [Route::Picard, Route::Grid] {
            if e.reference.takes(route) {
                let want = format!("only particles are available for three layers; {NEEDS_INDEPENDENT_UNITS}");
                errors.add("reference", None, want);
            }
        }
    }
    if let Some(picard) = &e.reference.picard {
        let value = Some(picard.windows.to_string());
        require_windows(e, "reference.picard.windows", value, &[picard.windows], errors);
        if e.precision == Precision::F32 && picard.tolerance < 1e-6 {
            let want = "in single precision iterates differ by about 1e-6 at least: expected at least that";
            errors.add("reference.picard.tolerance", Some(picard.tolerance.to_string()), want);
        }
    }
    if let Some(grid) = &e.reference.grid {
        reference_grid(e, grid, errors);
    }
}

/// Adds an error where the trajectory map cannot be iterated over `windows` equal parts of the horizon: it needs a fixed step, and
/// windows of whole steps.
pub fn require_windows(e: &Experiment, key: &str, value: Option<String>, windows: &[usize], errors: &KeyErrors) {
    if e.reference.method.is_adaptive() {
        let want =
            "the trajectory map needs a fixed step: expected another reference.method, such as kick-drift-kick or rk4";
        errors.add(key, value, want);
        return;
    }
    let steps = e.horizon.time / e.reference.step;
    for &windows in windows.iter().filter(|&&windows| windows > 0 && steps.is_finite()) {
        if !(steps.round() as u64).is_multiple_of(windows as u64) {
            let want = format!(
                "expected a number of windows that divides the {} steps of the horizon, horizon.time / reference.step",
                steps.round()
            );
            errors.add(key, Some(windows.to_string()), want);
        }
    }
}

/// Whether the problem has a radial reduction: MMN's isotropic Gaussians learned by a two-layer network.
pub fn is_radial(e: &Experiment) -> bool {
    matches!(e.population, PopulationSpec::Mixture(_)) && e.network.kind == NetworkKind::TwoLayer
}

/// Which problems a grid can solve, each refusal with its reason.
fn reference_grid(e: &Experiment, grid: &GridSpec, errors: &KeyErrors) {
    let refuse = |key: &str, value: Option<String>, want: &str| errors.add(key, value, format!("by the grid: {want}"));
    if e.dynamics.method != Method::HeavyBall {
        refuse("dynamics.method", None, "the kinetic equation is the limit of heavy ball: expected \"heavy-ball\"");
    }
    if !matches!(e.network.start.a, Law::Point { .. }) || !e.network.fixed_output {
        refuse(
            "network.start.a",
            None,
            "neurons must have the same fixed output weights: expected fixed_output = true and a point",
        );
    }
    if is_radial(e) {
        if e.network.bias {
            refuse("network.bias", Some("true".into()), "the radial reduction has no bias: expected false");
        }
        if !matches!(e.network.start.w, Law::Gaussian { mean: 0.0, .. } | Law::Sphere { .. }) {
            let want =
                "the radial reduction needs a rotation-invariant start: expected a gaussian of mean 0 or a sphere";
            refuse("network.start.w", None, want);
        }
        if e.dynamics.temperature > 0.0 || e.network.start_momentum > 0.0 {
            let want =
                "momenta stay radial from rest and without noise only: expected temperature and start_momentum 0";
            refuse("dynamics.temperature", Some(e.dynamics.temperature.to_string()), want);
        }
        if !e.population.fresh() {
            let want =
                "the radial reduction solves for the law itself, not for a fixed sample of it: expected \"fresh\"";
            refuse("population.draws", Some("\"fixed\"".into()), want);
        }
        if grid.low != -grid.high {
            let want = format!("the radial line is even: expected {}", -grid.high);
            refuse("reference.grid.low", Some(grid.low.to_string()), &want);
        }
    } else if let Some((_, inputs, _)) = e.shape_hint() {
        let one = e.network.kind == NetworkKind::Bump || (inputs == 1 && !e.network.bias);
        if !one {
            let want = "neurons must have one trained parameter: expected network.kind = \"bump\", one input without bias, or \
                        the population \"mixture\", whose radial reduction has one";
            refuse("reference.grid", None, want);
        }
    }
    require_divides_interval(e, "reference.grid.step", grid.step, errors);
}
