//! The study of the radial reduction: MMN's Gaussians on a grid of (|w|, d|w|/dt), beside particles of the reduction and beside the
//! widest networks in R^d.
//!
//! Theory section 3 and known answer 7. The grid is the reference's; its error is measured with half its nodes and half its step.
//! The particles of the reduction start from quantiles, so that no draw is involved on either side. In other dimensions the grid has the same
//! nodes and costs the same.

use super::grid_limit::{pose_radial, radial_of};
use super::pieces::{Piece, Pulse, work_through_watched};
use super::plan::{Plan, REFERENCE, Trajectory, by_route};
use super::problem::Problem;
use super::series::{row, sup};
use super::training::Trained;
use super::{RunError, Setting};
use crate::analysis::quantile::quantile;
use crate::analysis::verdict::Check;
use crate::analysis::wasserstein::wasserstein_2_sorted;
use crate::compute::Threads;
use crate::config::{Experiment, Gridded, RadialStudy, Route};
use crate::dynamics::{Method, Motion, State, Still};
use crate::kinetic::{FeatureTable, GridLimit, Line, LineLaw, Radial, RadialForce};
use crate::network::{Law, Objective};
use crate::record::RadialRecord;
use crate::record::npz::Arrays;
use serde::{Deserialize, Serialize};

/// Atoms that stand for a law of |w|.
const ATOMS: usize = 2000;

/// How often the stated errors two routes may be apart.
const WITHIN: f64 = 3.0;

/// One piece of the study.
enum Task {
    /// The grid in a dimension, with so many nodes and such a step.
    Grid { dimension: usize, nodes: usize, step: f64 },
    /// Particles of the reduction, so many.
    Particles { count: usize },
    /// A network of the widths, by its trajectory's id.
    Network { id: String },
}

/// What it found.
#[derive(Serialize, Deserialize)]
struct Found {
    /// Risk at recording times.
    risk: Vec<f64>,
    /// Atoms of |w| at the snapshots, ascending.
    atoms: Vec<Vec<f64>>,
    /// Largest `|mass - 1|`, and least value of the density; 0 for particles.
    mass: f64,
    least: f64,
    /// Mass that came near the box's edges.
    edges: f64,
}

/// Writes `records/radial.npz` and `records/radial.json`; returns the checks. `None`: a person asked to stop.
pub fn study(
    problem: &Problem<'_, f64>,
    terms: &RadialStudy,
    plan: &Plan,
    trained: &Trained,
    setting: &Setting<'_>,
) -> Result<Option<Vec<Check>>, RunError> {
    let e = problem.experiment;
    let (Some(radial), Some(grid)) = (radial_of(e), e.reference.grid.as_ref()) else { return Ok(Some(Vec::new())) };
    let own = problem.network.inputs();
    let task = |dimension, nodes, step| Task::Grid { dimension, nodes, step };
    let mut tasks = vec![
        task(own, grid.nodes, grid.step),
        task(own, grid.nodes / 2, grid.step),
        task(own, grid.nodes, grid.step / 2.0),
    ];
    tasks.extend([Task::Particles { count: terms.particles }, Task::Particles { count: terms.particles / 2 }]);
    let others: Vec<usize> = terms.dimensions.iter().copied().filter(|&d| d != own).collect();
    tasks.extend(others.iter().map(|&d| task(d, grid.nodes, grid.step)));
    let networks = plan.groups[0].ids.last().cloned().unwrap_or_default();
    tasks.extend(networks.iter().map(|id| Task::Network { id: id.clone() }));
    let piece = |(i, item)| Piece { name: format!("radial-{i}"), size: 1, item };
    let pieces: Vec<Piece<Task>> = tasks.into_iter().enumerate().map(piece).collect();
    let work = |task: &Task, pulse: &Pulse<'_>| match task {
        Task::Grid { dimension, nodes, step } => on_grid(problem, &radial, grid, (*dimension, *nodes, *step), pulse),
        Task::Particles { count } => Ok(by_particles(problem, &radial, *count, pulse)),
        Task::Network { id } => match plan.find(id) {
            Some(run) => Ok(in_full(problem, run, pulse)),
            None => Ok(Some(Found::nothing())),
        },
    };
    let Some(found) = work_through_watched(setting, "radial reduction", &pieces, work)? else { return Ok(None) };
    let (grids, rest) = found.split_at(3);
    let (particles, rest) = rest.split_at(2);
    let (dimensions, networks) = rest.split_at(others.len());
    let apart = |a: &Found, b: &Found| sup(a.risk.iter().zip(&b.risk).map(|(a, b)| (a - b).abs()));
    let record = RadialRecord {
        dimension: own,
        dimensions: others,
        width: e.widths.largest(),
        seeds: networks.len(),
        particles: terms.particles,
        half_nodes: apart(&grids[0], &grids[1]),
        half_step: apart(&grids[0], &grids[2]),
        snapshots: problem.snapshots(),
    };
    // Networks are measured on the fixed sample: so is the grid that they are held against.
    let id = if e.reference.kind == Route::Grid { REFERENCE.into() } else { by_route(Route::Grid) };
    let on_sample: Vec<f64> = trained.series(&id).map_or_else(Vec::new, |series| series.row(row("risk")).to_vec());
    write(problem, &record, (&grids[0], &particles[0], &on_sample), dimensions, networks, setting)?;
    setting.folder.write_json("records/radial.json", &record)?;
    let all: Vec<&Found> = grids.iter().chain(dimensions).collect();
    Ok(Some(checks(&record, &all, particles, (networks, &on_sample))))
}

