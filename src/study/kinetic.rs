//! The kinetic equation on a grid beside particles: two routes to one limit, each with its error.
//!
//! Theory section 3 and known answers 4 and 7. The grid is held against itself (half the nodes, twice the step) and against
//! independent clouds of particles, whose spread is the error bar of their mean. At a positive temperature the free energy
//! is followed from step to step; where frictions are given, also the state of rest and how fast it is approached.

mod clouds;
mod compare;
mod rest;

use super::pieces::{Piece, Pulse, work_through_watched};
use super::problem::Problem;
use super::{RunError, Setting};
use crate::analysis::verdict::{Check, Verdict};
use crate::compute::{Real, Threads};
use crate::config::Kinetic;
use crate::kinetic::{Constants, Density, GridLimit, KineticError, KineticProblem, Line, MeanField, PhaseGrid};
use crate::network::Objective;
use crate::record::KineticRecord;
use crate::record::npz::Arrays;
use serde::{Deserialize, Serialize};

/// Nodes of a kept density, at most, either way.
const KEPT: usize = 192;

/// Mass that may come near the box's edges.
const AT_EDGES: f64 = 1e-6;

/// How one grid ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Solved {
    limit: GridLimit,
    /// Laws of the momenta, (times, nodes).
    momenta: Vec<Vec<f64>>,
    /// Means of theta and r, variance of theta, covariance, variance of r, at every time.
    moments: Vec<[f64; 5]>,
    /// Largest `|mass - 1|` and least value.
    mass: f64,
    least: f64,
    /// Block means of the density at the snapshots.
    snapshots: Vec<Vec<f64>>,
}

/// Refuses a grid that cannot do, before anything is computed.
pub fn check(problem: &Problem<'_, f64>, terms: &Kinetic) -> Result<(), KineticError> {
    let kinetic = pose(problem, terms.ends(), terms.nodes, terms.step)?;
    kinetic.start.resolve(&kinetic.field, &kinetic.constants)
}

/// Writes `records/kinetic.npz` and `records/kinetic.json`; returns the checks.
pub fn study(
    problem: &Problem<'_, f64>,
    terms: &Kinetic,
    setting: &Setting<'_>,
) -> Result<Option<Vec<Check>>, RunError> {
    let piece = |name: &str, nodes: usize, step: f64| Piece {
        name: format!("kinetic-{name}"),
        size: (nodes * nodes) * (problem.experiment.horizon.time / step) as usize,
        item: (nodes, step),
    };
    let pieces = [
        piece("grid", terms.nodes, terms.step),
        piece("half-nodes", terms.nodes / 2, terms.step),
        piece("double-step", terms.nodes, 2.0 * terms.step),
    ];
    let solve = |&(nodes, step): &(usize, f64), pulse: &Pulse<'_>| solve(problem, terms, (nodes, step), pulse);
    let Some(solved) = work_through_watched(setting, "kinetic grid", &pieces, solve)? else { return Ok(None) };
    let [grid, half, long] = &solved[..] else { unreachable!("three pieces") };
    let mut record = KineticRecord {
        friction: problem.experiment.dynamics.friction,
        temperature: problem.experiment.dynamics.temperature,
        step: terms.step,
        nodes: terms.nodes,
        particles: terms.particles,
        clouds: terms.clouds,
        half_nodes: apart(&grid.limit, &half.limit),
        double_step: apart(&grid.limit, &long.limit),
        rest: None,
    };
    let mut checks = soundness(grid);
    let mut arrays = Arrays::default();
    push(&mut arrays, problem, terms, grid);
    if terms.particles > 0 {
        let Some(found) = clouds::run(problem, terms, grid, setting)? else { return Ok(None) };
        // Order 2 in the step; in the spacing the least order of any part is 4.
        let own = (record.double_step / 3.0).hypot(record.half_nodes / 15.0);
        checks.extend(compare::checks(terms, grid, &found, own, &mut arrays));
    }
    if problem.experiment.dynamics.temperature > 0.0 {
        let Some((found, rest)) = rest::study(problem, terms, setting, &mut arrays)? else { return Ok(None) };
        checks.extend(found);
        record.rest = rest;
    }
    arrays.write(&setting.folder.file("records/kinetic.npz"))?;
    setting.folder.write_json("records/kinetic.json", &record)?;
    Ok(Some(checks))
}

