//! A limit by the kinetic equation on a grid: for neurons with one trained parameter, and for MMN's isotropic Gaussians by the
//! radial reduction.
//!
//! What others are compared with is predictions on the population at recording times, as with any limit; there are no particles.
//! While the run is unfinished, `checkpoint/ID-grid.json` holds what is recorded of the solution, and `checkpoint/ID-grid.npz` the
//! density at the last record.

use super::kinetic;
use super::pieces::Pulse;
use super::plan::Trajectory;
use super::problem::Problem;
use super::series::{Path, compare, row};
use super::trajectory::Ended;
use super::{RunError, Setting};
use crate::compute::{Real, Threads};
use crate::config::{Experiment, Gridded, NetworkKind};
use crate::dynamics::StopReason;
use crate::kinetic::{
    Constants, FeatureTable, GridLimit, KineticError, KineticProblem, Line, OnTheWay, PhaseGrid, Radial,
};
use crate::network::{Law, Loss};
use crate::population::PopulationSpec;
use crate::record::npz::{Arrays, Table};
use ndarray::Array2;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Atoms that stand for the law of theta in Wasserstein distances.
const ATOMS: usize = 4096;

/// A problem on a grid.
pub struct Posed {
    /// The equation.
    pub equation: KineticProblem,
    /// The reduction that made it one.
    pub radial: Option<Radial>,
}

/// The radial reduction of an experiment, where it has one: MMN's Gaussians, no bias, output weights fixed at a point.
pub fn radial_of(e: &Experiment) -> Option<Radial> {
    let PopulationSpec::Mixture(mixture) = &e.population else { return None };
    let Law::Point { value } = e.network.start.a else { return None };
    let reduced = e.network.kind == NetworkKind::TwoLayer && !e.network.bias && e.network.fixed_output;
    reduced.then(|| Radial::new(mixture.dimension, mixture.delta, e.network.activation, value))
}

/// The radial problem on a grid, for any dimension.
pub fn pose_radial(
    e: &Experiment,
    radial: &Radial,
    grid: &Gridded,
    (nodes, step): (usize, f64),
    start: &Law,
) -> Result<KineticProblem, KineticError> {
    let theta = Line { low: grid.low, high: grid.high, nodes };
    let momentum = Line { low: -grid.momentum, high: grid.momentum, nodes };
    let plane = PhaseGrid::new(theta, momentum)?;
    let objective = crate::network::Objective { loss: e.network.loss, ridge: e.dynamics.ridge };
    let constants = Constants { friction: e.dynamics.friction, temperature: e.dynamics.temperature, step };
    Ok(KineticProblem { field: radial.field(theta, objective), constants, start: radial.start(plane, start)? })
}

/// The problem of an experiment on its grid, with so many nodes and such a step.
pub fn pose<R: Real>(problem: &Problem<'_, R>, (nodes, step): (usize, f64)) -> Result<Posed, KineticError> {
    let e = problem.experiment;
    let Some(grid) = &e.reference.grid else { unreachable!("a reference by the grid has one") };
    if let Some(radial) = radial_of(e) {
        let equation = pose_radial(e, &radial, grid, (nodes, step), &e.network.start.w)?;
        return Ok(Posed { equation, radial: Some(radial) });
    }
    let (low, high, momentum) = (grid.low, grid.high, grid.momentum);
    Ok(Posed { equation: kinetic::pose(problem, (low, high, momentum), nodes, step)?, radial: None })
}

/// Refuses a grid that cannot do, before anything is computed.
pub fn check<R: Real>(problem: &Problem<'_, R>) -> Result<(), KineticError> {
    let Some(grid) = &problem.experiment.reference.grid else { return Ok(()) };
    let posed = pose(problem, (grid.nodes, grid.step))?;
    // Half the nodes are a grid too, but a coarse one, which only has to hold the start.
    pose(problem, (grid.nodes / 2, grid.step))?;
    posed.equation.start.resolve(&posed.equation.field, &posed.equation.constants)
}

