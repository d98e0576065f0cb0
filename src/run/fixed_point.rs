//! The limit by Picard iteration: the fixed point of the trajectory map, under whose predictions the particles are
//! integrated.

use super::context::{Outcome, RunContext, RunError, agree_on, on_all_ranks};
use super::evaluation::to_f64;
use super::plan::{Particles, Trajectory};
use super::problem::Problem;
use super::tasks::TaskHandle;
use crate::compute::Real;
use crate::config::PicardSpec;
use crate::dynamics::picard::{FrozenPath, Guess, IterationSettings, IterationStatus, PicardIteration, TrajectoryMap};
use crate::dynamics::{Noise, State};
use crate::ranks::{Communicator, Ranks, SingleRank};
use crate::record::npz::array_record;
use ndarray::Array1;
use std::time::{Duration, Instant};

/// The fixed point of the trajectory map of a run.
pub struct FixedPoint<R> {
    /// Residuals of the predictions along the path, which drive the particles.
    pub path: FrozenPath<R>,
    /// `sup_t |f^{n+1}_t - f^n_t|_{L2}` for every iterate of every window.
    pub differences: Vec<Vec<f64>>,
}

impl<R> FixedPoint<R> {
    /// The largest last difference of any window: the error of the iteration.
    pub fn last_difference(&self) -> f64 {
        self.differences.iter().filter_map(|window| window.last()).fold(0.0, |most, &d| most.max(d))
    }
}

/// The trajectory map with the particles, step and noise of a run.
pub fn trajectory_map<'a, R: Real>(
    problem: &'a Problem<'_, R>,
    run: &Trajectory,
    noise: &'a (dyn Fn(usize, usize) -> Box<dyn Noise<R>> + Sync),
) -> TrajectoryMap<'a, R> {
    TrajectoryMap::new(problem.independent_ensemble(run), run.integration.scheme, noise)
}

/// The noise of `width` consecutive particles of a run from `first` on, as a function of (first, width).
pub fn noise_of<'a, R: Real>(
    problem: &'a Problem<'_, R>,
    run: &'a Trajectory,
) -> impl Fn(usize, usize) -> Box<dyn Noise<R>> + Sync + 'a {
    move |first, width| {
        let first = run.particles.first + first as u64;
        problem.noise(&Trajectory { particles: Particles { first, width, ..run.particles.clone() }, ..run.clone() })
    }
}

/// Iterates the trajectory map of a run to its fixed point, or reads a saved fixed point.
///
/// # Errors
/// An iteration that does not converge; checkpoints that cannot be written or read.
pub fn fixed_point<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    start: &State<R>,
    handle: &TaskHandle<'_>,
) -> Result<Outcome<FixedPoint<R>>, RunError> {
    iterate(context, problem, (run, start), &SingleRank::ranks(), handle)
}

/// The same on all ranks of the run, among which the particles are divided; the fixed point is saved, for
/// [`fixed_point`] to read it. Collective.
///
/// # Errors
/// As [`fixed_point`], on all ranks.
pub(super) fn fixed_point_on_ranks<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    handle: &TaskHandle<'_>,
) -> Result<Outcome<()>, RunError> {
    let start = problem.start_state(run);
    Ok(match iterate(context, problem, (run, &start), &context.ranks, handle)? {
        Outcome::Complete(_) => {
            handle.advance_to(1.0);
            Outcome::Complete(())
        }
        Outcome::Interrupted => Outcome::Interrupted,
    })
}

