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
use crate::kinetic::{Density, GridLimit, PhaseGrid, rows_are};
use crate::record::npz::shaped;
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::grid_limit::{Discretisation, MAX_EDGE_MASS, pose_neurons};
use crate::run::problem::Problem;
use crate::run::series::sup;
use crate::run::tasks::{Scope, Task, TaskHandle, run_scoped_tasks};
use ndarray::Array1;
use serde::{Deserialize, Serialize};

/// Largest number of nodes per axis of a recorded density.
const MAX_SNAPSHOT_NODES: usize = 192;

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

impl GridSolution {
    /// Whether this is the shape of the solution of a problem on a grid.
    fn fits(&self, problem: &Problem<'_, f64>, grid: &Discretisation) -> bool {
        let (times, side) = (problem.times.len(), grid.nodes / block(grid.nodes));
        self.limit.is_of(&problem.times, grid.theta_line(), problem.sample.y.len())
            && rows_are(&self.momenta, times, grid.nodes)
            && self.moments.len() == times
            && rows_are(&self.snapshots, problem.snapshots().len(), side * side)
    }
}

/// The solution on the grid, and those from which its errors are measured.
#[derive(Clone, Copy)]
pub(super) struct Grids<'a> {
    pub whole: &'a GridSolution,
    pub half_nodes: &'a GridSolution,
    pub double_step: &'a GridSolution,
}

impl Grids<'_> {
    /// The two coarser solutions.
    pub fn coarser(&self) -> [&GridSolution; 2] {
        [self.half_nodes, self.double_step]
    }
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
    let fits = |grid: &Discretisation, found: &GridSolution| found.fits(problem, grid);
    let solved = complete!(run_scoped_tasks(context, ("kinetic grid", Scope::Shared), &tasks, fits, work)?);
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
    let rounding = spec.grid(spec.nodes, spec.step).mass_rounding(problem.experiment.horizon.time);
    let mut checks = scheme_checks(grid, rounding).to_vec();
    let mut arrays = KineticArrays {
        solution: solution_arrays(problem, spec, grid),
        ends: Array1::from(vec![spec.low, spec.high, -spec.momentum, spec.momentum]),
        clouds: None,
        energy: None,
        approach: None,
    };
    let clouds = (spec.particles > 0).then(|| clouds::run(problem, spec, grid, context)).transpose()?;
    let heated = problem.experiment.dynamics.temperature > 0.0;
    let energy = heated.then(|| free_energy::run(problem, spec, context)).transpose()?;
    if let Some(found) = clouds {
        let found = complete!(found);
        let (found, cloud_arrays) = compare::compare(spec, Grids { whole: grid, half_nodes, double_step }, &found);
        checks.extend(found);
        arrays.clouds = Some(cloud_arrays);
    }
    if let Some(found) = energy {
        let found = complete!(found);
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

/// Checks of the scheme that apply to every problem. `rounding` is the largest error of the mass.
fn scheme_checks(grid: &GridSolution, rounding: f64) -> [Check; 3] {
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
    [
        Check::at_most("kinetic-mass", "the grid conserves mass", grid.mass, rounding),
        Check::at_most("kinetic-positive", "the density is nowhere negative", (-grid.least).max(0.0), 0.0),
        edges,
    ]
    .map(Check::about_program)
}

/// The value of a quantity that the exact solution leaves at 0, on grids of several nodes and steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defects {
    /// With twice the step.
    pub double_step: f64,
    /// On the grid.
    pub whole: f64,
    /// With half the step.
    pub half_step: f64,
    /// With half the nodes.
    pub half_nodes: f64,
    /// What is left for another reason than the discretisation.
    pub other: f64,
}

impl Defects {
    /// The largest value that the errors explain. With an order of 1 or higher, in step and nodes, these are at most twice
    /// the difference from half the step, and the difference from half the nodes.
    pub fn allowed(&self) -> f64 {
        2.0 * (self.whole - self.half_step).abs() + (self.whole - self.half_nodes).abs() + self.other
    }

    /// Checks that the quantity vanishes with the step and the spacing: it is at most [`Defects::allowed`]. Not resolved where this allows more than `resolution`.
    pub fn check(&self, name: &str, statement: &str, resolution: f64) -> Check {
        let Defects { double_step, whole, half_step, half_nodes, .. } = *self;
        let allowed = self.allowed();
        let mut check = Check::at_most(name, statement, whole, allowed);
        check.detail += &format!(
            "; {double_step:.2e}, {whole:.2e}, {half_step:.2e} at twice the step, the step and half the step, {half_nodes:.2e} with half the nodes"
        );
        if check.verdict == Verdict::Holds && allowed > resolution {
            check.verdict = Verdict::NotResolved;
            check.detail +=
                &format!("; only values above {allowed:.1e} would be seen, expected below {resolution:.1e}");
        }
        check
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(double_step: f64, whole: f64, half_step: f64, half_nodes: f64) -> Verdict {
        Defects { double_step, whole, half_step, half_nodes, other: 0.0 }.check("a", "", 0.05).verdict
    }

    #[test]
    fn a_defect_must_vanish_with_step_or_spacing() {
        assert_eq!(verdict(4e-3, 1e-3, 2.5e-4, 1.0e-3), Verdict::Holds, "order 2 in the step");
        assert_eq!(verdict(2e-3, 1e-3, 5e-4, 1.0e-3), Verdict::Holds, "order 1 in the step");
        assert_eq!(verdict(1e-3, 1e-3, 1e-3, 2.0e-3), Verdict::Holds, "order 1 in the spacing");
        assert_eq!(verdict(1e-3, 1e-3, 1e-3, 1.1e-3), Verdict::Fails, "neither");
        assert_eq!(verdict(0.24, 0.12, 0.06, 0.12), Verdict::NotResolved, "too coarse to see anything");
        assert_eq!(verdict(1.0, 1.0, f64::NAN, 1.0), Verdict::NotResolved);
    }

    #[test]
    fn schemes_that_lose_mass_turn_negative_or_reach_the_edges_fail() {
        let solution = |mass: f64, least: f64, edge: f64| {
            let limit = GridLimit {
                times: Vec::new(),
                axis: crate::kinetic::GridAxis { low: 0.0, high: 1.0, nodes: 64 },
                predictions: Vec::new(),
                losses: Vec::new(),
                risks: Vec::new(),
                kinetic: Vec::new(),
                laws: Vec::new(),
                edge_mass: (edge, 0.0),
            };
            let (momenta, moments, snapshots) = (Vec::new(), Vec::new(), Vec::new());
            GridSolution { limit, momenta, moments, mass, least, snapshots }
        };
        let verdicts = |s: GridSolution| scheme_checks(&s, 1e-12).map(|check| check.verdict);
        use Verdict::{Fails, Holds};
        assert_eq!(verdicts(solution(1e-13, 0.0, 1e-9)), [Holds, Holds, Holds]);
        assert_eq!(verdicts(solution(1e-11, -1e-18, 1e-5)), [Fails, Fails, Fails]);
    }
}
