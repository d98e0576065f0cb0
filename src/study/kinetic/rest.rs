//! The free energy from step to step, the state of rest, and the rate of approach to it.

use super::record::{ApproachArrays, EnergyArrays};
use super::study::second_order;
use super::{Kinetic, RestRecord};
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

/// A fixed point is found to this residual, within this many iterations.
const TOLERANCE: f64 = 1e-13;
const ITERATIONS: usize = 100_000;

/// The free energy may rise by this part of its whole fall, in one step: rounding of sums over the nodes.
const RISE: f64 = 1e-10;

/// The approach is fitted while the excess free energy is between these parts of its start.
const LATE: (f64, f64) = (3e-2, 3e-6);

/// What is followed.
struct Follow {
    friction: f64,
    nodes: usize,
    step: f64,
}

/// The free energy after every step, and the last density of theta.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Followed {
    energies: Vec<FreeEnergy>,
    /// `int |mu - mu*|` at the end; NaN without frictions.
    #[serde(with = "crate::number")]
    distance: f64,
    /// The law of theta at the end, and that of the Gibbs law.
    law: Vec<f64>,
    gibbs: Vec<f64>,
    /// Free energy of the Gibbs law on the same nodes.
    rest: f64,
    #[serde(with = "crate::number")]
    residual: f64,
    iterations: usize,
}

/// What was found.
pub(super) struct Rest {
    pub checks: Vec<Check>,
    pub energy: EnergyArrays,
    pub approach: Option<ApproachArrays>,
    pub rest: Option<RestRecord>,
}

/// Follows the free energy at several steps and frictions.
pub(super) fn run(
    problem: &Problem<'_, f64>,
    terms: &Kinetic,
    context: &RunContext<'_>,
) -> Result<Outcome<Rest>, RunError> {
    let friction = problem.experiment.dynamics.friction;
    let task = |name: String, nodes: usize, step: f64, friction: f64| Task {
        name: format!("kinetic-{name}"),
        size: nodes * nodes * (problem.experiment.horizon.time / step) as usize,
        item: Follow { friction, nodes, step },
    };
    let steps = [("double", 2.0), ("whole", 1.0), ("half", 0.5)];
    let mut tasks: Vec<Task<Follow>> =
        steps.iter().map(|(name, m)| task(format!("energy-{name}"), terms.nodes, m * terms.step, friction)).collect();
    for &other in &terms.frictions {
        // Half the nodes are enough for rates to a few percent; twice the step is not, as the scheme's own state of
        // rest lies above the Gibbs law by the fourth power of it.
        tasks.push(task(format!("friction-{other}"), terms.nodes / 2, terms.step, other));
    }
    let work = |item: &Follow, handle: &TaskHandle<'_>| follow(problem, terms, item, handle);
    let followed = complete!(run_tasks(context, "free energy", &tasks, work)?);
    let (by_step, by_friction) = followed.split_at(steps.len());
    let whole = &by_step[1];
    let checks = vec![falls(whole), dissipates(by_step, terms.step)];
    let mut found = Rest { checks, energy: energy_arrays(whole, terms.step), approach: None, rest: None };
    if terms.frictions.is_empty() {
        return Ok(Outcome::Complete(found));
    }
    let distances = [0, 1, 2].map(|k| by_step[k].distance);
    found.checks.push(second_order(
        "kinetic-gibbs",
        "the end state is the self-consistent Gibbs law, found by its own fixed point: int |mu - mu*| is of order 2 in the step",
        distances,
    ));
    let rates: Vec<f64> = by_friction.iter().map(|followed| rate(followed, terms.step)).collect();
    let stiffness = stiffness(&terms.frictions, &rates);
    found.checks.push(optimum(&terms.frictions, &rates, stiffness));
    let excess: Vec<Vec<f64>> =
        by_friction.iter().map(|f| f.energies.iter().map(|e| e.total - f.rest).collect()).collect();
    let count = excess[0].len();
    found.approach = Some(ApproachArrays {
        frictions: Array1::from(terms.frictions.clone()),
        rates: Array1::from(rates),
        end_law: Array1::from(whole.law.clone()),
        gibbs_law: Array1::from(whole.gibbs.clone()),
        excess_times: (0..count).map(|k| k as f64 * terms.step).collect(),
        excess: shaped((excess.len(), count), excess.concat()),
    });
    found.rest = Some(RestRecord {
        free_energy: whole.rest,
        residual: whole.residual,
        iterations: whole.iterations,
        distance: distances.to_vec(),
        stiffness,
    });
    Ok(Outcome::Complete(found))
}

