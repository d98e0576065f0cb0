//! The study of the radial reduction: MMN's Gaussians on a grid of (|w|, d|w|/dt), beside particles of the reduction
//! and beside the widest networks in R^d.
//!
//! Theory section 3 and known answer 7. The grid is the reference's; its error is measured with half its nodes and half
//! its step. The particles of the reduction start from quantiles, so that no draw is involved on either side. In other
//! dimensions the grid has the same nodes and costs the same.

use super::{RadialArrays, RadialRecord, RadialReduction};
use crate::analysis::quantile::quantile;
use crate::analysis::verdict::Check;
use crate::analysis::wasserstein::wasserstein_2_sorted;
use crate::compute::Threads;
use crate::config::{Experiment, Route};
use crate::dynamics::{Method, Motion, Scheme, Simulation, State, StopReason, TimeLoop};
use crate::kinetic::{FeatureTable, GridAxis, GridLaw, Radial, RadialForce};
use crate::network::{Law, Objective};
use crate::record::npz::shaped;
use crate::record::{LimitRun, Measure};
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::evaluation::evaluate;
use crate::run::grid_limit::{Discretisation, pose_radial, radial_of};
use crate::run::plan::Trajectory;
use crate::run::problem::Problem;
use crate::run::series::sup;
use crate::run::study::TrainingSubject;
use crate::run::tasks::{Task, TaskHandle, run_tasks};
use ndarray::{Array1, Array2, Array3};
use serde::{Deserialize, Serialize};

/// Atoms that represent a law of |w|.
const ATOMS: usize = 2000;

/// Multiple of the stated errors within which two routes agree.
const WITHIN: f64 = 3.0;

/// One solution of the study.
enum Solve {
    /// The grid in a dimension, with so many nodes and such a step.
    Grid { dimension: usize, nodes: usize, step: f64 },
    /// Particles of the reduction, so many.
    Particles { count: usize },
    /// A network of the widths, by its trajectory's id.
    Network { id: String },
}

/// A solution.
#[derive(Default, Serialize, Deserialize)]
struct Solution {
    /// Risk at recording times.
    risk: Vec<f64>,
    /// Atoms of |w| at the snapshots, ascending.
    atoms: Vec<Vec<f64>>,
    /// Largest `|mass - 1|`; 0 for particles.
    mass: f64,
    /// Least value of the density; 0 for particles.
    least: f64,
    /// Mass near the edges of the box.
    edges: f64,
}

/// Every solution, by what it is for.
struct Solutions<'a> {
    /// The grid, with half its nodes, and with half its step.
    grids: &'a [Solution],
    /// The particles, and half of them.
    particles: &'a [Solution],
    /// The grid in other dimensions.
    dimensions: &'a [Solution],
    /// The widest networks.
    networks: &'a [Solution],
    /// Risk by the grid on the networks' sample.
    on_sample: &'a [f64],
}

