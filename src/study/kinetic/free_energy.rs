//! The free energy at every step, the equilibrium, and the rate of approach to it.

use super::record::{ApproachArrays, EnergyArrays};
use super::study::second_order;
use super::{EquilibriumRecord, Kinetic};
use crate::analysis::verdict::{Check, Verdict};
use crate::compute::Threads;
use crate::kinetic::{FreeEnergy, Gibbs, KineticProblem, Splitting};
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

/// Largest increase of the free energy in one step relative to its total decrease: rounding of sums over the nodes.
const MAX_INCREASE: f64 = 1e-10;

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
    for &other in &spec.frictions {
        // Rates to a few percent need half the nodes only. The step is not doubled: the free energy of the scheme's
        // equilibrium exceeds that of the Gibbs law by its fourth power.
        tasks.push(task(format!("friction-{other}"), spec.nodes / 2, spec.step, other));
    }
    let work = |item: &EnergyTask, handle: &TaskHandle<'_>| energy_history(problem, spec, item, handle);
    let histories = complete!(run_tasks(context, "free energy", &tasks, work)?);
    let (by_step, by_friction) = histories.split_at(steps.len());
    let main = &by_step[1];
    let checks = vec![decrease_check(main), dissipation_check(by_step, spec.step)];
    let mut found = EnergyResults { checks, energy: energy_arrays(main, spec.step), approach: None, rest: None };
    if spec.frictions.is_empty() {
        return Ok(Outcome::Complete(found));
    }
    let distances = [0, 1, 2].map(|k| by_step[k].distance);
    found.checks.push(second_order(
        "kinetic-gibbs",
        "the final state is the self-consistent Gibbs law, computed as a fixed point: int |mu - mu*| is of order 2 in the step",
        distances,
    ));
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
    let steps = constants.steps(problem.experiment.horizon.time)?;
    for step in 0..steps {
        if !handle.advance_to(step as f64 / steps as f64) {
            return Ok(Outcome::Interrupted);
        }
        splitting.advance(&mut density, 1, |rho, out| {
            field.gradient(rho, out);
        });
        energies.push(FreeEnergy::of(&field, &density, &constants));
    }
    let law = density.theta_marginal();
    if spec.frictions.is_empty() {
        let (distance, residual) = (f64::NAN, f64::NAN);
        let (gibbs, rest, iterations) = (Vec::new(), 0.0, 0);
        return Ok(Outcome::Complete(EnergyHistory { energies, distance, law, gibbs, rest, residual, iterations }));
    }
    let gibbs = Gibbs::find(&field, constants.temperature, TOLERANCE, MAX_ITERATIONS, || handle.advance_to(0.0));
    if handle.interrupted() {
        return Ok(Outcome::Interrupted);
    }
    let rest = gibbs.density(grid, constants.temperature);
    let difference: f64 = density.values.iter().zip(&rest.values).map(|(a, b)| (a - b).abs()).sum();
    let distance = difference * grid.cell();
    let rest = FreeEnergy::of(&field, &rest, &constants).total;
    Ok(Outcome::Complete(EnergyHistory {
        energies,
        distance,
        law,
        gibbs: gibbs.rho,
        rest,
        residual: gibbs.residual,
        iterations: gibbs.iterations,
    }))
}

/// Checks that F decreases at every step.
fn decrease_check(history: &EnergyHistory) -> Check {
    let totals = || history.energies.iter().map(|e| e.total);
    let (first, last) = (history.energies[0].total, history.energies[history.energies.len() - 1].total);
    let rise = sup(totals().zip(totals().skip(1)).map(|(before, after)| after - before));
    let mut check = Check::at_most(
        "kinetic-free-energy-falls",
        "the free energy decreases at every step: its largest increase over its total decrease",
        (rise / (first - last)).max(0.0),
        MAX_INCREASE,
    );
    check.detail +=
        &format!("; from {first:.6} to {last:.6} in {} steps, largest change {rise:.1e}", history.energies.len() - 1);
    check
}

/// Checks `F(t) - F(0) = -int D` with the trapezoidal rule over steps, which is of order 2 as the scheme.
fn dissipation_check(by_step: &[EnergyHistory], step: f64) -> Check {
    let defect = |history: &EnergyHistory, step: f64| {
        let e = &history.energies;
        let mut dissipated = 0.0;
        let defects = e.windows(2).map(|pair| {
            dissipated += 0.5 * step * (pair[0].dissipation + pair[1].dissipation);
            (pair[1].total - e[0].total + dissipated).abs()
        });
        sup(defects)
    };
    let defects = [0, 1, 2].map(|k| defect(&by_step[k], step * [2.0, 1.0, 0.5][k]));
    second_order(
        "kinetic-dissipation",
        "dF/dt = -gamma int mu |r + tau d_r log mu|^2: the defect of the integrated identity is of order 2 in the step",
        defects,
    )
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
fn optimum_check(frictions: &[f64], rates: &[f64], stiffness: f64) -> Check {
    const FACTOR: f64 = 2.0;
    let critical = 2.0 * stiffness.sqrt();
    let best = (0..rates.len()).filter(|&i| rates[i].is_finite()).max_by(|&i, &j| rates[i].total_cmp(&rates[j]));
    let statement = "the approach to equilibrium is fastest near critical damping, 2 sqrt(k), with the stiffness k from the rate at the largest friction (within a factor of 2)";
    let Some(best) = best.filter(|_| critical.is_finite() && rates.iter().all(|r| r.is_finite())) else {
        let reason = "the horizon is too short for the rate of an approach";
        return Check::not_measured("kinetic-optimum", statement, None, reason);
    };
    let at = frictions[best];
    let inside = best > 0 && best + 1 < frictions.len();
    let near = at < FACTOR * critical && at > critical / FACTOR;
    let verdict = match (inside, near) {
        (true, true) => Verdict::Holds,
        (false, true) => Verdict::NotResolved,
        (_, false) => Verdict::Fails,
    };
    Check {
        name: "kinetic-optimum".into(),
        statement: statement.into(),
        measured: at,
        interval: None,
        expected: Some(critical),
        verdict,
        detail: format!(
            "fastest at friction {at} with rate {:.3}; at {} {:.3}, at {} {:.3}",
            rates[best],
            frictions[0],
            rates[0],
            frictions[frictions.len() - 1],
            rates[rates.len() - 1]
        ),
    }
}

/// The arrays of the free energy.
fn energy_arrays(history: &EnergyHistory, step: f64) -> EnergyArrays {
    let count = history.energies.len();
    let rows = history.energies.iter().flat_map(|e| [e.risk, e.kinetic, e.entropy, e.total, e.dissipation]).collect();
    EnergyArrays { energy_times: (0..count).map(|k| k as f64 * step).collect(), energy: shaped((count, 5), rows) }
}
