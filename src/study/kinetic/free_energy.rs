//! The free energy at every step, the equilibrium, and the rate of approach to it.

use super::record::{ApproachArrays, EnergyArrays};
use super::study::Defects;
use super::{EquilibriumRecord, Kinetic};
use crate::analysis::step_error::{Rise, StepErrors};
use crate::analysis::verdict::{Check, Verdict};
use crate::compute::Threads;
use crate::kinetic::{Density, FreeEnergy, Gibbs, KineticProblem, Splitting};
use crate::record::npz::shaped;
use crate::run::complete;
use crate::run::context::{Outcome, RunContext, RunError};
use crate::run::grid_limit::pose_neurons;
use crate::run::problem::Problem;
use crate::run::series::sup;
use crate::run::tasks::{Task, TaskHandle, run_tasks};
use ndarray::Array1;
use serde::{Deserialize, Serialize};

/// Residual at which the fixed-point iteration stops.
const TOLERANCE: f64 = 1e-13;
/// Largest number of fixed-point iterations.
const MAX_ITERATIONS: usize = 100_000;

/// Order of the scheme in the step.
const ORDER: f64 = 2.0;

/// Smallest part of the dissipated free energy that the check of the dissipation must be able to see.
const DISSIPATION_RESOLUTION: f64 = 0.1;

/// Smallest `int |mu - mu*|`, whose largest value is 2, that the check of the final state must be able to see.
const GIBBS_RESOLUTION: f64 = 0.1;

/// The rate of approach is fitted where the excess free energy is between these fractions of its initial value.
const FIT_RANGE: (f64, f64) = (3e-2, 3e-6);

/// A solution whose free energy is computed at every step.
struct EnergyTask {
    friction: f64,
    nodes: usize,
    step: f64,
}

/// The free energy at every step, and the final law of theta.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct EnergyHistory {
    energies: Vec<FreeEnergy>,
    /// `int |mu - mu*|` at the end, for the Gibbs law mu*; NaN without frictions.
    distance: f64,
    /// The same at half the horizon.
    #[serde(with = "crate::number")]
    halfway: f64,
    /// The same at time 0.
    #[serde(with = "crate::number")]
    at_start: f64,
    /// Density of theta at the end (nodes).
    law: Vec<f64>,
    /// Density of theta under the Gibbs law (nodes).
    gibbs: Vec<f64>,
    /// Free energy of the Gibbs law on the same nodes.
    rest: f64,
    /// Residual of the fixed point.
    residual: f64,
    /// Iterations of the fixed point.
    iterations: usize,
}

/// The results of the study of the free energy.
pub(super) struct EnergyResults {
    pub checks: Vec<Check>,
    pub energy: EnergyArrays,
    pub approach: Option<ApproachArrays>,
    pub rest: Option<EquilibriumRecord>,
}

