//! One run of the time loop: started or resumed, observed, and put away.
//!
//! While a run is under way its checkpoint is `checkpoint/ID.npz`; when it has ended, `checkpoint/ID.json` says how, and
//! the checkpoint holds its series (and its path, where others are compared with it). Checkpoints are in double
//! precision, which holds single precision exactly.

use super::fixed_point::{FixedPoint, fixed_point};
use super::pieces::Pulse;
use super::plan::Trajectory;
use super::problem::Problem;
use super::progress::Progress;
use super::series::{Path, Series, evaluate, measure, row};
use super::states::push_parts;
use super::{RunError, Setting, grid_limit};
use crate::compute::{Real, Threads};
use crate::config::{BatchSize, Route};
use crate::dynamics::picard::{FrozenForce, map::packed};
use crate::dynamics::{Force, Integrator, Observer, State, StopReason, TimeLoop};
use crate::record::npz::{Arrays, Table};
use ndarray::Array2;
use std::path::PathBuf;
use std::time::Duration;

/// The part of a run's work that iterating to its fixed point is, about: ten iterates and one run.
const ITERATION: f64 = 0.9;

/// A run that has ended.
pub struct Ended<R> {
    /// How it ended.
    pub stop: StopReason,
    /// What was recorded.
    pub series: Series,
    /// The path, where others are compared with this run.
    pub path: Option<Path<R>>,
    /// What is left of an iteration that found it, in the predictions; 0 where there was none.
    pub unconverged: f64,
}

/// Watches a run: records, writes checkpoints, tells the progress bar.
struct Recorder<'a, R> {
    problem: &'a Problem<'a, R>,
    run: &'a Trajectory,
    threads: Threads,
    against: Option<(&'a Path<R>, usize)>,
    checkpoint: PathBuf,
    progress: &'a Progress,
    /// The part of the run's work that the time loop is.
    share: f64,
    told: f64,
    series: Series,
    path: Option<Path<R>>,
}

impl<R: Real> Observer<R> for Recorder<'_, R> {
    type Error = RunError;

    fn record(&mut self, index: usize, state: &State<R>) -> f64 {
        let (risk, f, theta) =
            measure(self.problem, self.run, self.threads, self.against, index, state, &mut self.series);
        if let Some(path) = &mut self.path {
            path.push(self.problem, theta, f, risk);
        }
        risk
    }

    fn start_risk(&self) -> f64 {
        self.series[[row("risk"), 0]]
    }

    fn checkpoint(&mut self, state: &State<R>, memory: &[f64], next_record: usize) -> Result<(), RunError> {
        self.save(state, memory, next_record)
    }

    fn progress(&mut self, time: f64) {
        let horizon = self.problem.experiment.horizon.time;
        // A bar is for eyes: a hundredth at a time is enough, and costs nothing beside the steps.
        if time - self.told > 0.01 * horizon || time >= horizon {
            self.progress.advance(self.share * self.run.work(time - self.told));
            self.told = time;
        }
    }
}

impl<R: Real> Recorder<'_, R> {
    fn save(&self, state: &State<R>, memory: &[f64], next_record: usize) -> Result<(), RunError> {
        let wide = |values: &[R]| -> Vec<f64> { values.iter().map(|v| v.to_f64()).collect() };
        let canonical = |part: &[R]| wide(&self.problem.network.to_canonical(self.run.width, part));
        let size = self.problem.network.parameters(self.run.width);
        let mut arrays = Arrays::default();
        arrays.push("theta", &[size], canonical(&state.theta));
        arrays.push("momentum", &[size], canonical(&state.momentum));
        arrays.push("clock", &[3], vec![state.step as f64, state.time, next_record as f64]);
        arrays.push("memory", &[memory.len()], memory.to_vec());
        arrays.push("series", &[self.series.nrows(), self.series.ncols()], self.series.iter().copied().collect());
        if let Some(path) = &self.path {
            let thetas: Vec<f64> = path.thetas.iter().flat_map(|theta| wide(theta)).collect();
            arrays.push("path", &[path.thetas.len(), size], thetas);
        }
        Ok(arrays.write(&self.checkpoint)?)
    }

    /// Takes a checkpoint back: the state, the integrator's memory and the next record.
    fn load(&mut self) -> Result<(State<R>, Vec<f64>, usize), RunError> {
        let table = Table::<f64>::read(&self.checkpoint)?;
        let narrow = |values: ndarray::ArrayViewD<f64>| -> Vec<R> { values.iter().map(|&v| R::of(v)).collect() };
        let network = &self.problem.network;
        let damaged = || RunError::Checkpoint { path: self.checkpoint.clone() };
        let size = network.parameters(self.run.width);
        let internal = |theta: &[R]| -> Result<Vec<R>, RunError> {
            if theta.len() == size { Ok(network.from_canonical(self.run.width, theta)) } else { Err(damaged()) }
        };
        let [step, time, next_record] = table.vector("clock")?.to_vec()[..] else { return Err(damaged()) };
        let (theta, momentum) = (internal(&narrow(table.get("theta")?))?, internal(&narrow(table.get("momentum")?))?);
        let state = State { theta, momentum, step: step as u64, time };
        let shape = self.series.dim();
        let series = table.get("series")?.to_owned().into_shape_with_order(shape).map_err(|_| damaged())?;
        if let Some(path) = &mut self.path {
            for theta in table.get("path")?.outer_iter() {
                let theta = narrow(theta);
                let (f, _, risk) = evaluate(self.problem, self.run.width, &internal(&theta)?, self.threads);
                path.push(self.problem, theta, f, risk);
            }
        }
        self.series = series;
        Ok((state, table.vector("memory")?.to_vec(), next_record as usize))
    }
}

