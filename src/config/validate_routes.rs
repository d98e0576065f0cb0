//! Which ways to the limit an experiment can go: rules of the particles' trajectory map, the grid and the radial reduction.

use super::experiment::*;
use super::problem::Problems;
use super::studies::Kinetic;
use crate::dynamics::Method;
use crate::network::Law;
use crate::population::PopulationSpec;

/// What the routes to the reference need.
pub(super) fn routes(e: &Experiment, problems: &Problems) {
    let fixed_step = |key: &str, value: Option<String>, windows: &[usize]| {
        if e.reference.method == Method::DormandPrince {
            let want = "the trajectory map needs a fixed step: expected another reference.method, such as kick-drift-kick or rk4";
            problems.add(key, value, want);
            return;
        }
        let steps = e.horizon.time / e.reference.step;
        for &windows in windows.iter().filter(|&&windows| windows > 0 && steps.is_finite()) {
            if !(steps.round() as u64).is_multiple_of(windows as u64) {
                let want = format!(
                    "expected a number of windows that divides the {} steps of the horizon, horizon.time / reference.step",
                    steps.round()
                );
                problems.add(key, Some(windows.to_string()), want);
            }
        }
    };
    if e.network.kind == NetworkKind::ThreeLayer {
        let alone =
            "its units do not evolve alone under given predictions: expected network.kind \"two-layer\" or \"bump\"";
        for route in [Route::Picard, Route::Grid] {
            if e.reference.takes(route) {
                problems.add("reference", None, format!("by three layers only with particles; {alone}"));
            }
        }
        for (study, there) in [("picard", e.picard.is_some()), ("kinetic", e.kinetic.is_some())] {
            if there {
                problems.add(study, None, alone);
            }
        }
    }
    if let Some(picard) = &e.reference.picard {
        fixed_step("reference.picard.windows", Some(picard.windows.to_string()), &[picard.windows]);
        if e.precision == Precision::F32 && picard.tolerance < 1e-6 {
            let want = "in single precision iterates come no closer than some 1e-6: expected at least that";
            problems.add("reference.picard.tolerance", Some(picard.tolerance.to_string()), want);
        }
    }
    if let Some(grid) = &e.reference.grid {
        reference_grid(e, grid, problems);
    }
    if e.radial.is_some() && (e.reference.grid.is_none() || !radial(e)) {
        let want =
            "the study needs population.kind = \"mixture\", and reference.kind or reference.against with \"grid\"";
        problems.add("radial", None, want);
    }
    if let Some(picard) = &e.picard {
        fixed_step("picard.windows", Some(format!("{:?}", picard.windows)), &picard.windows);
    }
}

/// Whether the problem is MMN's, which the radial reduction makes one on a line.
fn radial(e: &Experiment) -> bool {
    matches!(e.population, PopulationSpec::Mixture(_)) && e.network.kind == NetworkKind::TwoLayer
}

/// Which problems a grid can solve, each refusal with its reason.
fn reference_grid(e: &Experiment, grid: &Gridded, problems: &Problems) {
    let refuse =
        |key: &str, value: Option<String>, want: &str| problems.add(key, value, format!("by the grid: {want}"));
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
    if radial(e) {
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
    let ratio = e.horizon.interval() / grid.step;
    if (ratio - ratio.round()).abs() > 1e-9 * ratio || ratio < 0.5 {
        let near = e.horizon.interval() / ratio.ceil().max(1.0);
        let want = format!(
            "expected a step that divides horizon.time / horizon.records = {}; {near} does",
            e.horizon.interval()
        );
        problems.add("reference.grid.step", Some(grid.step.to_string()), want);
    }
}

/// What a grid needs to know before the population is there.
pub(super) fn grid(e: &Experiment, kinetic: &Kinetic, problems: &Problems) {
    if e.dynamics.method != Method::HeavyBall {
        let want = "the kinetic equation is the limit of heavy ball: expected \"heavy-ball\", or no table [kinetic]";
        problems.add("dynamics.method", Some("\"gradient-descent\"".into()), want);
    }
    if e.dynamics.batch != BatchSize::Full {
        let want = "the kinetic equation is held against particles under the full gradient: expected \"full\"";
        problems.add("dynamics.batch", None, want);
    }
    if !matches!(e.network.start.a, Law::Point { .. }) || !e.network.fixed_output {
        let want = "the neurons of [kinetic] differ in one trained parameter: expected fixed output weights at a point";
        problems.add("network.start.a", None, want);
    }
    let (second, _) = e.reference.method.solves();
    if kinetic.particles > 0 && (!second || e.reference.method == Method::DormandPrince) {
        let want = "the particles beside the grid take fixed steps: expected rk4, kick-drift-kick, heavy-ball or baoab";
        problems.add("reference.method", None, want);
    }
    if !kinetic.particles.is_multiple_of(kinetic.clouds.max(1)) {
        let want = format!("expected a multiple of kinetic.clouds = {}", kinetic.clouds);
        problems.add("kinetic.particles", Some(kinetic.particles.to_string()), want);
    }
    let ratio = e.horizon.interval() / kinetic.step;
    if (ratio - ratio.round()).abs() > 1e-9 * ratio || ratio < 1.5 || ratio.round() as usize % 2 == 1 {
        let near = e.horizon.interval() / (2.0 * (ratio / 2.0).ceil().max(1.0));
        let want = format!(
            "expected a step of which an even number makes horizon.time / horizon.records = {}, as it is also doubled; {near} does",
            e.horizon.interval()
        );
        problems.add("kinetic.step", Some(kinetic.step.to_string()), want);
    }
    if !kinetic.frictions.is_empty() && e.dynamics.temperature == 0.0 {
        let want = "rates of approach are those of the free energy: expected a positive dynamics.temperature, or none";
        problems.add("kinetic.frictions", Some(format!("{:?}", kinetic.frictions)), want);
    }
}