/// Iterates the trajectory map on some ranks, of which the first writes checkpoints.
fn iterate<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    (run, start): (&Trajectory, &State<R>),
    ranks: &Ranks,
    handle: &TaskHandle<'_>,
) -> Result<Outcome<FixedPoint<R>>, RunError> {
    let e = problem.experiment;
    let PicardSpec { windows, iterates, tolerance } = e.reference.picard.unwrap_or(PicardSpec::of(e.precision));
    let steps = (e.horizon.time / run.integration.scheme.motion.step).round() as usize;
    let settings = IterationSettings { windows, steps, iterates, tolerance, guess: Guess::Constant };
    let noise = noise_of(problem, run);
    let map = trajectory_map(problem, run, &noise).interrupted_by(handle.interrupt()).on(ranks);
    let file = fixed_point_name(run);
    let read = || {
        context.saved_arrays(&file, |arrays| {
            saved_iteration(arrays, problem, run, &map, settings)
                .ok_or_else(|| "its arrays are not of this limit".into())
        })
    };
    let saved = read_on(context, &**ranks, &file, read)?;
    let save = |iteration: &PicardIteration<'_, '_, R>, done: bool| -> Result<(), RunError> {
        let write = || -> Result<bool, RunError> {
            context.folder.seal_arrays(&file, &iteration_arrays(problem, run, iteration, done))?.write()?;
            Ok(false)
        };
        agree_on(&**ranks, if ranks.is_first() { write() } else { Ok(false) })?;
        Ok(())
    };
    let mut iteration = match saved {
        Some(SavedIteration { iteration, complete: false }) => iteration,
        Some(SavedIteration { iteration, complete: true }) => {
            let differences = iteration.differences.clone();
            return Ok(Outcome::Complete(FixedPoint { path: iteration.into_path(), differences }));
        }
        None => PicardIteration::new(&map, start.clone(), settings),
    };
    let every = Duration::try_from_secs_f64(e.run.checkpoint_seconds).unwrap_or(Duration::MAX);
    let mut last_saved = Instant::now();
    loop {
        let interrupted = !handle.advance_to(iteration.fraction_done());
        let (interrupted, due) = together(&**ranks, interrupted, last_saved.elapsed() >= every);
        if interrupted || due {
            save(&iteration, false)?;
            last_saved = Instant::now();
        }
        if interrupted {
            return Ok(Outcome::Interrupted);
        }
        match iteration.advance() {
            IterationStatus::Continue => {}
            IterationStatus::Converged => break,
            IterationStatus::Interrupted => {
                save(&iteration, false)?;
                return Ok(Outcome::Interrupted);
            }
            IterationStatus::NotConverged { window, difference } => {
                return Err(RunError::NotConverged { id: run.id.clone(), window, difference, iterates, windows });
            }
        }
    }
    save(&iteration, true)?;
    let differences = iteration.differences.clone();
    Ok(Outcome::Complete(FixedPoint { path: iteration.into_path(), differences }))
}

/// Whether one of the ranks is interrupted, and whether for the first a checkpoint is due. Collective.
fn together(ranks: &dyn Communicator, interrupted: bool, due: bool) -> (bool, bool) {
    if ranks.size() == 1 {
        return (interrupted, due);
    }
    let own = [f64::from(u8::from(interrupted)), f64::from(u8::from(due))];
    let all = ranks.all_gather(&own, &vec![2; ranks.size()]);
    (all.iter().step_by(2).any(|&raised| raised != 0.0), all[1] != 0.0)
}

/// A saved part that every rank reads, after the first has, which removes a damaged one. Collective.
fn read_on<T>(
    context: &RunContext<'_>,
    ranks: &dyn Communicator,
    file: &str,
    read: impl Fn() -> Result<Option<T>, RunError>,
) -> Result<Option<T>, RunError> {
    if ranks.size() == 1 {
        return read();
    }
    let first = on_all_ranks(ranks, if ranks.is_first() { read() } else { Ok(None) })?;
    let found = on_all_ranks(ranks, if ranks.is_first() { Ok(first) } else { read() })?;
    let all = ranks.all_gather(&[f64::from(u8::from(found.is_some()))], &vec![1; ranks.size()]);
    match all.iter().position(|found| *found != all[0]) {
        None => Ok(found),
        Some(rank) => Err(RunError::NotShared { rank, path: context.folder.file(file) }),
    }
}

