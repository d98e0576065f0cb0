//! The kinetic equation on a grid beside particles: two routes to one limit, each with its error.
//!
//! Theory section 3 and known answers 4 and 7. The grid is compared with itself (half the nodes, twice the step) and
//! with independent clouds of particles, whose spread is the error bar of their mean. At a positive temperature the
//! free energy is followed from step to step; where frictions are given, also the state of rest and the rate of
//! approach.

use super::record::SolutionArrays;
use super::{Kinetic, KineticArrays, KineticRecord, clouds, compare, rest};
use crate::analysis::verdict::{Check, Verdict};
use crate::compute::Threads;
use crate::kinetic::{Density, GridLimit, PhaseGrid};
use crate::record::npz::shaped;
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::grid_limit::{Discretisation, pose_neurons};
use crate::run::problem::Problem;
use crate::run::series::sup;
use crate::run::tasks::{Task, TaskHandle, run_tasks};
use ndarray::Array1;
use serde::{Deserialize, Serialize};

/// Nodes of a kept density, at most, either way.
const KEPT: usize = 192;

/// Mass allowed near the edges of the box.
const AT_EDGES: f64 = 1e-6;

/// The solution on one grid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Solved {
    pub limit: GridLimit,
    /// Laws of the momenta, (times, nodes).
    pub momenta: Vec<Vec<f64>>,
    /// Means of theta and r, variance of theta, covariance, variance of r, at every time.
    pub moments: Vec<[f64; 5]>,
    /// Largest `|mass - 1|` and least value.
    mass: f64,
    least: f64,
    /// Block means of the density at the snapshots.
    snapshots: Vec<Vec<f64>>,
}

/// Writes `records/kinetic.npz` and `records/kinetic.json`; returns the checks.
pub(super) fn run(
    terms: &Kinetic,
    problem: &Problem<'_, f64>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let task = |name: &str, nodes: usize, step: f64| Task {
        name: format!("kinetic-{name}"),
        size: (nodes * nodes) * (problem.experiment.horizon.time / step) as usize,
        item: terms.grid(nodes, step),
    };
    let tasks = [
        task("grid", terms.nodes, terms.step),
        task("half-nodes", terms.nodes / 2, terms.step),
        task("double-step", terms.nodes, 2.0 * terms.step),
    ];
    let work = |grid: &Discretisation, handle: &TaskHandle<'_>| solve(problem, grid, handle);
    let solved = complete!(run_tasks(context, "kinetic grid", &tasks, work)?);
    let [grid, half, long] = &solved[..] else { unreachable!("three tasks") };
    let mut record = KineticRecord {
        friction: problem.experiment.dynamics.friction,
        temperature: problem.experiment.dynamics.temperature,
        step: terms.step,
        nodes: terms.nodes,
        particles: terms.particles,
        clouds: terms.clouds,
        half_nodes: distance(&grid.limit, &half.limit),
        double_step: distance(&grid.limit, &long.limit),
        rest: None,
    };
    let mut checks = scheme_checks(grid);
    let mut arrays = KineticArrays {
        solution: solution_arrays(problem, terms, grid),
        ends: Array1::from(vec![terms.low, terms.high, -terms.momentum, terms.momentum]),
        clouds: None,
        energy: None,
        approach: None,
    };
    if terms.particles > 0 {
        let found = complete!(clouds::run(problem, terms, grid, context)?);
        // Order 2 in the step; in the spacing the least order of any part is 4.
        let own = (record.double_step / 3.0).hypot(record.half_nodes / 15.0);
        let (found, cloud_arrays) = compare::compare(terms, grid, &found, own);
        checks.extend(found);
        arrays.clouds = Some(cloud_arrays);
    }
    if problem.experiment.dynamics.temperature > 0.0 {
        let found = complete!(rest::run(problem, terms, context)?);
        checks.extend(found.checks);
        (arrays.energy, arrays.approach, record.rest) = (Some(found.energy), found.approach, found.rest);
    }
    arrays.write(context.folder)?;
    record.write(context.folder)?;
    Ok(Outcome::Complete(checks.into()))
}

fn solve(
    problem: &Problem<'_, f64>,
    grid: &Discretisation,
    handle: &TaskHandle<'_>,
) -> Result<Outcome<Solved>, RunError> {
    let kinetic = pose_neurons(problem, grid)?;
    let kept = problem.snapshots();
    let (mut momenta, mut moments, mut snapshots) = (Vec::new(), Vec::new(), Vec::new());
    let (mut mass, mut least) = (0.0_f64, f64::INFINITY);
    let go_on = |time: f64| handle.advance_to(time / problem.experiment.horizon.time);
    let limit = kinetic.solve(&problem.times, Threads::Pool, go_on, |index, density| {
        let m = density.moments();
        moments.push([m.mean.0, m.mean.1, m.covariance.0, m.covariance.1, m.covariance.2]);
        momenta.push(density.momentum_marginal());
        mass = mass.max((density.mass() - 1.0).abs());
        least = density.values.iter().copied().fold(least, f64::min);
        if kept.contains(&index) {
            snapshots.push(block_means(density));
        }
    })?;
    Ok(match limit {
        Some(limit) => Outcome::Complete(Solved { limit, momenta, moments, mass, least, snapshots }),
        None => Outcome::Interrupted,
    })
}