/// Solves, or takes back, the limit of a run. `Ok(None)`: a person asked to stop.
pub fn solve<R: Real>(
    setting: &Setting<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    against: Option<(&Path<R>, usize)>,
    pulse: &Pulse<'_>,
) -> Result<Option<Ended<R>>, RunError> {
    if !pulse.go_on(0.0) {
        return Ok(None);
    }
    let Posed { equation, radial } = pose(problem, (run.width, run.motion.step)).map_err(RunError::Grid)?;
    let Some(limit) = along(setting, problem, run, &equation, pulse)? else { return Ok(None) };
    let norms: Vec<f64> = problem.sample.x.rows().into_iter().map(|x| x.dot(&x).sqrt()).collect();
    let furthest = norms.iter().copied().fold(0.0, f64::max) * limit.line.high.abs().max(limit.line.low.abs());
    let table = radial.as_ref().map(|radial| (radial, FeatureTable::new(radial, furthest)));
    let (network, e) = (&problem.network, problem.experiment);
    let mut series = Array2::from_elem((problem.measures.len(), problem.times.len()), f64::NAN);
    let mut path = run.keep_path.then(|| Path::without_particles());
    // Everything but the trained parameter is the same for all neurons: the first particle's.
    let neuron: Vec<f64> = network.to_canonical(1, &network.start::<f64>(&e.network.start, e.seed, 0, 1));
    for index in 0..problem.times.len() {
        let f = match &table {
            Some((radial, table)) => radial.predict(table, limit.line, &limit.laws[index], &norms),
            None => limit.predictions[index].clone(),
        };
        let loss = e.network.loss.mean(&f, &problem.population.y, network.outputs());
        let risk = loss + limit.risks[index] - limit.losses[index];
        let mut set = |measure: &str, value: f64| series[[row(measure), index]] = value;
        set("risk", risk);
        set("loss", loss);
        set("kinetic", limit.kinetic[index]);
        if problem.classes {
            set("accuracy", Loss::accuracy(&f, &problem.population.y, network.outputs()));
        }
        if let Some((other, _)) = against {
            compare(problem, other, index, (&f, risk), &mut series);
        }
        if let Some(path) = &mut path {
            let cloud = radial.is_none().then(|| {
                let atoms = limit.law(index).atoms(ATOMS);
                let row = problem.independent().trained().start;
                let entry = |(i, j)| if j == row { atoms[i] } else { neuron[j] };
                Array2::from_shape_fn((ATOMS, network.parameters(1)), entry)
            });
            path.push_law(problem, cloud, f, risk);
        }
    }
    Ok(Some(Ended { stop: StopReason::Horizon, series, path, unconverged: 0.0 }))
}

/// The solution along the recording times, from the last one that is kept. `None`: a person asked to stop.
fn along<R: Real>(
    setting: &Setting<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    equation: &KineticProblem,
    pulse: &Pulse<'_>,
) -> Result<Option<GridLimit>, RunError> {
    let kept = Kept::of(setting, run);
    let (times, horizon) = (&problem.times, problem.experiment.horizon.time);
    let every = Duration::try_from_secs_f64(problem.experiment.run.checkpoint_seconds).unwrap_or(Duration::MAX);
    let (mut way, mut saved) = (kept.load(equation)?, Instant::now());
    while way.limit.times.len() < times.len() {
        let go_on = |time: f64| pulse.go_on(time / horizon);
        if !equation.next(&mut way, times, Threads::Pool, go_on).map_err(RunError::Grid)? {
            kept.save(&way)?;
            return Ok(None);
        }
        if saved.elapsed() >= every || way.limit.times.len() == times.len() {
            kept.save(&way)?;
            saved = Instant::now();
        }
    }
    pulse.go_on(1.0);
    Ok(Some(way.limit))
}

/// A solution under way, in the run folder.
struct Kept<'a> {
    setting: &'a Setting<'a>,
    limit: String,
    density: PathBuf,
}

impl<'a> Kept<'a> {
    fn of(setting: &'a Setting<'_>, run: &Trajectory) -> Self {
        let density = setting.folder.file(&format!("checkpoint/{}-grid.npz", run.id));
        Kept { setting, limit: format!("checkpoint/{}-grid.json", run.id), density }
    }

    fn save(&self, way: &OnTheWay) -> Result<(), RunError> {
        let mut arrays = Arrays::default();
        arrays.push("records", &[1], vec![way.limit.times.len() as f64]);
        arrays.push("density", &[way.density.values.len()], way.density.values.clone());
        arrays.write(&self.density)?;
        Ok(self.setting.folder.write_json(&self.limit, &way.limit)?)
    }

    fn load(&self, equation: &KineticProblem) -> Result<OnTheWay, RunError> {
        let mut way = equation.begin();
        if !self.setting.folder.file(&self.limit).is_file() {
            return Ok(way);
        }
        way.limit = self.setting.folder.read_json(&self.limit)?;
        let table = Table::<f64>::read(&self.density)?;
        way.density.values = table.vector("density")?.to_vec();
        // Two files: a program that was killed between them leaves a density that is further on than what is recorded.
        let matching = table.vector("records")?.to_vec() == [way.limit.times.len() as f64];
        if way.density.values.len() != equation.start.values.len() || !matching {
            return Ok(equation.begin());
        }
        Ok(way)
    }
}