/// Computes the free energy at several steps and frictions.
pub(super) fn run(
    problem: &Problem<'_, f64>,
    spec: &Kinetic,
    context: &RunContext<'_>,
) -> Result<Outcome<EnergyResults>, RunError> {
    let friction = problem.experiment.dynamics.friction;
    let task = |name: String, nodes: usize, step: f64, friction: f64| Task {
        name: format!("kinetic-{name}"),
        size: nodes * nodes * (problem.experiment.horizon.time / step) as usize,
        item: EnergyTask { friction, nodes, step },
    };
    let steps = [("double", 2.0), ("whole", 1.0), ("half", 0.5)];
    let mut tasks: Vec<Task<EnergyTask>> =
        steps.iter().map(|(name, m)| task(format!("energy-{name}"), spec.nodes, m * spec.step, friction)).collect();
    tasks.push(task("energy-half-nodes".into(), spec.nodes / 2, spec.step, friction));
    for &other in &spec.frictions {
        // Rates to a few percent need half the nodes only. The step is not doubled: the free energy of the scheme's
        // equilibrium exceeds that of the Gibbs law by its fourth power.
        tasks.push(task(format!("friction-{other}"), spec.nodes / 2, spec.step, other));
    }
    let work = |item: &EnergyTask, handle: &TaskHandle<'_>| energy_history(problem, spec, item, handle);
    let horizon = problem.experiment.horizon.time;
    let fits = |item: &EnergyTask, found: &EnergyHistory| {
        let gibbs = if spec.frictions.is_empty() { 0 } else { item.nodes };
        found.energies.len() == (horizon / item.step).round() as usize + 1
            && found.law.len() == item.nodes
            && found.gibbs.len() == gibbs
    };
    let histories = complete!(run_tasks(context, "free energy", &tasks, fits, work)?);
    let [double_step, main, half_step, half_nodes, by_friction @ ..] = &histories[..] else {
        unreachable!("four solutions, and one per friction")
    };
    let solutions = EnergySolutions { double_step, whole: main, half_step, half_nodes, step: spec.step };
    let cells = (spec.nodes * spec.nodes) as f64;
    let size = problem.experiment.dynamics.temperature;
    let checks = vec![decrease_check(&solutions, 0.5 * f64::EPSILON * cells, size), dissipation_check(&solutions)];
    let mut found = EnergyResults { checks, energy: energy_arrays(main, spec.step), approach: None, rest: None };
    if spec.frictions.is_empty() {
        return Ok(Outcome::Complete(found));
    }
    let distances = [double_step, main, half_step].map(|history| history.distance);
    found.checks.push(gibbs_check(&solutions));
    let rates: Vec<f64> = by_friction.iter().map(|history| rate(history, spec.step)).collect();
    let stiffness = stiffness(&spec.frictions, &rates);
    found.checks.push(optimum_check(&spec.frictions, &rates, stiffness));
    let excess: Vec<Vec<f64>> =
        by_friction.iter().map(|f| f.energies.iter().map(|e| e.total - f.rest).collect()).collect();
    let count = excess[0].len();
    found.approach = Some(ApproachArrays {
        frictions: Array1::from(spec.frictions.clone()),
        rates: Array1::from(rates),
        end_law: Array1::from(main.law.clone()),
        gibbs_law: Array1::from(main.gibbs.clone()),
        excess_times: (0..count).map(|k| k as f64 * spec.step).collect(),
        excess: shaped((excess.len(), count), excess.concat()),
    });
    found.rest = Some(EquilibriumRecord {
        free_energy: main.rest,
        residual: main.residual,
        iterations: main.iterations,
        distance: distances.to_vec(),
        stiffness,
    });
    Ok(Outcome::Complete(found))
}

/// Solves the kinetic equation and computes the free energy at every step.
fn energy_history(
    problem: &Problem<'_, f64>,
    spec: &Kinetic,
    item: &EnergyTask,
    handle: &TaskHandle<'_>,
) -> Result<Outcome<EnergyHistory>, RunError> {
    let mut kinetic = pose_neurons(problem, &spec.grid(item.nodes, item.step))?;
    kinetic.constants.friction = item.friction;
    let KineticProblem { field, constants, start } = kinetic;
    let mut density = start;
    let grid = density.grid;
    let mut splitting = Splitting::new(grid, constants, Threads::One)?;
    let mut energies = vec![FreeEnergy::of(&field, &density, &constants)];
    let gibbs = (!spec.frictions.is_empty())
        .then(|| Gibbs::find(&field, constants.temperature, TOLERANCE, MAX_ITERATIONS, || handle.advance_to(0.0)));
    if handle.interrupted() {
        return Ok(Outcome::Interrupted);
    }
    let rest = gibbs.as_ref().map(|gibbs| gibbs.density(grid, constants.temperature));
    let distance = |density: &Density| {
        let apart = |rest: &Density| density.values.iter().zip(&rest.values).map(|(a, b)| (a - b).abs()).sum::<f64>();
        rest.as_ref().map_or(f64::NAN, |rest| apart(rest) * grid.cell())
    };
    let (at_start, mut halfway) = (distance(&density), f64::NAN);
    let steps = constants.steps(problem.experiment.horizon.time)?;
    for step in 0..steps {
        if !handle.advance_to(step as f64 / steps as f64) {
            return Ok(Outcome::Interrupted);
        }
        splitting.advance(&mut density, 1, |rho, out| {
            field.gradient(rho, out);
        });
        energies.push(FreeEnergy::of(&field, &density, &constants));
        if step + 1 == steps / 2 {
            halfway = distance(&density);
        }
    }
    let (law, end) = (density.theta_marginal(), distance(&density));
    let free_energy = rest.as_ref().map_or(0.0, |rest| FreeEnergy::of(&field, rest, &constants).total);
    let (gibbs, residual, iterations) =
        gibbs.map_or((Vec::new(), f64::NAN, 0), |gibbs| (gibbs.rho, gibbs.residual, gibbs.iterations));
    let history = EnergyHistory {
        energies,
        distance: end,
        halfway,
        at_start,
        law,
        gibbs,
        rest: free_energy,
        residual,
        iterations,
    };
    Ok(Outcome::Complete(history))
}