/// Nodes that make one of a kept density, either way.
fn block(nodes: usize) -> usize {
    (nodes.div_ceil(KEPT)..=nodes).find(|b| nodes.is_multiple_of(*b)).unwrap_or(1)
}

fn block_means(density: &Density) -> Vec<f64> {
    let PhaseGrid { theta, momentum } = density.grid;
    let (b, c) = (block(momentum.nodes), block(theta.nodes));
    let columns = theta.nodes / c;
    let mut means = vec![0.0; momentum.nodes / b * columns];
    for (j, row) in density.values.chunks_exact(theta.nodes).enumerate() {
        for (i, v) in row.iter().enumerate() {
            means[j / b * columns + i / c] += v / (b * c) as f64;
        }
    }
    means
}

/// Sup over time of the root mean square difference of predictions.
fn distance(a: &GridLimit, b: &GridLimit) -> f64 {
    let rms = |(f, g): (&Vec<f64>, &Vec<f64>)| {
        let square: f64 = f.iter().zip(g).map(|(f, g)| (f - g).powi(2)).sum();
        (square / f.len() as f64).sqrt()
    };
    sup(a.predictions.iter().zip(&b.predictions).map(rms))
}

/// Properties of the scheme that hold for every problem.
fn scheme_checks(grid: &Solved) -> Vec<Check> {
    let mut edges = Check::at_most(
        "kinetic-box",
        "the box holds the density: mass near its edges",
        grid.limit.edge_mass.0.max(grid.limit.edge_mass.1),
        AT_EDGES,
    );
    edges.detail = format!(
        "near the ends of theta {:.1e}, of the momenta {:.1e}; a wider [kinetic] low, high or momentum lowers it",
        grid.limit.edge_mass.0, grid.limit.edge_mass.1
    );
    vec![
        Check::at_most("kinetic-mass", "the grid keeps mass", grid.mass, 1e-12),
        Check::at_most("kinetic-positive", "the density is nowhere negative", (-grid.least).max(0.0), 0.0),
        edges,
    ]
}

/// A check that three errors, at twice a step, the step and half of it, are of order 2, or of a higher one.
pub(super) fn second_order(name: &str, statement: &str, errors: [f64; 3]) -> Check {
    const LEAST: f64 = 1.8;
    let order = (errors[0] / errors[2]).log2() / 2.0;
    let verdict = match order.partial_cmp(&LEAST) {
        None => Verdict::NotResolved,
        Some(std::cmp::Ordering::Less) => Verdict::Fails,
        Some(_) => Verdict::Holds,
    };
    let [a, b, c] = errors;
    Check {
        name: name.into(),
        statement: statement.into(),
        measured: order,
        interval: None,
        expected: Some(2.0),
        verdict,
        detail: format!(
            "{a:.2e}, {b:.2e}, {c:.2e} at twice the step, the step and half of it: order {order:.2}, at least {LEAST} asked for"
        ),
    }
}

fn solution_arrays(problem: &Problem<'_, f64>, terms: &Kinetic, grid: &Solved) -> SolutionArrays {
    let times = &problem.times;
    let (t, n) = (times.len(), terms.nodes);
    let kept = problem.snapshots();
    let side = n / block(n);
    let f = &grid.limit.predictions;
    SolutionArrays {
        times: Array1::from(times.clone()),
        theta: Array1::from(grid.limit.axis.points()),
        momentum: Array1::from(terms.grid(n, terms.step).momentum_line().points()),
        theta_law: shaped((t, n), grid.limit.laws.concat()),
        momentum_law: shaped((t, n), grid.momenta.concat()),
        x: Array1::from(inputs(problem)),
        y: problem.sample.y.iter().copied().collect(),
        function: shaped((t, f[0].len()), f.concat()),
        risk: Array1::from(grid.limit.risks.clone()),
        kinetic: Array1::from(grid.limit.kinetic.clone()),
        moments: shaped((t, 5), grid.moments.concat()),
        snapshot_times: kept.iter().map(|&k| times[k]).collect(),
        snapshots: shaped((kept.len(), side, side), grid.snapshots.concat()),
    }
}

/// Inputs in the experiment's units: for bump neurons the first input times their width.
fn inputs(problem: &Problem<'_, f64>) -> Vec<f64> {
    let scale = problem.experiment.network.scale.unwrap_or(1.0);
    problem.sample.x.column(0).iter().map(|x| x * scale).collect()
}