/// The problem on a grid, theta in [low, high] and r in [-momentum, momentum].
pub(super) fn pose<R: Real>(
    problem: &Problem<'_, R>,
    (low, high, momentum): (f64, f64, f64),
    nodes: usize,
    step: f64,
) -> Result<KineticProblem, KineticError> {
    let e = problem.experiment;
    let network = &problem.network;
    let theta = Line { low, high, nodes };
    let momentum = Line { low: -momentum, high: momentum, nodes };
    let grid = PhaseGrid::new(theta, momentum)?;
    // Everything but the trained parameter is the same for all neurons: the first particle's.
    let neuron = network.to_canonical(1, &network.start::<f64>(&e.network.start, e.seed, 0, 1));
    let objective = Objective { loss: e.network.loss, ridge: e.dynamics.ridge };
    let sample = (problem.sample.x.view(), problem.sample.y.view());
    let field = MeanField::of_network(problem.independent(), &neuron, theta, sample, objective)?;
    let constants = Constants { friction: e.dynamics.friction, temperature: e.dynamics.temperature, step };
    let start = Density::start(grid, &e.network.start.w, e.network.start_momentum)?;
    Ok(KineticProblem { field, constants, start })
}

/// `None`: a person asked to stop.
fn solve(
    problem: &Problem<'_, f64>,
    terms: &Kinetic,
    (nodes, step): (usize, f64),
    pulse: &Pulse<'_>,
) -> Result<Option<Solved>, RunError> {
    let kinetic = pose(problem, terms.ends(), nodes, step)?;
    let kept = problem.snapshots();
    let (mut momenta, mut moments, mut pictures) = (Vec::new(), Vec::new(), Vec::new());
    let (mut mass, mut least) = (0.0_f64, f64::INFINITY);
    let go_on = |time: f64| pulse.go_on(time / problem.experiment.horizon.time);
    let limit = kinetic.solve(&problem.times, Threads::Pool, go_on, |index, density| {
        let m = density.moments();
        moments.push([m.mean.0, m.mean.1, m.covariance.0, m.covariance.1, m.covariance.2]);
        momenta.push(density.momentum_marginal());
        mass = mass.max((density.mass() - 1.0).abs());
        least = density.values.iter().copied().fold(least, f64::min);
        if kept.contains(&index) {
            pictures.push(block_means(density));
        }
    })?;
    Ok(limit.map(|limit| Solved { limit, momenta, moments, mass, least, snapshots: pictures }))
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
fn apart(a: &GridLimit, b: &GridLimit) -> f64 {
    let rms = |(f, g): (&Vec<f64>, &Vec<f64>)| {
        let square: f64 = f.iter().zip(g).map(|(f, g)| (f - g).powi(2)).sum();
        (square / f.len() as f64).sqrt()
    };
    super::series::sup(a.predictions.iter().zip(&b.predictions).map(rms))
}

/// What the scheme promises whatever the problem.
fn soundness(grid: &Solved) -> Vec<Check> {
    let mut edges = Check::at_most(
        "kinetic-box",
        "the box holds the density: mass that comes near its edges",
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
fn second_order(name: &str, statement: &str, errors: [f64; 3]) -> Check {
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

fn push(arrays: &mut Arrays, problem: &Problem<'_, f64>, terms: &Kinetic, grid: &Solved) {
    let times = &problem.times;
    let (t, n) = (times.len(), terms.nodes);
    let momentum = Line { low: -terms.momentum, high: terms.momentum, nodes: n };
    let kept = problem.snapshots();
    let side = n / block(n);
    let flat = |rows: &[Vec<f64>]| rows.concat();
    let f = &grid.limit.predictions;
    arrays.push("times", &[t], times.clone());
    arrays.push("theta", &[n], grid.limit.line.points());
    arrays.push("momentum", &[n], momentum.points());
    arrays.push("theta_law", &[t, n], flat(&grid.limit.laws));
    arrays.push("momentum_law", &[t, n], flat(&grid.momenta));
    arrays.push("x", &[problem.sample.x.nrows()], inputs(problem));
    arrays.push("y", &[problem.sample.y.len()], problem.sample.y.iter().copied().collect());
    arrays.push("function", &[t, f[0].len()], flat(f));
    arrays.push("risk", &[t], grid.limit.risks.clone());
    arrays.push("kinetic", &[t], grid.limit.kinetic.clone());
    arrays.push("moments", &[t, 5], grid.moments.concat());
    arrays.push("snapshot_times", &[kept.len()], kept.iter().map(|&k| times[k]).collect());
    arrays.push("snapshots", &[kept.len(), side, side], flat(&grid.snapshots));
    arrays.push("box", &[4], vec![terms.low, terms.high, -terms.momentum, terms.momentum]);
}

/// Inputs as a person gave them: of bump neurons the first input times their width.
fn inputs(problem: &Problem<'_, f64>) -> Vec<f64> {
    let scale = problem.experiment.network.scale.unwrap_or(1.0);
    problem.sample.x.column(0).iter().map(|x| x * scale).collect()
}