/// The solutions from which the free energy and its errors are measured.
struct EnergySolutions<'a> {
    double_step: &'a EnergyHistory,
    whole: &'a EnergyHistory,
    half_step: &'a EnergyHistory,
    half_nodes: &'a EnergyHistory,
    /// The step of `whole`.
    step: f64,
}

impl EnergyHistory {
    /// The free energy at every `every`-th step.
    fn totals(&self, every: usize) -> Vec<f64> {
        self.energies.iter().step_by(every).map(|e| e.total).collect()
    }
}

/// Checks that F rises between no two times by more than the errors of the step and of the nodes. `rounding` is the
/// relative error of a sum over all nodes, `temperature` the size of the entropy's part.
fn decrease_check(solutions: &EnergySolutions<'_>, rounding: f64, temperature: f64) -> Check {
    let (name, statement) = (
        "kinetic-free-energy-falls",
        "the free energy rises between no two times by more than the errors of the step and of the nodes",
    );
    let EnergySolutions { whole, half_step, half_nodes, .. } = solutions;
    let totals = whole.totals(1);
    let start = whole.energies[0];
    let size = start.risk.abs() + start.kinetic + temperature;
    let errors = StepErrors::new(&totals, &half_step.totals(2), ORDER, size);
    let nodes: Vec<f64> = totals.iter().zip(half_nodes.totals(1)).map(|(fine, coarse)| (fine - coarse).abs()).collect();
    let by_step = errors.largest();
    let errors = errors.plus(&changes(&nodes));
    let largest = (start.entropy.abs() * temperature + size) * rounding;
    let Rise { rise, allowed, from, to } = errors.worst_rise(&totals, largest);
    let mut check = Check::at_most(name, statement, rise, allowed);
    check.detail += &format!(
        ", between t = {:.2} and t = {:.2}; from {:.6} to {:.6} in {} steps; error of the step at most {by_step:.1e}",
        from as f64 * solutions.step,
        to as f64 * solutions.step,
        totals[0],
        totals[totals.len() - 1],
        totals.len() - 1,
    );
    check
}

/// The changes of a series from its first value. A constant error, as of the entropy of a discontinuous start on the
/// nodes, changes no rise.
fn changes(series: &[f64]) -> Vec<f64> {
    series.iter().map(|v| (v - series[0]).abs()).collect()
}