fn follow(
    problem: &Problem<'_, f64>,
    terms: &Kinetic,
    item: &Follow,
    handle: &TaskHandle<'_>,
) -> Result<Outcome<Followed>, RunError> {
    let mut kinetic = pose_neurons(problem, &terms.grid(item.nodes, item.step))?;
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
    if terms.frictions.is_empty() {
        let (distance, residual) = (f64::NAN, f64::NAN);
        let (gibbs, rest, iterations) = (Vec::new(), 0.0, 0);
        return Ok(Outcome::Complete(Followed { energies, distance, law, gibbs, rest, residual, iterations }));
    }
    let gibbs = Gibbs::find(&field, constants.temperature, TOLERANCE, ITERATIONS, || handle.advance_to(0.0));
    if handle.interrupted() {
        return Ok(Outcome::Interrupted);
    }
    let rest = gibbs.density(grid, constants.temperature);
    let difference: f64 = density.values.iter().zip(&rest.values).map(|(a, b)| (a - b).abs()).sum();
    let distance = difference * grid.cell();
    let rest = FreeEnergy::of(&field, &rest, &constants).total;
    Ok(Outcome::Complete(Followed {
        energies,
        distance,
        law,
        gibbs: gibbs.rho,
        rest,
        residual: gibbs.residual,
        iterations: gibbs.iterations,
    }))
}

/// F falls at every step.
fn falls(followed: &Followed) -> Check {
    let totals = || followed.energies.iter().map(|e| e.total);
    let (first, last) = (followed.energies[0].total, followed.energies[followed.energies.len() - 1].total);
    let rise = sup(totals().zip(totals().skip(1)).map(|(before, after)| after - before));
    let mut check = Check::at_most(
        "kinetic-free-energy-falls",
        "the free energy falls at every step: its largest rise over its whole fall",
        (rise / (first - last)).max(0.0),
        RISE,
    );
    check.detail +=
        &format!("; from {first:.6} to {last:.6} in {} steps, largest change {rise:.1e}", followed.energies.len() - 1);
    check
}

/// `F(t) - F(0) = -int D`, with the trapezoidal rule over steps: of order 2, as the scheme.
fn dissipates(by_step: &[Followed], step: f64) -> Check {
    let defect = |followed: &Followed, step: f64| {
        let e = &followed.energies;
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

/// The rate at which the excess free energy falls late, by least squares on its logarithm.
fn rate(followed: &Followed, step: f64) -> f64 {
    let excess: Vec<f64> = followed.energies.iter().map(|e| e.total - followed.rest).collect();
    let start = excess[0];
    let late = |e: f64| e < LATE.0 * start && e > LATE.1 * start;
    let end = excess.iter().position(|&e| e <= LATE.1 * start).unwrap_or(excess.len());
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

/// In a harmonic well of stiffness k deviations fall at the rate `(gamma - Re sqrt(gamma^2 - 4 k)) / 2`, the excess
/// free energy at twice that; k from the rate at the largest friction.
fn stiffness(frictions: &[f64], rates: &[f64]) -> f64 {
    let (Some(gamma), Some(rate)) = (frictions.last(), rates.last()) else { return f64::NAN };
    0.5 * rate * (gamma - 0.5 * rate)
}

/// The fastest approach is near critical damping, `gamma = 2 sqrt(k)`.
fn optimum(frictions: &[f64], rates: &[f64], stiffness: f64) -> Check {
    const FACTOR: f64 = 2.0;
    let critical = 2.0 * stiffness.sqrt();
    let best = (0..rates.len()).filter(|&i| rates[i].is_finite()).max_by(|&i, &j| rates[i].total_cmp(&rates[j]));
    let statement = "the approach to rest is fastest near critical damping, 2 sqrt(k) with the stiffness k of slow approach at the largest friction (within a factor of 2)";
    let Some(best) = best.filter(|_| critical.is_finite() && rates.iter().all(|r| r.is_finite())) else {
        let why = "an approach was not followed far enough for a rate: a longer horizon would do";
        return Check::not_measured("kinetic-optimum", statement, None, why);
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

fn energy_arrays(whole: &Followed, step: f64) -> EnergyArrays {
    let count = whole.energies.len();
    let rows = whole.energies.iter().flat_map(|e| [e.risk, e.kinetic, e.entropy, e.total, e.dissipation]).collect();
    EnergyArrays { energy_times: (0..count).map(|k| k as f64 * step).collect(), energy: shaped((count, 5), rows) }
}
