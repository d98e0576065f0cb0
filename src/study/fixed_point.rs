//! A limit by the trajectory map: iterated to its fixed point, then followed like any other run under the frozen path.
//!
//! While the run is unfinished, `checkpoint/ID-picard.npz` holds the iteration: predictions on all nodes, the state at the start
//! of the window in hand, and the differences of the iterates so far.

use super::pieces::Pulse;
use super::plan::Trajectory;
use super::problem::Problem;
use super::{RunError, Setting};
use crate::compute::Real;
use crate::config::Iterated;
use crate::dynamics::picard::{FrozenPath, Guess, Iteration, Outcome, Terms, TrajectoryMap};
use crate::dynamics::{Noise, State};
use crate::record::npz::{Arrays, Table};
use std::path::Path;
use std::time::{Duration, Instant};

/// The fixed point of a run.
pub struct FixedPoint<R> {
    /// Its residuals.
    pub path: FrozenPath<R>,
    /// `sup_t |f^{n+1}_t - f^n_t|_{L2}` for every iterate of every window.
    pub differences: Vec<Vec<f64>>,
}

impl<R> FixedPoint<R> {
    /// How far the last two iterates of any window were apart: the iteration's share of the reference's error.
    pub fn last_difference(&self) -> f64 {
        self.differences.iter().filter_map(|window| window.last()).fold(0.0, |most, &d| most.max(d))
    }
}

/// The map of a run's own particles, step and noise.
pub fn trajectory_map<'a, R: Real>(
    problem: &'a Problem<'_, R>,
    run: &Trajectory,
    noise: &'a (dyn Fn(usize, usize) -> Box<dyn Noise<R>> + Sync),
) -> TrajectoryMap<'a, R> {
    let population = problem.population_of(run);
    let terms = (run.method, run.motion);
    TrajectoryMap::new(problem.independent(), run.width, population, problem.objective(), terms, noise)
}

/// The noise of neighbours among a run's particles.
pub fn noise_of<'a, R: Real>(
    problem: &'a Problem<'_, R>,
    run: &'a Trajectory,
) -> impl Fn(usize, usize) -> Box<dyn Noise<R>> + Sync + 'a {
    move |first, width| problem.noise(&Trajectory { first: run.first + first as u64, width, ..run.clone() })
}

/// Iterates a run's trajectory map to its fixed point, or takes one back. `Ok(None)`: a person asked to stop.
pub fn fixed_point<R: Real>(
    setting: &Setting<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    (theta, momentum): (&[R], &[R]),
    pulse: &Pulse<'_>,
) -> Result<Option<FixedPoint<R>>, RunError> {
    let e = problem.experiment;
    let Iterated { windows, iterates, tolerance } = e.reference.picard.unwrap_or(Iterated::of(e.precision));
    let steps = (e.horizon.time / run.motion.step).round() as usize;
    let terms = Terms { windows, steps, iterates, tolerance, guess: Guess::Standing };
    let noise = noise_of(problem, run);
    let map = trajectory_map(problem, run, &noise);
    let file = setting.folder.file(&format!("checkpoint/{}-picard.npz", run.id));
    let mut iteration = match load(problem, run, &map, terms, &file)? {
        Some((iteration, false)) => iteration,
        Some((iteration, true)) => {
            let differences = iteration.differences.clone();
            return Ok(Some(FixedPoint { path: iteration.frozen(), differences }));
        }
        None => {
            let start = State { theta: theta.to_vec(), momentum: momentum.to_vec(), step: 0, time: 0.0 };
            Iteration::new(&map, start, terms)
        }
    };
    let every = Duration::try_from_secs_f64(e.run.checkpoint_seconds).unwrap_or(Duration::MAX);
    let mut saved = Instant::now();
    loop {
        if !pulse.go_on(iteration.done()) {
            save(problem, run, &iteration, false, &file)?;
            return Ok(None);
        }
        match iteration.advance() {
            Outcome::Going => {}
            Outcome::Converged => break,
            Outcome::NotConverged { window, difference } => {
                return Err(RunError::NotConverged { id: run.id.clone(), window, difference, iterates, windows });
            }
        }
        if saved.elapsed() >= every {
            save(problem, run, &iteration, false, &file)?;
            saved = Instant::now();
        }
    }
    save(problem, run, &iteration, true, &file)?;
    let differences = iteration.differences.clone();
    Ok(Some(FixedPoint { path: iteration.frozen(), differences }))
}

fn save<R: Real>(
    problem: &Problem<'_, R>,
    run: &Trajectory,
    iteration: &Iteration<'_, '_, R>,
    done: bool,
    file: &Path,
) -> Result<(), RunError> {
    let canonical =
        |part: &[R]| -> Vec<f64> { problem.network.to_canonical(run.width, part).iter().map(|v| v.to_f64()).collect() };
    let size = problem.network.parameters(run.width);
    let State { theta, momentum, step, time } = &iteration.start;
    let counts: Vec<f64> = iteration.differences.iter().map(|window| window.len() as f64).collect();
    let differences: Vec<f64> = iteration.differences.iter().flatten().copied().collect();
    let mut arrays = Arrays::default();
    arrays.push("theta", &[size], canonical(theta));
    arrays.push("momentum", &[size], canonical(momentum));
    arrays.push("clock", &[3], vec![*step as f64, *time, f64::from(u8::from(done))]);
    arrays.push("predictions", &[iteration.predictions.len()], iteration.predictions.clone());
    arrays.push("iterates", &[counts.len()], counts);
    arrays.push("differences", &[differences.len()], differences);
    Ok(arrays.write(file)?)
}

type Loaded<'m, 'a, R> = Option<(Iteration<'m, 'a, R>, bool)>;

/// An iteration taken back, and whether it is done.
fn load<'m, 'a, R: Real>(
    problem: &Problem<'_, R>,
    run: &Trajectory,
    map: &'m TrajectoryMap<'a, R>,
    terms: Terms,
    file: &Path,
) -> Result<Loaded<'m, 'a, R>, RunError> {
    if !file.is_file() {
        return Ok(None);
    }
    let damaged = || RunError::Checkpoint { path: file.to_path_buf() };
    let table = Table::<f64>::read(file)?;
    let internal = |name: &str| -> Result<Vec<R>, RunError> {
        let values: Vec<R> = table.vector(name)?.iter().map(|&v| R::of(v)).collect();
        if values.len() != problem.network.parameters(run.width) {
            return Err(damaged());
        }
        Ok(problem.network.from_canonical(run.width, &values))
    };
    let [step, time, done] = table.vector("clock")?.to_vec()[..] else { return Err(damaged()) };
    let start = State { theta: internal("theta")?, momentum: internal("momentum")?, step: step as u64, time };
    let predictions = table.vector("predictions")?.to_vec();
    let mut rest = table.vector("differences")?.to_vec().into_iter();
    let counts = table.vector("iterates")?;
    let differences: Vec<Vec<f64>> = counts.iter().map(|&n| rest.by_ref().take(n as usize).collect()).collect();
    let whole = predictions.len() == (terms.steps + 1) * map.len() && (1..=terms.windows).contains(&differences.len());
    if !whole {
        return Err(damaged());
    }
    Ok(Some((Iteration::resume(map, terms, predictions, start, differences), done == 1.0)))
}