/// Checks `F(t) - F(0) = -int D`, with the trapezoidal rule over steps. The identity is exact, and its defect is an error
/// of step and nodes. From a smooth start it is of order 2 in the step; a discontinuous one, such as a uniform law, is
/// sheared into a layer that the nodes do not resolve at first, and the defect is mainly of order 1 in the spacing.
fn dissipation_check(solutions: &EnergySolutions<'_>) -> Check {
    let EnergySolutions { double_step, whole, half_step, half_nodes, step } = *solutions;
    let dissipated = |history: &EnergyHistory, step: f64| -> Vec<f64> {
        let mut sum = 0.0;
        let parts = history.energies.windows(2).map(|pair| {
            sum += 0.5 * step * (pair[0].dissipation + pair[1].dissipation);
            sum
        });
        parts.collect()
    };
    let defect = |history: &EnergyHistory, step: f64| {
        let (e, parts) = (&history.energies, dissipated(history, step));
        sup(e.iter().skip(1).zip(parts).map(|(now, part)| (now.total - e[0].total + part).abs()))
    };
    let total = dissipated(whole, step).last().copied().unwrap_or(0.0);
    let (name, statement) = (
        "kinetic-dissipation",
        "dF/dt = -gamma int mu |r + tau d_r log mu|^2: the defect of the integrated identity vanishes with step and spacing",
    );
    if total <= 0.0 {
        return Check::not_measured(name, statement, None, "nothing is dissipated: the start is at rest");
    }
    let defects = Defects {
        double_step: defect(double_step, 2.0 * step),
        whole: defect(whole, step),
        half_step: defect(half_step, 0.5 * step),
        half_nodes: defect(half_nodes, step),
        other: 0.0,
    };
    let mut check = defects.check(name, statement, DISSIPATION_RESOLUTION * total);
    check.detail += &format!("; dissipated in all {total:.2e}");
    check
}

/// Checks that the final state is the Gibbs law. Where the approach is exponential, and its change in the second half of
/// the horizon is at most half of that in the first, what is left of it is at most the change in the second half;
/// otherwise the state is not at rest.
fn gibbs_check(solutions: &EnergySolutions<'_>) -> Check {
    let EnergySolutions { double_step, whole, half_step, half_nodes, .. } = solutions;
    let (name, statement) = (
        "kinetic-gibbs",
        "the final state is the self-consistent Gibbs law, computed as a fixed point: int |mu - mu*| vanishes with step and spacing",
    );
    let (early, late) = ((whole.at_start - whole.halfway).abs(), (whole.halfway - whole.distance).abs());
    let defects = Defects {
        double_step: double_step.distance,
        whole: whole.distance,
        half_step: half_step.distance,
        half_nodes: half_nodes.distance,
        other: late + whole.residual,
    };
    let discretisation = defects.allowed() - defects.other;
    if late > GIBBS_RESOLUTION || (late > discretisation && late > 0.5 * early) {
        let reason = format!(
            "not at rest: int |mu - mu*| is {:.2e} at the start, {:.2e} at half the horizon and {:.2e} at its end; a longer horizon.time decides",
            whole.at_start, whole.halfway, whole.distance
        );
        return Check::not_measured(name, statement, None, reason);
    }
    defects.check(name, statement, GIBBS_RESOLUTION)
}

