//! The kinetic equation on a grid, compared with independent clouds of particles.
//!
//! Theory section 3 and known answers 4 and 7. The grid is compared with grids with half the nodes and twice the step,
//! and with independent clouds of particles, whose spread gives the standard error of their mean. At a positive
//! temperature the free energy is computed at every step, and, where frictions are given, the equilibrium and the rate
//! of approach.

use super::record::SolutionArrays;
use super::{Kinetic, KineticArrays, KineticRecord, clouds, compare, free_energy};
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

/// Largest number of nodes per axis of a recorded density.
const MAX_SNAPSHOT_NODES: usize = 192;

/// Largest mass near the edges of the grid.
const MAX_EDGE_MASS: f64 = 1e-6;

/// The solution on one grid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct GridSolution {
    /// Laws of theta, predictions and risks.
    pub limit: GridLimit,
    /// Densities of the momenta (times, nodes).
    pub momenta: Vec<Vec<f64>>,
    /// Means of theta and r, variance of theta, covariance, variance of r (times).
    pub moments: Vec<[f64; 5]>,
    /// Largest `|mass - 1|`.
    mass: f64,
    /// Smallest value of the density.
    least: f64,
    /// Block means of the density at the snapshots.
    snapshots: Vec<Vec<f64>>,
}

/// Writes `records/kinetic.npz` and `records/kinetic.json`; returns the checks.
pub(super) fn run(
    spec: &Kinetic,
    problem: &Problem<'_, f64>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let task = |name: &str, nodes: usize, step: f64| Task {
        name: format!("kinetic-{name}"),
        size: (nodes * nodes) * (problem.experiment.horizon.time / step) as usize,
        item: spec.grid(nodes, step),
    };
    let tasks = [
        task("grid", spec.nodes, spec.step),
        task("half-nodes", spec.nodes / 2, spec.step),
        task("double-step", spec.nodes, 2.0 * spec.step),
    ];
    let work = |grid: &Discretisation, handle: &TaskHandle<'_>| solve(problem, grid, handle);
    let solved = complete!(run_tasks(context, "kinetic grid", &tasks, work)?);
    let [grid, half_nodes, double_step] = &solved[..] else { unreachable!("three tasks") };
    let mut record = KineticRecord {
        friction: problem.experiment.dynamics.friction,
        temperature: problem.experiment.dynamics.temperature,
        step: spec.step,
        nodes: spec.nodes,
        particles: spec.particles,
        clouds: spec.clouds,
        half_nodes: distance(&grid.limit, &half_nodes.limit),
        double_step: distance(&grid.limit, &double_step.limit),
        rest: None,
    };
    let mut checks = scheme_checks(grid);
    let mut arrays = KineticArrays {
        solution: solution_arrays(problem, spec, grid),
        ends: Array1::from(vec![spec.low, spec.high, -spec.momentum, spec.momentum]),
        clouds: None,
        energy: None,
        approach: None,
    };
    if spec.particles > 0 {
        let found = complete!(clouds::run(problem, spec, grid, context)?);
        // The scheme is of order 2 in the step and of order 4 or higher in the spacing.
        let own = (record.double_step / 3.0).hypot(record.half_nodes / 15.0);
        let (found, cloud_arrays) = compare::compare(spec, grid, &found, own);
        checks.extend(found);
        arrays.clouds = Some(cloud_arrays);
    }
    if problem.experiment.dynamics.temperature > 0.0 {
        let found = complete!(free_energy::run(problem, spec, context)?);
        checks.extend(found.checks);
        (arrays.energy, arrays.approach, record.rest) = (Some(found.energy), found.approach, found.rest);
    }
    arrays.write(context.folder)?;
    record.write(context.folder)?;
    Ok(Outcome::Complete(checks.into()))
}

