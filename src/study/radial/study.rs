//! The study of the radial reduction: the isotropic Gaussians of MMN on a grid of (|w|, d|w|/dt), compared with
//! particles of the reduction and with the widest networks in R^d.
//!
//! Theory section 3 and known answer 7. The grid is that of the reference; its error is estimated with half the nodes
//! and half the step. The particles of the reduction start from quantiles, so that both solutions are deterministic.

use super::{RadialArrays, RadialRecord, RadialReduction};
use crate::analysis::threshold::student;
use crate::analysis::verdict::Check;
use crate::analysis::wasserstein::wasserstein_2_sorted;
use crate::compute::Threads;
use crate::config::{Experiment, Route};
use crate::dynamics::{Method, Motion, Scheme, Simulation, State, StopReason, TimeLoop};
use crate::kinetic::{FeatureTable, GridAxis, GridLaw, Radial, RadialForce, rows_are};
use crate::network::{Law, Objective};
use crate::record::npz::shaped;
use crate::record::{LimitRun, Measure};
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::evaluation::evaluate;
use crate::run::grid_limit::{Discretisation, MAX_EDGE_MASS, pose_radial, radial_of};
use crate::run::plan::Trajectory;
use crate::run::problem::Problem;
use crate::run::series::sup;
use crate::run::study::TrainingSubject;
use crate::run::tasks::{Task, TaskHandle, run_tasks};
use ndarray::{Array1, Array2, Array3};
use serde::{Deserialize, Serialize};

/// Number of atoms that represent a law of |w|.
const ATOMS: usize = 2000;

/// A solution to be computed.
enum SolutionTask {
    /// On a grid, in a dimension.
    Grid { dimension: usize, nodes: usize, step: f64 },
    /// By particles of the reduction.
    Particles { count: usize },
    /// By the network with the id of a trajectory.
    Network { id: String },
}

/// A solution.
#[derive(Default, Serialize, Deserialize)]
struct Solution {
    /// Risk (times).
    risk: Vec<f64>,
    /// Atoms of |w|, ascending (snapshots, atoms).
    atoms: Vec<Vec<f64>>,
    /// Largest `|mass - 1|`; 0 for particles.
    mass: f64,
    /// Smallest value of the density; 0 for particles.
    least: f64,
    /// Mass near the edges of the grid.
    edges: f64,
}

/// All solutions, by purpose.
struct Solutions<'a> {
    /// The grid, with half its nodes, and with half its step.
    grids: &'a [Solution],
    /// All particles, and half of them.
    particles: &'a [Solution],
    /// The grid in other dimensions.
    dimensions: &'a [Solution],
    /// The widest networks.
    networks: &'a [Solution],
    /// Risk by the grid on the sample of the networks (times).
    on_sample: &'a [f64],
}