/// The late rate of decrease of the excess free energy, by least squares on its logarithm.
fn rate(history: &EnergyHistory, step: f64) -> f64 {
    let excess: Vec<f64> = history.energies.iter().map(|e| e.total - history.rest).collect();
    let start = excess[0];
    let late = |e: f64| e < FIT_RANGE.0 * start && e > FIT_RANGE.1 * start;
    let end = excess.iter().position(|&e| e <= FIT_RANGE.1 * start).unwrap_or(excess.len());
    let points: Vec<(f64, f64)> =
        excess[..end].iter().enumerate().filter(|(_, e)| late(**e)).map(|(k, e)| (k as f64 * step, e.ln())).collect();
    if points.len() < 3 {
        return f64::NAN;
    }
    let n = points.len() as f64;
    let (t, y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let covariance: f64 = points.iter().map(|p| (p.0 - t) * (p.1 - y)).sum();
    -covariance / points.iter().map(|p| (p.0 - t).powi(2)).sum::<f64>()
}

/// Stiffness k from the rate at the largest friction. In a harmonic well of stiffness k deviations decrease at the rate
/// `(gamma - Re sqrt(gamma^2 - 4 k)) / 2`, and the excess free energy at twice that rate.
fn stiffness(frictions: &[f64], rates: &[f64]) -> f64 {
    let (Some(gamma), Some(rate)) = (frictions.last(), rates.last()) else { return f64::NAN };
    0.5 * rate * (gamma - 0.5 * rate)
}

/// Checks that the approach is fastest near critical damping, `gamma = 2 sqrt(k)`.
///
/// The rate has one maximum, which lies between the neighbours of the fastest measured friction. The well is harmonic near
/// equilibrium only, and k is the stiffness of a single mode: it is taken to be right to a factor of 4, and critical
/// damping to a factor of 2.
fn optimum_check(frictions: &[f64], rates: &[f64], stiffness: f64) -> Check {
    const FACTOR: f64 = 2.0;
    let (name, statement) = (
        "kinetic-optimum",
        "the approach to equilibrium is fastest near critical damping, 2 sqrt(k), with the stiffness k from the rate at the largest friction (within a factor of 2)",
    );
    let critical = 2.0 * stiffness.sqrt();
    let best = (0..rates.len()).max_by(|&i, &j| rates[i].total_cmp(&rates[j]));
    let usable = critical.is_finite() && critical > 0.0 && rates.iter().all(|r| r.is_finite());
    let Some(best) = best.filter(|_| usable) else {
        let reason = "the horizon is too short for the rate of an approach, or the start is too near equilibrium";
        return Check::not_measured(name, statement, None, reason);
    };
    if frictions.len() < 3 {
        let reason = format!("{} frictions: three are the fewest with one inside", frictions.len());
        return Check::not_measured(name, statement, Some(critical), reason);
    }
    let at = frictions[best];
    let inside = best > 0 && best + 1 < frictions.len();
    let (below, above) =
        (if best > 0 { frictions[best - 1] } else { 0.0 }, frictions.get(best + 1).copied().unwrap_or(f64::INFINITY));
    let near = at < FACTOR * critical && at > critical / FACTOR;
    let excluded = below > FACTOR * critical || above < critical / FACTOR;
    let verdict = match (excluded, inside && near) {
        (true, _) => Verdict::Fails,
        (false, true) => Verdict::Holds,
        (false, false) => Verdict::NotResolved,
    };
    let detail = format!(
        "fastest at friction {at} with rate {:.3}; at {} {:.3}, at {} {:.3}",
        rates[best],
        frictions[0],
        rates[0],
        frictions[frictions.len() - 1],
        rates[rates.len() - 1]
    );
    Check::new(name, statement, at, Some(critical), verdict, detail)
}

/// The arrays of the free energy.
fn energy_arrays(history: &EnergyHistory, step: f64) -> EnergyArrays {
    let count = history.energies.len();
    let rows = history.energies.iter().flat_map(|e| [e.risk, e.kinetic, e.entropy, e.total, e.dissipation]).collect();
    EnergyArrays { energy_times: (0..count).map(|k| k as f64 * step).collect(), energy: shaped((count, 5), rows) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: f64 = 0.05;

    /// A free energy `exp(-t)` and its dissipation times `factor`, with errors of order 2 in the step; `rise` is added to
    /// the free energy in proportion to time.
    fn history(step: f64, factor: f64, rise: f64, distance: f64) -> EnergyHistory {
        let at = |k: usize| {
            let t = k as f64 * step;
            let total = (-t).exp() + 0.1 * step * step * t.sin() + rise * t;
            FreeEnergy {
                risk: 0.5 * total,
                kinetic: 0.5 * total,
                entropy: 0.0,
                total,
                dissipation: factor * (-t).exp(),
            }
        };
        let energies = (0..=(10.0 / step).round() as usize).map(at).collect();
        let (law, gibbs) = (Vec::new(), Vec::new());
        EnergyHistory {
            energies,
            distance,
            halfway: distance,
            at_start: 1.0,
            law,
            gibbs,
            rest: 0.0,
            residual: 0.0,
            iterations: 1,
        }
    }

    /// The four solutions; `floor` is a distance from the Gibbs law that does not vanish.
    fn solutions(factor: f64, rise: f64, floor: f64) -> [EnergyHistory; 4] {
        let with = |step: f64| history(step, factor, rise, floor + 0.1 * step * step);
        [with(2.0 * STEP), with(STEP), with(0.5 * STEP), with(STEP)]
    }

    fn checks(all: &[EnergyHistory; 4]) -> [Check; 3] {
        let [double_step, whole, half_step, half_nodes] = all;
        let solutions = EnergySolutions { double_step, whole, half_step, half_nodes, step: STEP };
        [decrease_check(&solutions, 1e-14, 0.1), dissipation_check(&solutions), gibbs_check(&solutions)]
    }

    #[test]
    fn a_right_solution_holds() {
        for check in checks(&solutions(1.0, 0.0, 0.0)) {
            assert_eq!(check.verdict, Verdict::Holds, "{}: {}", check.name, check.detail);
        }
    }

    #[test]
    fn wrong_ones_fail() {
        let [_, dissipation, _] = checks(&solutions(0.9, 0.0, 0.0));
        assert_eq!(
            dissipation.verdict,
            Verdict::Fails,
            "a dissipation that is a tenth too small: {}",
            dissipation.detail
        );
        let [decrease, ..] = checks(&solutions(1.0, 1e-3, 0.0));
        assert_eq!(decrease.verdict, Verdict::Fails, "{}", decrease.detail);
        let [.., gibbs] = checks(&solutions(1.0, 0.0, 0.01));
        assert_eq!(gibbs.verdict, Verdict::Fails, "{}", gibbs.detail);
    }

    #[test]
    fn a_start_at_rest_dissipates_nothing() {
        let [_, dissipation, _] = checks(&solutions(0.0, 0.0, 0.0));
        assert!(dissipation.verdict == Verdict::NotResolved && dissipation.measured.is_nan());
    }

    /// A state still on its way is no contradiction, even far from the Gibbs law.
    #[test]
    fn a_state_that_still_moves_is_not_resolved() {
        let mut all = solutions(1.0, 0.0, 0.6);
        for (at_start, halfway) in [(1.0, 0.8), (0.65, 0.63)] {
            all[1].at_start = at_start;
            all[1].halfway = halfway;
            let [.., gibbs] = checks(&all);
            assert!(gibbs.verdict == Verdict::NotResolved && gibbs.detail.contains("not at rest"), "{}", gibbs.detail);
        }
    }

    /// Rates of a harmonic well of stiffness 1, whose critical damping is 2.
    #[test]
    fn the_fastest_friction_is_judged_by_its_neighbours() {
        let rate = |g: f64| if g < 2.0 { g } else { g - (g * g - 4.0).sqrt() };
        let verdict = |frictions: &[f64], stiffness: f64| {
            let rates: Vec<f64> = frictions.iter().map(|&g| rate(g)).collect();
            optimum_check(frictions, &rates, stiffness).verdict
        };
        assert_eq!(verdict(&[0.5, 1.0, 2.0, 4.0], 1.0), Verdict::Holds);
        assert_eq!(verdict(&[0.9, 3.0, 6.0], 1.0), Verdict::NotResolved, "the fastest is at an end, and may be");
        assert_eq!(verdict(&[0.5, 1.0, 2.0, 4.0], 40.0), Verdict::Fails, "a stiffness that is wrong");
        assert_eq!(verdict(&[0.5, 1.0, 2.0, 4.0], 0.02), Verdict::Fails);
        assert_eq!(verdict(&[1.0, 4.0], 1.0), Verdict::NotResolved);
        assert_eq!(optimum_check(&[1.0, 2.0, 3.0], &[1.0, f64::NAN, 1.0], 1.0).verdict, Verdict::NotResolved);
    }
}