/// Writes `records/radial.npz` and `records/radial.json`; returns the checks.
pub(super) fn run(
    terms: &RadialReduction,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let TrainingSubject { problem, plan, trained } = subject;
    let e = problem.experiment;
    let (Some(radial), Some(grid)) = (radial_of(e), e.reference.grid.as_ref()) else {
        return Ok(Outcome::Complete(Findings::default()));
    };
    let own = problem.network.inputs();
    let on = |dimension, nodes, step| Solve::Grid { dimension, nodes, step };
    let mut all =
        vec![on(own, grid.nodes, grid.step), on(own, grid.nodes / 2, grid.step), on(own, grid.nodes, grid.step / 2.0)];
    all.extend([Solve::Particles { count: terms.particles }, Solve::Particles { count: terms.particles / 2 }]);
    let others: Vec<usize> = terms.dimensions.iter().copied().filter(|&d| d != own).collect();
    all.extend(others.iter().map(|&d| on(d, grid.nodes, grid.step)));
    let networks = plan.groups[0].ids.last().cloned().unwrap_or_default();
    all.extend(networks.iter().map(|id| Solve::Network { id: id.clone() }));
    let tasks: Vec<Task<Solve>> =
        all.into_iter().enumerate().map(|(i, item)| Task { name: format!("radial-{i}"), size: 1, item }).collect();
    let work = |item: &Solve, handle: &TaskHandle<'_>| match item {
        Solve::Grid { dimension, nodes, step } => {
            let grid = Discretisation { nodes: *nodes, step: *step, ..Discretisation::of(grid) };
            on_grid(problem, &radial, &grid, *dimension, handle)
        }
        Solve::Particles { count } => Ok(by_particles(problem, &radial, *count, handle)),
        Solve::Network { id } => match plan.find(id) {
            Some(run) => Ok(by_network(problem, run, handle)),
            None => Ok(Outcome::Complete(Solution::default())),
        },
    };
    let found = complete!(run_tasks(context, "radial reduction", &tasks, work)?);
    let (grids, rest) = found.split_at(3);
    let (particles, rest) = rest.split_at(2);
    let (dimensions, networks) = rest.split_at(others.len());
    // Networks are measured on the fixed sample: so is the grid that they are compared with.
    let id = if e.reference.kind == Route::Grid { LimitRun::Reference } else { LimitRun::ByGrid };
    let on_sample = trained.series(id.id()).map_or_else(Vec::new, |series| series.row(Measure::Risk).to_vec());
    let solutions = Solutions { grids, particles, dimensions, networks, on_sample: &on_sample };
    let distance = |a: &Solution, b: &Solution| sup(a.risk.iter().zip(&b.risk).map(|(a, b)| (a - b).abs()));
    let record = RadialRecord {
        dimension: own,
        dimensions: others,
        width: e.widths.largest(),
        seeds: networks.len(),
        particles: terms.particles,
        half_nodes: distance(&grids[0], &grids[1]),
        half_step: distance(&grids[0], &grids[2]),
        snapshots: problem.snapshots(),
    };
    arrays(problem, &record, &solutions).write_to(context.folder)?;
    record.write(context.folder)?;
    Ok(Outcome::Complete(checks(&record, &solutions).into()))
}

/// A start whose law of |w| is the same, up to its spread, in every dimension: a Gaussian's deviation goes with `1 /
/// sqrt(d)`.
fn start_in(e: &Experiment, own: usize, dimension: usize) -> Law {
    match e.network.start.w {
        Law::Gaussian { mean, std } => Law::Gaussian { mean, std: std * (own as f64 / dimension as f64).sqrt() },
        ref law => law.clone(),
    }
}

fn on_grid(
    problem: &Problem<'_, f64>,
    radial: &Radial,
    grid: &Discretisation,
    dimension: usize,
    handle: &TaskHandle<'_>,
) -> Result<Outcome<Solution>, RunError> {
    let (e, own) = (problem.experiment, problem.network.inputs());
    let radial = radial.in_dimension(dimension);
    let law = start_in(e, own, dimension);
    let equation = pose_radial(e, &radial, grid, &law).map_err(RunError::Grid)?;
    let (mut mass, mut least) = (0.0_f64, 0.0_f64);
    let go_on = |time: f64| handle.advance_to(time / e.horizon.time);
    let limit = equation
        .solve(&problem.times, Threads::Pool, go_on, |_, density| {
            mass = mass.max((density.mass() - 1.0).abs());
            least = density.values.iter().copied().fold(least, f64::min);
        })
        .map_err(RunError::Grid)?;
    let Some(limit) = limit else { return Ok(Outcome::Interrupted) };
    let atoms = problem.snapshots().into_iter().map(|k| of_norm(limit.axis, &limit.laws[k]).atoms(ATOMS));
    let edges = limit.edge_mass.0.max(limit.edge_mass.1);
    Ok(Outcome::Complete(Solution { risk: limit.risks.clone(), atoms: atoms.collect(), mass, least, edges }))
}

/// The law of |w| = |q|: the upper half of the even law of q.
fn of_norm(line: GridAxis, density: &[f64]) -> GridLaw {
    let half = line.nodes / 2;
    let upper = GridAxis { low: 0.5 * (line.low + line.high), high: line.high, nodes: half };
    let folded: Vec<f64> = (0..half).map(|i| density[half + i] + density[half - 1 - i]).collect();
    GridLaw::new(upper, &folded)
}