/// Writes `records/radial.npz` and `records/radial.json`; returns the checks.
pub(super) fn run(
    spec: &RadialReduction,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let TrainingSubject { problem, plan, trained } = subject;
    let e = problem.experiment;
    let (Some(radial), Some(grid)) = (radial_of(e), e.reference.grid.as_ref()) else {
        return Ok(Outcome::Complete(Findings::default()));
    };
    let own = problem.network.inputs();
    let on = |dimension, nodes, step| SolutionTask::Grid { dimension, nodes, step };
    let mut all =
        vec![on(own, grid.nodes, grid.step), on(own, grid.nodes / 2, grid.step), on(own, grid.nodes, grid.step / 2.0)];
    all.extend([
        SolutionTask::Particles { count: spec.particles },
        SolutionTask::Particles { count: spec.particles / 2 },
    ]);
    let others: Vec<usize> = spec.dimensions.iter().copied().filter(|&d| d != own).collect();
    all.extend(others.iter().map(|&d| on(d, grid.nodes, grid.step)));
    let networks = plan.groups[0].ids.last().cloned().unwrap_or_default();
    all.extend(networks.iter().map(|id| SolutionTask::Network { id: id.clone() }));
    let tasks: Vec<Task<SolutionTask>> =
        all.into_iter().enumerate().map(|(i, item)| Task { name: format!("radial-{i}"), size: 1, item }).collect();
    let work = |item: &SolutionTask, handle: &TaskHandle<'_>| match item {
        SolutionTask::Grid { dimension, nodes, step } => {
            let grid = Discretisation { nodes: *nodes, step: *step, ..Discretisation::of(grid) };
            on_grid(problem, &radial, &grid, *dimension, handle)
        }
        SolutionTask::Particles { count } => Ok(by_particles(problem, &radial, *count, handle)),
        SolutionTask::Network { id } => match plan.find(id) {
            Some(run) => Ok(by_network(problem, run, handle)),
            None => Ok(Outcome::Complete(Solution::default())),
        },
    };
    let (times, snapshots) = (problem.times.len(), problem.snapshots().len());
    let fits = |item: &SolutionTask, found: &Solution| {
        let atoms = match item {
            SolutionTask::Grid { .. } => ATOMS,
            SolutionTask::Particles { count } => *count,
            SolutionTask::Network { id } => match plan.find(id) {
                Some(run) => run.width(),
                None => return found.risk.is_empty() && found.atoms.is_empty(),
            },
        };
        found.risk.len() == times && rows_are(&found.atoms, snapshots, atoms)
    };
    let found = complete!(run_tasks(context, "radial reduction", &tasks, fits, work)?);
    let (grids, rest) = found.split_at(3);
    let (particles, rest) = rest.split_at(2);
    let (dimensions, networks) = rest.split_at(others.len());
    // The risk of networks is taken on the fixed sample, as is that of the grid with which they are compared.
    let id = if e.reference.kind == Route::Grid { LimitRun::Reference } else { LimitRun::ByGrid };
    let on_sample = trained.series(id.id()).map_or_else(Vec::new, |series| series.row(Measure::Risk).to_vec());
    let solutions = Solutions { grids, particles, dimensions, networks, on_sample: &on_sample };
    let distance = |a: &Solution, b: &Solution| sup(a.risk.iter().zip(&b.risk).map(|(a, b)| (a - b).abs()));
    let record = RadialRecord {
        dimension: own,
        dimensions: others,
        width: e.widths.largest(),
        seeds: networks.len(),
        particles: spec.particles,
        half_nodes: distance(&grids[0], &grids[1]),
        half_step: distance(&grids[0], &grids[2]),
        snapshots: problem.snapshots(),
    };
    arrays(problem, &record, &solutions).write_to(context.folder)?;
    record.write(context.folder)?;
    // The grid with half the step has the most steps.
    let finest = Discretisation { step: grid.step / 2.0, ..Discretisation::of(grid) };
    let rounding = finest.mass_rounding(e.horizon.time);
    Ok(Outcome::Complete(checks(&record, &solutions, rounding).into()))
}

/// The law of w at time 0 in another dimension: the standard deviation of a Gaussian is proportional to `1 / sqrt(d)`,
/// so that the typical |w| is the same.
fn start_in(e: &Experiment, own: usize, dimension: usize) -> Law {
    match e.network.start.w {
        Law::Gaussian { mean, std } => Law::Gaussian { mean, std: std * (own as f64 / dimension as f64).sqrt() },
        ref law => law.clone(),
    }
}

/// The solution on a grid in a dimension.
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
    let advance = |time: f64| handle.advance_to(time / e.horizon.time);
    let limit = equation
        .solve(&problem.times, Threads::Pool, advance, |_, density| {
            mass = mass.max((density.mass() - 1.0).abs());
            least = density.values.iter().copied().fold(least, f64::min);
        })
        .map_err(RunError::Grid)?;
    let Some(limit) = limit else { return Ok(Outcome::Interrupted) };
    let atoms = problem.snapshots().into_iter().map(|k| law_of_norm(limit.axis, &limit.laws[k]).atoms(ATOMS));
    let edges = limit.edge_mass.0.max(limit.edge_mass.1);
    Ok(Outcome::Complete(Solution { risk: limit.risks.clone(), atoms: atoms.collect(), mass, least, edges }))
}

/// The law of |w| = |q|: the upper half of the even law of q.
fn law_of_norm(line: GridAxis, density: &[f64]) -> GridLaw {
    let half = line.nodes / 2;
    let upper = GridAxis { low: 0.5 * (line.low + line.high), high: line.high, nodes: half };
    let folded: Vec<f64> = (0..half).map(|i| density[half + i] + density[half - 1 - i]).collect();
    GridLaw::new(upper, &folded)
}

/// The solution by particles of the reduction, from the quantiles of the start, by the Runge-Kutta method.
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
    let largest_w = e.reference.grid.map_or(10.0, |grid| grid.high);
    let largest_x = radial.nodes().radius.iter().copied().fold(0.0, f64::max);
    let table = FeatureTable::new(radial, largest_w * largest_x);
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

/// Runs a simulation to the horizon and records the risk, and |w| in ascending order at the snapshots.
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