/// Solves the kinetic equation on a grid.
fn solve(
    problem: &Problem<'_, f64>,
    grid: &Discretisation,
    handle: &TaskHandle<'_>,
) -> Result<Outcome<GridSolution>, RunError> {
    let kinetic = pose_neurons(problem, grid)?;
    let kept = problem.snapshots();
    let (mut momenta, mut moments, mut snapshots) = (Vec::new(), Vec::new(), Vec::new());
    let (mut mass, mut least) = (0.0_f64, f64::INFINITY);
    let advance = |time: f64| handle.advance_to(time / problem.experiment.horizon.time);
    let limit = kinetic.solve(&problem.times, Threads::Pool, advance, |index, density| {
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
        Some(limit) => Outcome::Complete(GridSolution { limit, momenta, moments, mass, least, snapshots }),
        None => Outcome::Interrupted,
    })
}

/// Number of nodes per axis that are averaged to one of a recorded density.
fn block(nodes: usize) -> usize {
    (nodes.div_ceil(MAX_SNAPSHOT_NODES)..=nodes).find(|b| nodes.is_multiple_of(*b)).unwrap_or(1)
}

/// Block means of a density (momenta, thetas).
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

/// Supremum over time of the root mean square difference of predictions.
fn distance(a: &GridLimit, b: &GridLimit) -> f64 {
    let rms = |(f, g): (&Vec<f64>, &Vec<f64>)| {
        let square: f64 = f.iter().zip(g).map(|(f, g)| (f - g).powi(2)).sum();
        (square / f.len() as f64).sqrt()
    };
    sup(a.predictions.iter().zip(&b.predictions).map(rms))
}

/// Checks of the scheme that apply to every problem.
fn scheme_checks(grid: &GridSolution) -> Vec<Check> {
    let mut edges = Check::at_most(
        "kinetic-box",
        "the grid contains the density: mass near its edges",
        grid.limit.edge_mass.0.max(grid.limit.edge_mass.1),
        MAX_EDGE_MASS,
    );
    edges.detail = format!(
        "near the ends of theta {:.1e}, of the momenta {:.1e}; extend [kinetic] low, high or momentum to reduce it",
        grid.limit.edge_mass.0, grid.limit.edge_mass.1
    );
    vec![
        Check::at_most("kinetic-mass", "the grid conserves mass", grid.mass, 1e-12),
        Check::at_most("kinetic-positive", "the density is nowhere negative", (-grid.least).max(0.0), 0.0),
        edges,
    ]
}

/// A check that errors at twice the step, the step and half the step are of order 2 or higher.
pub(super) fn second_order(name: &str, statement: &str, errors: [f64; 3]) -> Check {
    const MIN_ORDER: f64 = 1.8;
    let order = (errors[0] / errors[2]).log2() / 2.0;
    let verdict = match order.partial_cmp(&MIN_ORDER) {
        None => Verdict::NotResolved,
        Some(std::cmp::Ordering::Less) => Verdict::Fails,
        Some(_) => Verdict::Holds,
    };
    let [a, b, c] = errors;
    Check::new(
        name,
        statement,
        order,
        Some(2.0),
        verdict,
        format!(
            "{a:.2e}, {b:.2e}, {c:.2e} at twice the step, the step and half the step: order {order:.2}, required at least {MIN_ORDER}"
        ),
    )
}

/// The arrays of the solution on the grid.
fn solution_arrays(problem: &Problem<'_, f64>, spec: &Kinetic, grid: &GridSolution) -> SolutionArrays {
    let times = &problem.times;
    let (t, n) = (times.len(), spec.nodes);
    let kept = problem.snapshots();
    let side = n / block(n);
    let f = &grid.limit.predictions;
    SolutionArrays {
        times: Array1::from(times.clone()),
        theta: Array1::from(grid.limit.axis.points()),
        momentum: Array1::from(spec.grid(n, spec.step).momentum_line().points()),
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

/// Inputs before scaling: for bump neurons the first input times their width.
fn inputs(problem: &Problem<'_, f64>) -> Vec<f64> {
    let scale = problem.experiment.network.scale.unwrap_or(1.0);
    problem.sample.x.column(0).iter().map(|x| x * scale).collect()
}