/// Particles of the reduction from the quantiles of the start, by Runge-Kutta.
fn by_particles(
    problem: &Problem<'_, f64>,
    radial: &Radial,
    count: usize,
    handle: &TaskHandle<'_>,
) -> Outcome<Solution> {
    let e = problem.experiment;
    let q = radial.quantiles(&e.network.start.w, count);
    let interval = e.horizon.interval();
    let step = interval / (interval / e.reference.step).ceil();
    let motion = Motion { step, ..e.dynamics.motion(step) };
    let reach = e.reference.grid.map_or(10.0, |grid| grid.high);
    let furthest = radial.nodes().radius.iter().copied().fold(0.0, f64::max);
    let table = FeatureTable::new(radial, reach * furthest);
    let objective = Objective { loss: e.network.loss, ridge: e.dynamics.ridge };
    let force = RadialForce::new(radial, &table, objective);
    let risk = |state: &State<f64>| {
        let q = &state.theta;
        let penalty = 0.5 * e.dynamics.ridge * q.iter().map(|q| q * q).sum::<f64>() / count as f64;
        force.loss(&force.predictions(q)) + penalty
    };
    let norms = |state: &State<f64>| sorted(state.theta.iter().map(|q| q.abs()));
    let integrator = Scheme { method: Method::Rk4, motion }.integrator(count, count);
    let simulation = Simulation::noise_free(State::at_rest(q), integrator, RadialForce::new(radial, &table, objective));
    simulate(problem, simulation, handle, risk, norms)
}