/// Values in ascending order.
fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The solution by a network in R^d, which is trained again as in its trajectory to record the law of |w| during
/// training.
fn by_network(problem: &Problem<'_, f64>, run: &Trajectory, handle: &TaskHandle<'_>) -> Outcome<Solution> {
    let network = &problem.network;
    let (d, p) = (network.inputs(), network.parameters(1));
    let norms = |state: &State<f64>| {
        let neurons = network.to_canonical(run.width(), &state.theta);
        let norm = |neuron: &[f64]| neuron[..d].iter().map(|w| w * w).sum::<f64>().sqrt();
        sorted(neurons.chunks_exact(p).map(norm))
    };
    let risk = |state: &State<f64>| evaluate(problem, run.width(), &state.theta, None, Threads::One).risk;
    simulate(problem, problem.simulation(run, Threads::One), handle, risk, norms)
}

/// The arrays of all solutions.
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

/// `rounding` is the largest error of the mass by rounding.
fn checks(record: &RadialRecord, solutions: &Solutions<'_>, rounding: f64) -> Vec<Check> {
    let Solutions { grids, particles, dimensions, .. } = solutions;
    let largest = |f: &dyn Fn(&Solution) -> f64| sup(grids.iter().chain(*dimensions).map(f));
    let mass =
        Check::at_most("radial-mass", "the grid conserves mass: largest |mass - 1|", largest(&|f| f.mass), rounding);
    let sign = Check::at_most("radial-sign", "the density is nowhere negative", largest(&|f| (-f.least).max(0.0)), 0.0);
    let edges = Check::at_most(
        "radial-edges",
        "the grid contains the density: mass near its edges",
        largest(&|f| f.edges),
        MAX_EDGE_MASS,
    );
    let risks = |a: &Solution, b: &Solution| sup(a.risk.iter().zip(&b.risk).map(|(a, b)| (a - b).abs()));
    let laws = |a: &Solution, b: &Solution| {
        sup(a.atoms.iter().zip(&b.atoms).map(|(a, b)| wasserstein_2_sorted(a, b).unwrap_or(f64::NAN)))
    };
    let risk = agreement(
        ("radial-particles", "grid and particles of the reduction agree: sup_t |R - R'| within their measured errors"),
        grids,
        particles,
        &risks,
    );
    let law = agreement(
        ("radial-law", "grid and particles of the reduction agree: W2 of the laws of |w| within their measured errors"),
        grids,
        particles,
        &laws,
    );
    let mut all: Vec<Check> = [mass, sign, edges, risk, law].into_iter().map(Check::about_program).collect();
    all.extend(network_check(solutions, record));
    all
}

/// Checks that grid and particles are no further apart than their errors. Both are deterministic. With an order of 1 or
/// higher the error of a solution is at most its distance from the one with half the nodes or particles, and twice its
/// distance from the one with half the step.
fn agreement(
    (name, statement): (&str, &str),
    grids: &[Solution],
    particles: &[Solution],
    distance: &dyn Fn(&Solution, &Solution) -> f64,
) -> Check {
    let (nodes, step) = (distance(&grids[0], &grids[1]), 2.0 * distance(&grids[0], &grids[2]));
    let cloud = distance(&particles[0], &particles[1]);
    let mut check = Check::at_most(name, statement, distance(&grids[0], &particles[0]), nodes + step + cloud);
    check.detail += &format!("; nodes {nodes:.1e}, step of the grid {step:.1e}, particles {cloud:.1e}");
    check
}

