//! The limit by the kinetic equation on a grid: for neurons with one trained parameter, and for the isotropic Gaussians
//! of MMN by the radial reduction.
//!
//! Networks are compared with its predictions on the population at the recording times, as with any limit; there are no
//! particles. While the run is unfinished, `checkpoint/ID-grid.json` holds the recorded part of the solution, and
//! `checkpoint/ID-grid.npz` the density at the last record.

use super::context::{Outcome, RunContext, RunError, complete};
use super::evaluation::{Evaluation, TestEvaluation};
use super::limit_path::LimitPath;
use super::plan::Trajectory;
use super::problem::Problem;
use super::series::{Series, compare, record_accuracy, record_test};
use super::tasks::TaskHandle;
use super::trajectory_outcome::TrajectoryOutcome;
use crate::compute::{Real, Threads};
use crate::config::{Experiment, GridSpec, NetworkKind};
use crate::dynamics::StopReason;
use crate::kinetic::{
    Density, FeatureTable, GridAxis, GridLimit, KineticConstants, KineticError, KineticProblem, MeanField,
    NODE_MULTIPLE, PartialSolution, PhaseGrid, Radial,
};
use crate::network::{Law, Objective};
use crate::population::{PopulationSpec, Sample};
use crate::record::npz::array_record;
use crate::record::{Measure, RunFolder, SavedPart};
use ndarray::{Array1, ArrayView2, Axis};
use std::time::{Duration, Instant};

/// Number of atoms that represent the law of a grid in Wasserstein distances.
pub(super) const ATOMS: usize = 4096;

/// Largest mass near the edges of a grid. Mass m that is lost or reflected there changes predictions by at most m times
/// the largest activation: at most a millionth of it, below the other errors of a grid.
pub const MAX_EDGE_MASS: f64 = 1e-6;

/// The kinetic equation of an experiment on a grid.
pub struct GridProblem {
    /// The equation.
    pub equation: KineticProblem,
    /// The radial reduction that leads to it, if any.
    pub radial: Option<Radial>,
}

impl GridProblem {
    /// The predictions of a solution at inputs x (n, d), those of the equation: (n K) at each of its times.
    pub fn predictions(&self, x: ArrayView2<f64>, limit: &GridLimit) -> Vec<Vec<f64>> {
        let Some(radial) = &self.radial else { return limit.predictions.clone() };
        let norms: Vec<f64> = x.rows().into_iter().map(|x| x.dot(&x).sqrt()).collect();
        let furthest = norms.iter().copied().fold(0.0, f64::max) * limit.axis.high.abs().max(limit.axis.low.abs());
        let table = FeatureTable::new(radial, furthest);
        limit.laws.iter().map(|law| radial.predict(&table, limit.axis, law, &norms)).collect()
    }

    /// The predictions of a solution on the test part of a problem: (samples of the test part, K) at each of its times;
    /// empty where there is none.
    ///
    /// # Errors
    /// A network that has more than one trained parameter for each neuron.
    fn test_predictions<R: Real>(
        &self,
        problem: &Problem<'_, R>,
        limit: &GridLimit,
    ) -> Result<Vec<Vec<f64>>, KineticError> {
        let Some(Sample { x, y }) = problem.test_sample else { return Ok(Vec::new()) };
        if self.radial.is_some() {
            return Ok(self.predictions(x.view(), limit));
        }
        let field = field_of_neurons(problem, limit.axis, (x.view(), y.view()))?;
        Ok(limit.laws.iter().map(|law| field.predictions(law)).collect())
    }
}

/// The radial reduction of an experiment, if it has one: the Gaussians of MMN, no bias, equal fixed output weights.
pub fn radial_of(e: &Experiment) -> Option<Radial> {
    let PopulationSpec::Mixture(mixture) = &e.population.spec else { return None };
    let Law::Point { value } = e.network.start.a else { return None };
    let reduced = e.network.kind == NetworkKind::TwoLayer && !e.network.bias && e.network.fixed_output;
    reduced.then(|| Radial::new(mixture.dimension, mixture.delta, e.network.activation, value))
}

/// A rectangle of the phase plane with its nodes, and a time step.
#[derive(Clone, Copy, Debug)]
pub struct Discretisation {
    /// Lower and upper end of theta.
    pub theta: (f64, f64),
    /// Largest momentum: momenta are in [-momentum, momentum].
    pub momentum: f64,
    /// Nodes per axis.
    pub nodes: usize,
    /// Step h.
    pub step: f64,
}