/// Runs a simulation to the horizon: risk at the recording times, `|w|` in ascending order at the snapshots.
fn simulate(
    problem: &Problem<'_, f64>,
    mut simulation: Simulation<'_, f64>,
    handle: &TaskHandle<'_>,
    risk: impl Fn(&State<f64>) -> f64,
    norms: impl Fn(&State<f64>) -> Vec<f64>,
) -> Outcome<Solution> {
    let kept = problem.snapshots();
    let mut found = Solution::default();
    let mut record = |index: usize, state: &State<f64>| {
        let risk = risk(state);
        found.risk.push(risk);
        if kept.contains(&index) {
            found.atoms.push(norms(state));
        }
        risk
    };
    let interrupted = |time: f64| !handle.advance_to(time / problem.experiment.horizon.time);
    let Ok(stop) = TimeLoop::over(&problem.times).interrupted_when(&interrupted).run(&mut simulation, &mut record);
    if stop == StopReason::Horizon { Outcome::Complete(found) } else { Outcome::Interrupted }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// A network in R^d, trained again like its trajectory, for the law of |w| along training.
fn by_network(problem: &Problem<'_, f64>, run: &Trajectory, handle: &TaskHandle<'_>) -> Outcome<Solution> {
    let network = &problem.network;
    let (d, p) = (network.inputs(), network.parameters(1));
    let norms = |state: &State<f64>| {
        let neurons = network.to_canonical(run.width(), &state.theta);
        let norm = |neuron: &[f64]| neuron[..d].iter().map(|w| w * w).sum::<f64>().sqrt();
        sorted(neurons.chunks_exact(p).map(norm))
    };
    let risk = |state: &State<f64>| evaluate(problem, run.width(), &state.theta, Threads::One).risk;
    simulate(problem, problem.simulation(run, Threads::One), handle, risk, norms)
}

fn arrays(problem: &Problem<'_, f64>, record: &RadialRecord, solutions: &Solutions<'_>) -> RadialArrays {
    let (times, kept) = (problem.times.len(), record.snapshots.len());
    let norms = |solution: &Solution| shaped((kept, solution.atoms[0].len()), solution.atoms.concat());
    let several = |all: &[Solution]| -> (Option<Array2<f64>>, Option<Array3<f64>>) {
        let Some(first) = all.first() else { return (None, None) };
        let count = first.atoms.first().map_or(0, Vec::len);
        let risk = shaped((all.len(), times), all.iter().flat_map(|s| s.risk.clone()).collect());
        let norms = shaped((all.len(), kept, count), all.iter().flat_map(|s| s.atoms.concat()).collect());
        (Some(risk), Some(norms))
    };
    let (grid, particles) = (&solutions.grids[0], &solutions.particles[0]);
    let (dimension_risk, dimension_norms) = several(solutions.dimensions);
    let (network_risk, network_norms) = several(solutions.networks);
    RadialArrays {
        times: Array1::from(problem.times.clone()),
        snapshots: record.snapshots.iter().map(|&k| problem.times[k]).collect(),
        grid_risk: Array1::from(grid.risk.clone()),
        grid_norms: norms(grid),
        particles_risk: Array1::from(particles.risk.clone()),
        particles_norms: norms(particles),
        grid_sample_risk: Array1::from(solutions.on_sample.to_vec()),
        dimension_risk,
        dimension_norms,
        network_risk,
        network_norms,
    }
}

fn checks(record: &RadialRecord, solutions: &Solutions<'_>) -> Vec<Check> {
    let Solutions { grids, particles, dimensions, .. } = solutions;
    let most = |f: &dyn Fn(&Solution) -> f64| sup(grids.iter().chain(*dimensions).map(f));
    let mass = Check::at_most("radial-mass", "the grid keeps its mass: largest |mass - 1|", most(&|f| f.mass), 1e-12);
    let sign = Check::at_most("radial-sign", "no negative density beyond rounding", most(&|f| -f.least), 1e-12);
    let edges = Check::at_most("radial-edges", "no mass comes near the edges of the box", most(&|f| f.edges), 1e-6);
    let distance = |a: &[f64], b: &[f64]| sup(a.iter().zip(b).map(|(a, b)| (a - b).abs()));
    let own = record.half_nodes.hypot(record.half_step);
    let cloud = distance(&particles[0].risk, &particles[1].risk);
    let mut risk = Check::at_most(
        "radial-particles",
        format!("grid and particles of the reduction agree: sup_t |R - R'| within {WITHIN} stated errors"),
        distance(&grids[0].risk, &particles[0].risk),
        WITHIN * own.hypot(cloud),
    );
    risk.detail += &format!("; the grid's own error {own:.1e}, the particles' {cloud:.1e}");
    let distances = |a: &Solution, b: &Solution| {
        sup(a.atoms.iter().zip(&b.atoms).map(|(a, b)| wasserstein_2_sorted(a, b).unwrap_or(f64::NAN)))
    };
    let stated = distances(&grids[0], &grids[1]).hypot(distances(&grids[0], &grids[2]));
    let mut law = Check::at_most(
        "radial-law",
        format!("grid and particles of the reduction agree: W2 of the laws of |w| within {WITHIN} stated errors"),
        distances(&grids[0], &particles[0]),
        WITHIN * stated,
    );
    law.detail += &format!("; the grid's own error {stated:.1e}");
    let mut all = vec![mass, sign, edges, risk, law];
    all.extend(network_check(solutions, record));
    all
}

/// The mean risk of the widest networks stays within the spread of single ones, on the sample that they are measured
/// on.
fn network_check(solutions: &Solutions<'_>, record: &RadialRecord) -> Option<Check> {
    let Solutions { networks, on_sample: grid, .. } = solutions;
    let times = networks.first()?.risk.len();
    let spread = |k: usize| {
        let risks: Vec<f64> = networks.iter().map(|network| network.risk[k]).collect();
        let mean = risks.iter().sum::<f64>() / risks.len() as f64;
        let (low, high) = (quantile(risks.iter().copied(), 0.0), quantile(risks.iter().copied(), 1.0));
        (mean, high - low)
    };
    let worst = sup((0..times).map(|k| (spread(k).0 - grid[k]).abs()));
    let own = record.half_nodes.hypot(record.half_step);
    let range = sup((0..times).map(|k| spread(k).1));
    let mut check = Check::at_most(
        "radial-network",
        format!(
            "networks of width {} in R^{} follow the grid: sup_t |mean risk - R| within the range over seeds and the grid's error",
            record.width, record.dimension
        ),
        worst,
        range + WITHIN * own,
    );
    check.detail += &format!("; range over {} seeds {range:.1e}", networks.len());
    Some(check)
}