/// Checks that the mean risk of the widest networks is that of the grid on the same sample.
///
/// With S networks of standard deviation s(t), their mean is within `s t / sqrt(S)` of its expectation, with Student's
/// multiple for all recording times together. The expectation differs from the limit by the next order in 1/N and in the
/// step, of the size of the variance, and is allowed one standard deviation.
fn network_check(solutions: &Solutions<'_>, record: &RadialRecord) -> Option<Check> {
    let Solutions { networks, on_sample: grid, .. } = solutions;
    let (times, seeds) = (networks.first()?.risk.len(), networks.len());
    let (name, statement) = (
        "radial-network",
        format!(
            "networks of width {} in R^{} follow the grid: |mean risk - R| beyond one standard deviation over seeds and the grid's error, over the standard error, at its largest",
            record.width, record.dimension
        ),
    );
    let own = record.half_nodes + 2.0 * record.half_step;
    let ratio = |k: usize| {
        let risks: Vec<f64> = networks.iter().map(|network| network.risk[k]).collect();
        let mean = risks.iter().sum::<f64>() / seeds as f64;
        let deviation = (risks.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (seeds as f64 - 1.0)).sqrt();
        let beyond = (mean - grid[k]).abs() - deviation - own;
        let beyond = if beyond < 0.0 { 0.0 } else { beyond };
        (deviation > 0.0 || deviation.is_nan())
            .then(|| (beyond * (seeds as f64).sqrt() / deviation, k, mean, deviation))
    };
    if seeds < 2 {
        return Some(Check::not_measured(name, statement, None, "one seed has no spread"));
    }
    let found: Vec<(f64, usize, f64, f64)> = (0..times).filter_map(ratio).collect();
    let Some(&(largest, k, mean, deviation)) =
        found.iter().reduce(|a, b| if b.0.is_nan() || b.0 > a.0 { b } else { a })
    else {
        return Some(Check::not_measured(name, statement, None, "all networks have the same risk: there is no spread"));
    };
    let mut check = Check::at_most(name, statement, largest, student(found.len(), seeds - 1));
    check.detail += &format!(
        "; largest at time {k}: mean {mean:.5}, grid {:.5}, standard deviation over {seeds} seeds {deviation:.1e}, grid's error {own:.1e}",
        grid[k]
    );
    Some(check)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::verdict::Verdict;

    const TIMES: usize = 5;

    fn solution(shift: f64) -> Solution {
        let atoms: Vec<f64> = (0..100).map(|i| f64::from(i) / 100.0 + shift).collect();
        let risk = (0..TIMES).map(|k| 1.0 / (1.0 + k as f64) + shift).collect();
        Solution { risk, atoms: vec![atoms; 2], mass: 1e-14, least: 0.0, edges: 1e-9 }
    }

    fn record() -> RadialRecord {
        let (dimensions, snapshots) = (Vec::new(), vec![0, 4]);
        let (half_nodes, half_step) = (1e-4, 1e-4);
        RadialRecord { dimension: 3, dimensions, width: 9, seeds: 4, particles: 100, half_nodes, half_step, snapshots }
    }

    /// The checks of a grid whose particles are `particles` away, and whose networks are `networks` away.
    fn verdicts(particles: f64, networks: f64, change: impl Fn(&mut Solution)) -> Vec<(String, Verdict)> {
        let mut grids = [solution(0.0), solution(1e-4), solution(1e-4)];
        change(&mut grids[0]);
        let particles = [solution(particles), solution(particles + 1e-4)];
        let networks: Vec<Solution> = (0..4).map(|s| solution(networks + 1e-3 * f64::from(s))).collect();
        let on_sample = solution(0.0).risk;
        let solutions = Solutions {
            grids: &grids,
            particles: &particles,
            dimensions: &[],
            networks: &networks,
            on_sample: &on_sample,
        };
        checks(&record(), &solutions, 1e-12).into_iter().map(|check| (check.name, check.verdict)).collect()
    }

    fn failed(verdicts: &[(String, Verdict)]) -> Vec<&str> {
        verdicts.iter().filter(|(_, v)| *v == Verdict::Fails).map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn every_check_can_fail() {
        let right = verdicts(2e-4, 0.0, |_| {});
        assert!(right.iter().all(|(_, verdict)| *verdict == Verdict::Holds), "{right:?}");
        assert_eq!(failed(&verdicts(1e-2, 0.0, |_| {})), ["radial-particles", "radial-law"]);
        assert_eq!(failed(&verdicts(2e-4, 0.1, |_| {})), ["radial-network"]);
        assert_eq!(failed(&verdicts(2e-4, 0.0, |grid| grid.mass = 1e-9)), ["radial-mass"]);
        assert_eq!(failed(&verdicts(2e-4, 0.0, |grid| grid.least = -1e-15)), ["radial-sign"]);
        assert_eq!(failed(&verdicts(2e-4, 0.0, |grid| grid.edges = 1e-5)), ["radial-edges"]);
    }

    #[test]
    fn networks_without_spread_are_not_resolved() {
        let (grids, particles) = ([solution(0.0), solution(0.0), solution(0.0)], [solution(0.0), solution(0.0)]);
        let on_sample = solution(0.0).risk;
        let check = |networks: &[Solution]| {
            let (grids, particles, on_sample) = (&grids[..], &particles[..], &on_sample[..]);
            network_check(&Solutions { grids, particles, dimensions: &[], networks, on_sample }, &record()).unwrap()
        };
        for networks in [vec![solution(0.1)], vec![solution(0.1), solution(0.1)]] {
            let check = check(&networks);
            assert!(check.verdict == Verdict::NotResolved && check.measured.is_nan(), "{check:?}");
        }
    }
}