impl Discretisation {
    /// The grid of the reference.
    pub fn of(grid: &GridSpec) -> Self {
        let GridSpec { low, high, momentum, nodes, step } = *grid;
        Discretisation { theta: (low, high), momentum, nodes, step }
    }

    /// The line of theta.
    pub fn theta_line(&self) -> GridAxis {
        GridAxis { low: self.theta.0, high: self.theta.1, nodes: self.nodes }
    }

    /// The line of the momenta.
    pub fn momentum_line(&self) -> GridAxis {
        GridAxis { low: -self.momentum, high: self.momentum, nodes: self.nodes }
    }

    /// The largest error of the mass up to time `time` by rounding: the sum over all nodes, and in every step sums over
    /// the nodes of a line in two flights and in the friction, each term with one unit of rounding.
    pub fn mass_rounding(&self, time: f64) -> f64 {
        let nodes = self.nodes as f64;
        0.5 * f64::EPSILON * (nodes * nodes + 3.0 * nodes * time / self.step)
    }

    fn plane(&self) -> Result<PhaseGrid, KineticError> {
        PhaseGrid::new(self.theta_line(), self.momentum_line())
    }

    fn constants(&self, e: &Experiment) -> KineticConstants {
        KineticConstants { friction: e.dynamics.friction, temperature: e.dynamics.temperature, step: self.step }
    }
}

/// The radial problem on a grid, for any dimension.
///
/// # Errors
/// A grid that cannot hold the start.
pub fn pose_radial(
    e: &Experiment,
    radial: &Radial,
    grid: &Discretisation,
    start: &Law,
) -> Result<KineticProblem, KineticError> {
    let plane = grid.plane()?;
    let objective = Objective { loss: e.network.loss, ridge: e.dynamics.ridge };
    let field = radial.field(grid.theta_line(), objective);
    Ok(KineticProblem { field, constants: grid.constants(e), start: radial.start(plane, start)? })
}

/// The problem of neurons with one trained parameter on a grid.
///
/// # Errors
/// A grid that cannot hold the start.
pub fn pose_neurons<R: Real>(problem: &Problem<'_, R>, grid: &Discretisation) -> Result<KineticProblem, KineticError> {
    let e = problem.experiment;
    let plane = grid.plane()?;
    let field = field_of_neurons(problem, grid.theta_line(), (problem.sample.x.view(), problem.sample.y.view()))?;
    let start = Density::start(plane, &e.network.start.w, e.network.start_momentum)?;
    Ok(KineticProblem { field, constants: grid.constants(e), start })
}

/// The field of neurons with one trained parameter on samples x (n, d), y (n, K).
fn field_of_neurons<R: Real>(
    problem: &Problem<'_, R>,
    line: GridAxis,
    sample: (ArrayView2<f64>, ArrayView2<f64>),
) -> Result<MeanField, KineticError> {
    let (e, network) = (problem.experiment, &problem.network);
    // All parameters but the trained one are equal for all neurons: they are taken from the first particle.
    let neuron = network.to_canonical(1, &network.start::<f64>(&e.network.start, e.seed, 0, 1));
    let objective = Objective { loss: e.network.loss, ridge: e.dynamics.ridge };
    MeanField::of_network(problem.independent(), &neuron, line, sample, objective)
}

/// The equation of an experiment on the grid of the reference, with another number of nodes and another step.
///
/// # Errors
/// A grid that cannot hold the start.
pub fn pose<R: Real>(problem: &Problem<'_, R>, nodes: usize, step: f64) -> Result<GridProblem, KineticError> {
    let e = problem.experiment;
    let Some(grid) = &e.reference.grid else { unreachable!("a reference by the grid has one") };
    let grid = Discretisation { nodes, step, ..Discretisation::of(grid) };
    if let Some(radial) = radial_of(e) {
        let equation = pose_radial(e, &radial, &grid, &e.network.start.w)?;
        return Ok(GridProblem { equation, radial: Some(radial) });
    }
    Ok(GridProblem { equation: pose_neurons(problem, &grid)?, radial: None })
}

/// Checks that the equation can be solved on the reference's grid.
///
/// # Errors
/// As [`check_nodes`], and a grid that cannot hold the start.
pub fn check<R: Real>(problem: &Problem<'_, R>) -> Result<(), KineticError> {
    let Some(grid) = &problem.experiment.reference.grid else { return Ok(()) };
    check_nodes("reference.grid.nodes", grid.nodes, |nodes| {
        let posed = pose(problem, nodes, grid.step)?;
        // The grid with half the nodes only has to contain the start.
        pose(problem, nodes / 2, grid.step).map_err(of_whole_grid)?;
        posed.equation.start.check_resolution(&posed.equation.field, &posed.equation.constants)
    })
}