/// Runs, resumes or merely reads back a trajectory. `Ok(None)`: a person asked to stop.
pub fn train<R: Real>(
    setting: &Setting<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    against: Option<(&Path<R>, usize)>,
    threads: Threads,
    progress: &Progress,
) -> Result<Option<Ended<R>>, RunError> {
    if run.route == Route::Grid {
        let pulse = Pulse::new(setting.interrupt, progress, run.work(problem.experiment.horizon.time));
        return grid_limit::solve(setting, problem, run, against, &pulse);
    }
    let share = if run.route == Route::Picard { 1.0 - ITERATION } else { 1.0 };
    let checkpoint = setting.folder.file(&format!("checkpoint/{}.npz", run.id));
    let ended = format!("checkpoint/{}.json", run.id);
    let mut recorder = Recorder {
        problem,
        run,
        threads,
        against,
        checkpoint,
        progress,
        share,
        told: 0.0,
        series: Array2::from_elem((problem.measures.len(), problem.times.len()), f64::NAN),
        path: run.keep_path.then(|| Path::new(run.width)),
    };
    let e = problem.experiment;
    let law = run.start.as_ref().unwrap_or(&e.network.start);
    let start: Vec<R> = problem.network.start(law, e.seed, run.first, run.width);
    let momenta: Vec<R> = problem.start_momenta(run);
    let fixed = match run.route {
        Route::Picard => {
            let pulse = Pulse::new(setting.interrupt, progress, ITERATION * run.work(e.horizon.time));
            let Some(found) = fixed_point(setting, problem, run, (&start, &momenta), &pulse)? else { return Ok(None) };
            pulse.go_on(1.0);
            Some(found)
        }
        _ => None,
    };
    let unconverged = fixed.as_ref().map_or(0.0, FixedPoint::last_difference);
    if setting.folder.file(&ended).is_file() {
        let stop = setting.folder.read_json(&ended)?;
        recorder.load()?;
        progress.advance(share * run.work(e.horizon.time));
        return Ok(Some(Ended { stop, series: recorder.series, path: recorder.path, unconverged }));
    }

    let coordinates = problem.network.coordinates(run.width);
    let mut integrator: Box<dyn Integrator<R>> = run.motion.integrator(run.method, coordinates, start.len());
    let (mut state, next_record) = if recorder.checkpoint.is_file() {
        let (state, memory, next_record) = recorder.load()?;
        integrator.restore(&memory);
        (state, next_record)
    } else {
        (State { momentum: momenta.clone(), ..State::at_rest(start.clone()) }, 0)
    };
    let time_loop = TimeLoop {
        times: &problem.times,
        // More seconds than a duration can hold are never.
        checkpoint_every: Duration::try_from_secs_f64(e.run.checkpoint_seconds).unwrap_or(Duration::MAX),
        diverged_above: e.dynamics.diverged_above,
        exact_loss: run.batch == BatchSize::Full,
        interrupt: setting.interrupt,
    };
    let samples;
    let mut force: Box<dyn Force<R>> = match &fixed {
        None => Box::new(problem.force(run, threads)),
        Some(FixedPoint { path, .. }) => {
            let network = problem.independent();
            samples = packed(network, problem.population_of(run));
            Box::new(FrozenForce::new(network, run.width, &samples, e.dynamics.ridge, path, threads))
        }
    };
    let mut noise = problem.noise(run);
    let stop =
        time_loop.run(&mut state, next_record, integrator.as_mut(), force.as_mut(), noise.as_mut(), &mut recorder)?;
    if matches!(stop, StopReason::Interrupted { .. }) {
        return Ok(None);
    }
    recorder.progress(e.horizon.time);
    write_state(setting, problem, run, (&start, &momenta), &state)?;
    recorder.save(&state, &integrator.memory(), problem.times.len())?;
    setting.folder.write_json(&ended, &stop)?;
    Ok(Some(Ended { stop, series: recorder.series, path: recorder.path, unconverged }))
}

/// `state/ID.npz`: parameters and momenta, first and last, by part, in canonical order.
fn write_state<R: Real>(
    setting: &Setting<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    start: (&[R], &[R]),
    state: &State<R>,
) -> Result<(), RunError> {
    let network = &problem.network;
    let mut arrays = Arrays::default();
    for (suffix, theta, momentum) in [("initial", start.0, start.1), ("final", &state.theta[..], &state.momentum[..])] {
        for (kind, values) in [("", theta), ("momentum_", momentum)] {
            let canonical = network.to_canonical(run.width, values);
            push_parts(&mut arrays, network, run.width, &canonical, &format!("{kind}{suffix}"));
        }
    }
    Ok(arrays.write(&setting.folder.file(&format!("state/{}.npz", run.id)))?)
}