/// The name of the checkpoint of an iteration.
pub(super) fn fixed_point_name(run: &Trajectory) -> String {
    format!("checkpoint/{}-picard.npz", run.id)
}

array_record! {
    /// `checkpoint/ID-picard.npz`: the progress of an iteration.
    pub struct IterationArrays {
        /// Parameters at the start of the current window, in canonical order.
        pub theta[parameters]: Array1<f64>,
        /// Momenta at the start of the current window.
        pub momentum[momenta]: Array1<f64>,
        /// Step and time at the start of the current window, and 1 where the iteration is complete (3).
        pub clock[3]: Array1<f64>,
        /// Predictions (steps + 1, n, K), flat.
        pub predictions[predictions]: Array1<f64>,
        /// Number of iterates of every window so far.
        pub iterates[windows]: Array1<f64>,
        /// Differences of the iterates of all windows, one after the other.
        pub differences[differences]: Array1<f64>,
    }
}

fn iteration_arrays<R: Real>(
    problem: &Problem<'_, R>,
    run: &Trajectory,
    iteration: &PicardIteration<'_, '_, R>,
    done: bool,
) -> IterationArrays {
    let canonical = |part: &[R]| Array1::from(to_f64(&problem.network.to_canonical(run.width(), part)));
    let State { theta, momentum, step, time } = &iteration.start;
    IterationArrays {
        theta: canonical(theta),
        momentum: canonical(momentum),
        clock: Array1::from(vec![*step as f64, *time, f64::from(u8::from(done))]),
        predictions: Array1::from(iteration.predictions.clone()),
        iterates: iteration.differences.iter().map(|window| window.len() as f64).collect(),
        differences: iteration.differences.iter().flatten().copied().collect(),
    }
}

/// An iteration that was read back.
struct SavedIteration<'m, 'a, R> {
    iteration: PicardIteration<'m, 'a, R>,
    /// Whether it has reached its fixed point.
    complete: bool,
}

/// The iteration in arrays; `None` where their shapes are not those of the run.
fn saved_iteration<'m, 'a, R: Real>(
    arrays: IterationArrays,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    map: &'m TrajectoryMap<'a, R>,
    settings: IterationSettings,
) -> Option<SavedIteration<'m, 'a, R>> {
    let internal = |values: &Array1<f64>| -> Option<Vec<R>> {
        let values: Vec<R> = values.iter().map(|&v| R::of(v)).collect();
        let whole = values.len() == problem.network.parameters(run.width());
        whole.then(|| problem.network.from_canonical(run.width(), &values))
    };
    let [step, time, done] = arrays.clock.to_vec()[..] else { return None };
    let start =
        State { theta: internal(&arrays.theta)?, momentum: internal(&arrays.momentum)?, step: step as u64, time };
    let predictions = arrays.predictions.to_vec();
    let (windows, most) = (arrays.iterates.len(), settings.iterates as f64);
    let in_all: f64 = arrays.iterates.sum();
    let whole = predictions.len() == (settings.steps + 1) * map.prediction_len()
        && (1..=settings.windows).contains(&windows)
        && arrays.iterates.iter().all(|&n| n >= 0.0 && n <= most && n.fract() == 0.0)
        && in_all == arrays.differences.len() as f64;
    // The current window begins where the others end; a complete iteration is at the horizon.
    let complete = done == 1.0;
    let begun = if complete { settings.windows } else { windows.saturating_sub(1) };
    let at = (begun * (settings.steps / settings.windows)) as f64;
    if !whole || step != at || (complete && windows != settings.windows) {
        return None;
    }
    let mut rest = arrays.differences.to_vec().into_iter();
    let differences: Vec<Vec<f64>> =
        arrays.iterates.iter().map(|&n| rest.by_ref().take(n as usize).collect()).collect();
    let iteration = PicardIteration::resume(map, settings, predictions, start, differences);
    Some(SavedIteration { iteration, complete })
}