/// The error of the grid with half the nodes, with the number of nodes of the whole grid.
fn of_whole_grid(error: KineticError) -> KineticError {
    match error {
        KineticError::Coarse { axis, spacing, what, scale, required } => {
            KineticError::Coarse { axis, spacing, what, scale, required: required.saturating_mul(2) }
        }
        other => other,
    }
}

/// Divisor of the number of nodes, of which half must be a multiple of [`NODE_MULTIPLE`].
const NODE_DIVISOR: usize = 2 * NODE_MULTIPLE;

/// Largest number of nodes that is tried in search of one that is accepted.
const MAX_TRIED: usize = 4096;

/// Checks a number of nodes, the value of `key`, by `fits`, which poses the problem on a grid.
///
/// # Errors
/// [`KineticError::Multiple`] and [`KineticError::Coarse`], with a number of nodes that `fits` accepts, unless that is
/// beyond 4096; other errors of `fits`.
pub fn check_nodes(
    key: &'static str,
    nodes: usize,
    fits: impl Fn(usize) -> Result<(), KineticError>,
) -> Result<(), KineticError> {
    let accepted = |mut nodes: usize| {
        while nodes <= MAX_TRIED {
            match fits(nodes) {
                Err(KineticError::Coarse { required, .. }) if required > nodes => nodes = required,
                _ => break,
            }
        }
        nodes
    };
    if !nodes.is_multiple_of(NODE_DIVISOR) {
        let required = accepted(nodes.next_multiple_of(NODE_DIVISOR));
        return Err(KineticError::Multiple { key, nodes, divisor: NODE_DIVISOR, required });
    }
    fits(nodes).map_err(|error| match error {
        KineticError::Coarse { axis, spacing, what, scale, required } => {
            KineticError::Coarse { axis, spacing, what, scale, required: accepted(required) }
        }
        other => other,
    })
}

/// Computes the limit of a run, or reads a saved solution.
///
/// # Errors
/// A grid that cannot hold the problem; checkpoints that cannot be written or read.
pub fn solve<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    against: Option<&LimitPath<R>>,
    handle: &TaskHandle<'_>,
) -> Result<Outcome<TrajectoryOutcome<R>>, RunError> {
    if !handle.advance_to(0.0) {
        return Ok(Outcome::Interrupted);
    }
    let posed = pose(problem, run.width(), run.integration.scheme.motion.step).map_err(RunError::Grid)?;
    let limit = complete!(integrate(context, problem, run, &posed.equation, handle)?);
    let predictions = posed.predictions(problem.sample.x.view(), &limit);
    let mut test_predictions = posed.test_predictions(problem, &limit).map_err(RunError::Grid)?.into_iter();
    let (network, e) = (&problem.network, problem.experiment);
    let mut series = Series::empty(problem);
    let mut path = run.recording.keep_path.then(LimitPath::without_particles);
    for (index, f) in predictions.into_iter().enumerate() {
        let loss = e.network.loss.mean(&f, &problem.population.y, network.outputs());
        let risk = loss + limit.risks[index] - limit.losses[index];
        series.set(Measure::Risk, index, risk);
        series.set(Measure::Loss, index, loss);
        series.set(Measure::Kinetic, index, limit.kinetic[index]);
        record_accuracy(problem, &f, index, &mut series);
        let test = test_predictions.next().and_then(|f| TestEvaluation::of(problem, |_| f));
        let evaluation = Evaluation { predictions: f, loss, risk, test };
        record_test(problem, &evaluation, index, &mut series);
        if let Some(other) = against {
            compare(problem, other, index, &evaluation, &mut series);
        }
        if let Some(path) = &mut path {
            // Neurons differ in their one trained parameter.
            let atoms = || Array1::from(limit.law(index).atoms(ATOMS)).insert_axis(Axis(1));
            path.push_law(problem, posed.radial.is_none().then(atoms), evaluation);
        }
    }
    Ok(Outcome::Complete(TrajectoryOutcome { stop: StopReason::Horizon, series, path, unconverged: 0.0 }))
}