impl Found {
    fn nothing() -> Self {
        Found { risk: Vec::new(), atoms: Vec::new(), mass: 0.0, least: 0.0, edges: 0.0 }
    }
}

/// A start whose law of |w| is the same, up to its spread, in every dimension: a Gaussian's deviation goes with `1 / sqrt(d)`.
fn start_in(e: &Experiment, own: usize, dimension: usize) -> Law {
    match e.network.start.w {
        Law::Gaussian { mean, std } => Law::Gaussian { mean, std: std * (own as f64 / dimension as f64).sqrt() },
        ref law => law.clone(),
    }
}

/// `None`, here and below: a person asked to stop.
fn on_grid(
    problem: &Problem<'_, f64>,
    radial: &Radial,
    grid: &Gridded,
    (dimension, nodes, step): (usize, usize, f64),
    pulse: &Pulse<'_>,
) -> Result<Option<Found>, RunError> {
    let (e, own) = (problem.experiment, problem.network.inputs());
    let radial = radial.in_dimension(dimension);
    let law = start_in(e, own, dimension);
    let equation = pose_radial(e, &radial, grid, (nodes, step), &law).map_err(RunError::Grid)?;
    let (mut mass, mut least) = (0.0_f64, 0.0_f64);
    let go_on = |time: f64| pulse.go_on(time / e.horizon.time);
    let limit: Option<GridLimit> = equation
        .solve(&problem.times, Threads::Pool, go_on, |_, density| {
            mass = mass.max((density.mass() - 1.0).abs());
            least = density.values.iter().copied().fold(least, f64::min);
        })
        .map_err(RunError::Grid)?;
    let Some(limit) = limit else { return Ok(None) };
    let atoms = problem.snapshots().into_iter().map(|k| of_norm(limit.line, &limit.laws[k]).atoms(ATOMS));
    let edges = limit.edge_mass.0.max(limit.edge_mass.1);
    Ok(Some(Found { risk: limit.risks.clone(), atoms: atoms.collect(), mass, least, edges }))
}

/// The law of |w| = |q|: the upper half of the even law of q.
fn of_norm(line: Line, density: &[f64]) -> LineLaw {
    let half = line.nodes / 2;
    let upper = Line { low: 0.5 * (line.low + line.high), high: line.high, nodes: half };
    let folded: Vec<f64> = (0..half).map(|i| density[half + i] + density[half - 1 - i]).collect();
    LineLaw::new(upper, &folded)
}

/// Particles of the reduction from the quantiles of the start, by Runge-Kutta.
fn by_particles(problem: &Problem<'_, f64>, radial: &Radial, count: usize, pulse: &Pulse<'_>) -> Option<Found> {
    let e = problem.experiment;
    let q = radial.quantiles(&e.network.start.w, count);
    let interval = e.horizon.interval();
    let step = interval / (interval / e.reference.step).ceil();
    let motion = Motion { step, ..e.dynamics.motion(step) };
    let reach = e.reference.grid.map_or(10.0, |grid| grid.high);
    let furthest = radial.nodes().radius.iter().copied().fold(0.0, f64::max);
    let table = FeatureTable::new(radial, reach * furthest);
    let objective = Objective { loss: e.network.loss, ridge: e.dynamics.ridge };
    let mut force = RadialForce::new(radial, &table, objective);
    let mut integrator = motion.integrator::<f64>(Method::Rk4, count, count);
    let mut state = State::at_rest(q);
    let risk = |force: &RadialForce<'_>, q: &[f64]| {
        let penalty = 0.5 * e.dynamics.ridge * q.iter().map(|q| q * q).sum::<f64>() / count as f64;
        force.loss(&force.predictions(q)) + penalty
    };
    let kept = problem.snapshots();
    let mut found = Found::nothing();
    for (index, time) in problem.times.iter().enumerate() {
        while state.time < time * (1.0 - 1e-12) {
            if !pulse.go_on(state.time / e.horizon.time) {
                return None;
            }
            integrator.step(&mut force, &mut Still, &mut state);
        }
        found.risk.push(risk(&force, &state.theta));
        if kept.contains(&index) {
            found.atoms.push(sorted(state.theta.iter().map(|q| q.abs())));
        }
    }
    Some(found)
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// A network in R^d, trained again as its trajectory says, for the law of |w| along the way.
fn in_full(problem: &Problem<'_, f64>, run: &Trajectory, pulse: &Pulse<'_>) -> Option<Found> {
    let e = problem.experiment;
    let network = &problem.network;
    let (d, p) = (network.inputs(), network.parameters(1));
    let mut state = State::at_rest(network.start::<f64>(&e.network.start, e.seed, run.first, run.width));
    let mut integrator = run.motion.integrator::<f64>(run.method, run.width * d, state.theta.len());
    let mut force = problem.force(run, Threads::One);
    let kept = problem.snapshots();
    let mut found = Found::nothing();
    for (index, time) in problem.times.iter().enumerate() {
        while state.time < time * (1.0 - 1e-12) {
            if !pulse.go_on(state.time / e.horizon.time) {
                return None;
            }
            integrator.step(&mut force, &mut Still, &mut state);
        }
        let (_, _, risk) = super::series::evaluate(problem, run.width, &state.theta, Threads::One);
        found.risk.push(risk);
        if kept.contains(&index) {
            let neurons = network.to_canonical(run.width, &state.theta);
            let norm = |neuron: &[f64]| neuron[..d].iter().map(|w| w * w).sum::<f64>().sqrt();
            found.atoms.push(sorted(neurons.chunks_exact(p).map(norm)));
        }
    }
    Some(found)
}

