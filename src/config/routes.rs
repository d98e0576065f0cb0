//! Rules for the routes to the limit: Picard iteration, the grid, the radial reduction.

use super::error::KeyErrors;
use super::experiment::*;
use super::validate::require_divides_interval;
use crate::dynamics::Method;
use crate::network::Law;
use crate::number::plain;
use crate::population::PopulationSpec;

/// The message where three-layer networks are rejected because particles must evolve independently under given
/// predictions.
pub const NEEDS_INDEPENDENT_UNITS: &str = "the units of a three-layer network do not evolve independently under given predictions: expected network.kind \"two-layer\" or \"bump\"";

/// Adds an error for every broken rule of the routes to the reference.
pub(super) fn routes(e: &Experiment, errors: &KeyErrors) {
    if e.network.kind == NetworkKind::ThreeLayer {
        for route in [Route::Picard, Route::Grid] {
            if e.reference.uses(route) {
                let message = format!("only particles are available for three layers; {NEEDS_INDEPENDENT_UNITS}");
                errors.add("reference", None, message);
            }
        }
    }
    if let Some(picard) = &e.reference.picard {
        let value = Some(picard.windows.to_string());
        require_windows(e, "reference.picard.windows", value, &[picard.windows], errors);
        if e.precision == Precision::F32 && picard.tolerance < 1e-6 {
            let message = "in single precision iterates differ by about 1e-6 at least: expected at least that";
            errors.add("reference.picard.tolerance", Some(plain(picard.tolerance)), message);
        }
    }
    if let Some(grid) = &e.reference.grid {
        reference_grid(e, grid, errors);
    }
}

/// Adds an error where the trajectory map cannot be iterated over `windows` equal parts of the horizon, which requires
/// a fixed step and a whole number of steps per window.
pub fn require_windows(e: &Experiment, key: &str, value: Option<String>, windows: &[usize], errors: &KeyErrors) {
    if e.reference.method.is_adaptive() {
        let message =
            "the trajectory map needs a fixed step: expected another reference.method, such as kick-drift-kick or rk4";
        errors.add(key, value, message);
        return;
    }
    let steps = e.horizon.time / e.reference.step;
    for &windows in windows.iter().filter(|&&windows| windows > 0 && steps.is_finite()) {
        if !(steps.round() as u64).is_multiple_of(windows as u64) {
            let message = format!(
                "expected a number of windows that divides the {} steps of the horizon, horizon.time / reference.step",
                steps.round()
            );
            errors.add_between(key, Some(windows.to_string()), message, &["horizon.time", "reference.step"]);
        }
    }
}

/// Whether the problem has a radial reduction: the isotropic Gaussians of MMN and a two-layer network.
pub fn is_radial(e: &Experiment) -> bool {
    matches!(e.population.spec, PopulationSpec::Mixture(_)) && e.network.kind == NetworkKind::TwoLayer
}

/// Adds an error for every reason why a grid cannot solve the problem.
fn reference_grid(e: &Experiment, grid: &GridSpec, errors: &KeyErrors) {
    let reject =
        |key: &str, value: Option<String>, message: &str| errors.add(key, value, format!("by the grid: {message}"));
    if e.dynamics.method != Method::HeavyBall {
        reject("dynamics.method", None, "the kinetic equation is the limit of heavy ball: expected \"heavy-ball\"");
    }
    if !matches!(e.network.start.a, Law::Point { .. }) || !e.network.fixed_output {
        reject(
            "network.start.a",
            None,
            "neurons must have the same fixed output weights: expected fixed_output = true and a point",
        );
    }
    if is_radial(e) {
        if e.network.bias {
            reject("network.bias", Some("true".into()), "the radial reduction has no bias: expected false");
        }
        if !matches!(e.network.start.w, Law::Gaussian { mean: 0.0, .. } | Law::Sphere { .. }) {
            let message =
                "the radial reduction needs a rotation-invariant start: expected a gaussian of mean 0 or a sphere";
            reject("network.start.w", None, message);
        }
        if e.dynamics.temperature > 0.0 || e.network.start_momentum > 0.0 {
            let message =
                "momenta stay radial from rest and without noise only: expected temperature and start_momentum 0";
            reject("dynamics.temperature", Some(plain(e.dynamics.temperature)), message);
        }
        if !e.population.fresh() {
            let message =
                "the radial reduction solves for the law itself, not for a fixed sample of it: expected \"fresh\"";
            reject("population.draws", Some("\"fixed\"".into()), message);
        }
        if grid.low != -grid.high {
            let message = format!("the radial line is even: expected {}", plain(-grid.high));
            reject("reference.grid.low", Some(plain(grid.low)), &message);
        }
    } else if let Some((_, inputs, _)) = e.shape_hint() {
        let one = e.network.kind == NetworkKind::Bump || (inputs == 1 && !e.network.bias);
        if !one {
            let message = "neurons must have one trained parameter: expected network.kind = \"bump\", one input without bias, or \
                        the population \"mixture\", whose radial reduction has one";
            reject("reference.grid", None, message);
        }
    }
    require_divides_interval(e, "reference.grid.step", grid.step, errors);
}