/// Whether the solution of a run was saved up to the last recording time. Nothing is changed.
///
/// # Errors
/// Files that are not accessible.
pub fn is_solved<R: Real>(folder: &RunFolder, problem: &Problem<'_, R>, run: &Trajectory) -> Result<bool, RunError> {
    let SavedPart::Found(limit) = folder.load_json::<GridLimit>(&solution_name(run, "json"))? else {
        return Ok(false);
    };
    let whole = limit.times == problem.times;
    Ok(whole && matches!(folder.archive_checksum(&solution_name(run, "npz"))?, SavedPart::Found(_)))
}

fn solution_name(run: &Trajectory, extension: &str) -> String {
    format!("checkpoint/{}-grid.{extension}", run.id)
}

/// Computes the solution at the recording times, continuing from a checkpoint.
fn integrate<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    equation: &KineticProblem,
    handle: &TaskHandle<'_>,
) -> Result<Outcome<GridLimit>, RunError> {
    let saved = SavedSolution::of(context, run);
    let (times, horizon) = (&problem.times, problem.experiment.horizon.time);
    let every = Duration::try_from_secs_f64(problem.experiment.run.checkpoint_seconds).unwrap_or(Duration::MAX);
    let (mut solution, mut last) = (saved.load(equation, times)?, Instant::now());
    while solution.limit.times.len() < times.len() {
        let advance = |time: f64| handle.advance_to(time / horizon);
        if !equation.next(&mut solution, times, Threads::Pool, advance).map_err(RunError::Grid)? {
            saved.save(&solution)?;
            return Ok(Outcome::Interrupted);
        }
        if last.elapsed() >= every || solution.limit.times.len() == times.len() {
            saved.save(&solution)?;
            last = Instant::now();
        }
    }
    handle.advance_to(1.0);
    Ok(Outcome::Complete(solution.limit))
}

array_record! {
    /// `checkpoint/ID-grid.npz`: the density at the last record.
    pub struct DensityArrays {
        /// Number of records at that time (1).
        pub records[1]: Array1<f64>,
        /// Values of the density (nodes), flat.
        pub density[nodes]: Array1<f64>,
    }
}

/// The checkpoint of a solution.
struct SavedSolution<'a> {
    context: &'a RunContext<'a>,
    limit: String,
    density: String,
}

/// The file of the recorded part of a solution.
pub(super) fn index_name(run: &Trajectory) -> String {
    solution_name(run, "json")
}

impl<'a> SavedSolution<'a> {
    fn of(context: &'a RunContext<'_>, run: &Trajectory) -> Self {
        SavedSolution { context, limit: index_name(run), density: solution_name(run, "npz") }
    }

    fn save(&self, solution: &PartialSolution) -> Result<(), RunError> {
        let arrays = DensityArrays {
            records: Array1::from(vec![solution.limit.times.len() as f64]),
            density: Array1::from(solution.density.values.clone()),
        };
        self.context.folder.seal_arrays(&self.density, &arrays)?.write()?;
        Ok(self.context.folder.save_json(&self.limit, &solution.limit)?)
    }

    /// The solution so far at some of the times.
    fn load(&self, equation: &KineticProblem, times: &[f64]) -> Result<PartialSolution, RunError> {
        let mut solution = equation.begin();
        let PartialSolution { limit: start, density: nodes } = &solution;
        let (axis, predictions, nodes) = (start.axis, start.predictions[0].len(), nodes.values.len());
        let fits = |limit: GridLimit| {
            let so_far = times.get(..limit.times.len()).filter(|so_far| !so_far.is_empty());
            let fits = so_far.is_some_and(|so_far| limit.is_of(so_far, axis, predictions));
            if fits { Ok(limit) } else { Err("its shape is not that of this limit".to_string()) }
        };
        let saved = self.context.folder.load_json(&self.limit)?.and_then(fits);
        let both = [self.limit.as_str(), &self.density];
        let Some(limit) = self.context.usable(saved, &self.limit, &both)? else { return Ok(solution) };
        let arrays = self.context.saved_arrays(&self.density, |arrays: DensityArrays| {
            if arrays.density.len() == nodes { Ok(arrays) } else { Err("its shape is not that of this limit".into()) }
        })?;
        let Some(DensityArrays { records, density }) = arrays else { return Ok(solution) };
        (solution.limit, solution.density.values) = (limit, density.to_vec());
        // The two files disagree if the process was killed between writing the one and the other: the solution is then
        // computed from the start.
        let matching = records.to_vec() == [solution.limit.times.len() as f64];
        if !matching {
            return Ok(equation.begin());
        }
        Ok(solution)
    }
}