fn write(
    problem: &Problem<'_, f64>,
    record: &RadialRecord,
    (grid, particles, on_sample): (&Found, &Found, &[f64]),
    dimensions: &[Found],
    networks: &[Found],
    setting: &Setting<'_>,
) -> Result<(), RunError> {
    let times = problem.times.len();
    let mut arrays = Arrays::default();
    arrays.push("times", &[times], problem.times.clone());
    arrays.push("snapshots", &[record.snapshots.len()], record.snapshots.iter().map(|&k| problem.times[k]).collect());
    let flat = |all: &[Found], f: &dyn Fn(&Found) -> Vec<f64>| all.iter().flat_map(f).collect::<Vec<f64>>();
    for (name, found) in [("grid", grid), ("particles", particles)] {
        arrays.push(format!("{name}_risk"), &[times], found.risk.clone());
        let count = found.atoms[0].len();
        arrays.push(format!("{name}_norms"), &[record.snapshots.len(), count], found.atoms.concat());
    }
    arrays.push("grid_sample_risk", &[on_sample.len()], on_sample.to_vec());
    for (name, found) in [("dimension", dimensions), ("network", networks)] {
        let Some(first) = found.first() else { continue };
        let count = first.atoms.first().map_or(0, Vec::len);
        arrays.push(format!("{name}_risk"), &[found.len(), times], flat(found, &|f| f.risk.clone()));
        arrays.push(
            format!("{name}_norms"),
            &[found.len(), record.snapshots.len(), count],
            flat(found, &|f| f.atoms.concat()),
        );
    }
    Ok(arrays.write(&setting.folder.file("records/radial.npz"))?)
}

fn checks(record: &RadialRecord, grids: &[&Found], particles: &[Found], networks: (&[Found], &[f64])) -> Vec<Check> {
    let most = |f: &dyn Fn(&Found) -> f64| sup(grids.iter().map(|found| f(found)));
    let mass = Check::at_most("radial-mass", "the grid keeps its mass: largest |mass - 1|", most(&|f| f.mass), 1e-12);
    let sign = Check::at_most("radial-sign", "no negative density beyond rounding", most(&|f| -f.least), 1e-12);
    let edges = Check::at_most("radial-edges", "no mass comes near the edges of the box", most(&|f| f.edges), 1e-6);
    let apart = |a: &[f64], b: &[f64]| sup(a.iter().zip(b).map(|(a, b)| (a - b).abs()));
    let own = record.half_nodes.hypot(record.half_step);
    let cloud = apart(&particles[0].risk, &particles[1].risk);
    let mut risk = Check::at_most(
        "radial-particles",
        format!("grid and particles of the reduction agree: sup_t |R - R'| within {WITHIN} stated errors"),
        apart(&grids[0].risk, &particles[0].risk),
        WITHIN * own.hypot(cloud),
    );
    risk.detail += &format!("; the grid's own error {own:.1e}, the particles' {cloud:.1e}");
    let distances = |a: &Found, b: &Found| {
        sup(a.atoms.iter().zip(&b.atoms).map(|(a, b)| wasserstein_2_sorted(a, b).unwrap_or(f64::NAN)))
    };
    let stated = distances(grids[0], grids[1]).hypot(distances(grids[0], grids[2]));
    let mut law = Check::at_most(
        "radial-law",
        format!("grid and particles of the reduction agree: W2 of the laws of |w| within {WITHIN} stated errors"),
        distances(grids[0], &particles[0]),
        WITHIN * stated,
    );
    law.detail += &format!("; the grid's own error {stated:.1e}");
    let mut all = vec![mass, sign, edges, risk, law];
    all.extend(network_check(networks, record));
    all
}

/// The mean risk of the widest networks stays within the spread of single ones, on the sample that they are measured on.
fn network_check((networks, grid): (&[Found], &[f64]), record: &RadialRecord) -> Option<Check> {
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
