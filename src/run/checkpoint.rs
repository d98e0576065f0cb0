//! Checkpoints of trajectories, in `checkpoint/`. They are in double precision, which represents single precision
//! exactly.

use super::context::RunError;
use super::evaluation::{evaluate, to_f64};
use super::limit_path::LimitPath;
use super::plan::Trajectory;
use super::problem::Problem;
use super::series::Series;
use crate::compute::profile::{self, WorkKind};
use crate::compute::{Real, Threads};
use crate::dynamics::State;
use crate::network::Network;
use crate::record::npz::{ArrayRecord, Arrays, array_record, one_nan, shaped};
use crate::record::state::FinalParts;
use crate::record::{RunFolder, SavedPart, SealedArchive};
use ndarray::{Array1, Array2};

/// Relative rounding of a time that is a sum of steps.
const TIME_ROUNDING: f64 = 1e-6;

array_record! {
    /// `checkpoint/ID.npz`.
    pub struct CheckpointArrays {
        /// Parameters in canonical order.
        pub theta[parameters]: Array1<f64>,
        /// Momenta in canonical order.
        pub momentum[momenta]: Array1<f64>,
        /// Steps taken, time, index of the next record.
        pub clock[3]: Array1<f64>,
        /// Internal variables of the integrator.
        pub memory[variables]: Array1<f64>,
        /// Recorded values (measures, times).
        pub series[measures, times]: Array2<f64>,
        /// Canonical parameters at the recording times so far (records, parameters), where the path is kept.
        pub path[records, parameters]: Option<Array2<f64>>,
    }
}

/// The progress of a trajectory, as read from a checkpoint.
pub struct Checkpoint<R> {
    /// Parameters, momenta, steps taken and time.
    pub state: State<R>,
    /// Internal variables of the integrator.
    pub memory: Vec<f64>,
    /// Index of the next record.
    pub next_record: usize,
    /// The recorded series.
    pub series: Series,
    /// The path so far, where it is kept.
    pub path: Option<LimitPath<R>>,
}

/// The progress of a trajectory, to be written to a checkpoint.
#[derive(Clone, Copy)]
pub struct Snapshot<'a, R> {
    /// Parameters, momenta, steps taken and time.
    pub state: &'a State<R>,
    /// Internal variables of the integrator.
    pub memory: &'a [f64],
    /// Index of the next record.
    pub next_record: usize,
    /// The recorded series.
    pub series: &'a Series,
    /// The path so far, where it is kept.
    pub path: Option<&'a LimitPath<R>>,
}

/// A checkpoint with its checksum, to be written to `checkpoint/ID.npz`.
///
/// # Errors
/// An array that cannot be written.
pub fn seal<R: Real>(
    folder: &RunFolder,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    snapshot: &Snapshot<'_, R>,
) -> Result<SealedArchive, RunError> {
    let _timed = profile::time(WorkKind::Files);
    let canonical = |part: &[R]| Array1::from(to_f64(&problem.network.to_canonical(run.width(), part)));
    let state = [canonical(&snapshot.state.theta), canonical(&snapshot.state.momentum)];
    let mut sealed = Arrays::default();
    arrays(problem, run, &Snapshot { path: None, ..*snapshot }, state).push("", &mut sealed);
    if let Some(path) = snapshot.path {
        // The last array of the record. It is copied once: the path of a wide limit is most of the memory of a run.
        let size = problem.network.parameters(run.width());
        sealed.push("path", &[path.parameters().len(), size], path_rows(path, size));
    }
    Ok(folder.seal_named(&name(run), &sealed)?)
}

/// The path, (records, parameters) row-major.
fn path_rows<R: Real>(path: &LimitPath<R>, size: usize) -> Vec<f64> {
    // Reserved, so that the values are not copied as they grow.
    let mut values = Vec::with_capacity(path.parameters().len() * size);
    path.parameters().iter().for_each(|theta| values.extend(theta.iter().map(|v| one_nan(v.to_f64()))));
    values
}

/// The arrays of a checkpoint with these parameters and momenta.
pub fn arrays<R: Real>(
    problem: &Problem<'_, R>,
    run: &Trajectory,
    snapshot: &Snapshot<'_, R>,
    [theta, momentum]: [Array1<f64>; 2],
) -> CheckpointArrays {
    let Snapshot { state, memory, next_record, series, path } = *snapshot;
    let size = problem.network.parameters(run.width());
    let rows = |path: &LimitPath<R>| shaped((path.parameters().len(), size), path_rows(path, size));
    CheckpointArrays {
        theta,
        momentum,
        clock: Array1::from(vec![state.step as f64, state.time, next_record as f64]),
        memory: Array1::from(memory.to_vec()),
        series: series.values().clone(),
        path: path.map(rows),
    }
}

/// The checkpoint of a trajectory that ended at recording time `next_record - 1` of a shorter horizon, from its final state
/// in `state/`: `clock` is its steps and time there, and `series` (measures, times) what it recorded. The method has no
/// internal variables, and its path is not kept.
///
/// # Errors
/// A state that is missing or is not one of this trajectory; an array that cannot be written.
pub fn seal_continued(
    folder: &RunFolder,
    network: &Network,
    run: &Trajectory,
    (step, time): (u64, f64),
    (next_record, series): (usize, Array2<f64>),
) -> Result<SealedArchive, RunError> {
    let parts = FinalParts::read(&folder.file(&format!("state/{}.npz", run.id)))?;
    let arrays = CheckpointArrays {
        theta: parts.canonical(network, run.width())?,
        momentum: parts.canonical_momenta(network, run.width())?,
        clock: Array1::from(vec![step as f64, time, next_record as f64]),
        memory: Array1::from(Vec::new()),
        series,
        path: None,
    };
    Ok(folder.seal_arrays(&name(run), &arrays)?)
}

/// The steps and the time of a checkpoint; `None` where there is none that can be read.
///
/// # Errors
/// A file that is not accessible.
pub fn clock(folder: &RunFolder, run: &Trajectory) -> Result<Option<(u64, f64)>, RunError> {
    Ok(match folder.load_arrays::<CheckpointArrays>(&name(run))? {
        SavedPart::Found((arrays, _)) if arrays.clock.len() == 3 => Some((arrays.clock[0] as u64, arrays.clock[1])),
        SavedPart::Found(_) | SavedPart::Absent | SavedPart::Damaged(_) => None,
    })
}

/// Whether there is a checkpoint of a trajectory.
pub fn exists(folder: &RunFolder, run: &Trajectory) -> bool {
    folder.file(&name(run)).is_file()
}

/// The name of the checkpoint of a trajectory.
pub fn name(run: &Trajectory) -> String {
    format!("checkpoint/{}.npz", run.id)
}

/// Reads the checkpoint of a trajectory, with its checksum.
///
/// # Errors
/// A file that is not accessible.
pub fn load<R: Real>(
    folder: &RunFolder,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    threads: Threads,
) -> Result<SavedPart<(Checkpoint<R>, String)>, RunError> {
    let saved = folder.load_arrays::<CheckpointArrays>(&name(run))?;
    Ok(saved.and_then(|(arrays, checksum)| {
        let checkpoint = checkpoint(arrays, problem, run, threads).ok_or("its arrays are not of this trajectory")?;
        Ok((checkpoint, checksum))
    }))
}

/// The checkpoint in arrays; `None` where their shapes are not those of the trajectory.
fn checkpoint<R: Real>(
    arrays: CheckpointArrays,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    threads: Threads,
) -> Option<Checkpoint<R>> {
    let internal = |values: &Array1<f64>| internal(problem, run, &from_f64(values.view()));
    let (theta, momentum) = (internal(&arrays.theta)?, internal(&arrays.momentum)?);
    let found = without_state(arrays, problem, run, threads)?;
    Some(Checkpoint { state: State { theta, momentum, ..found.state }, ..found })
}

fn from_f64<R: Real>(values: ndarray::ArrayView1<f64>) -> Vec<R> {
    values.iter().map(|&v| R::of(v)).collect()
}

/// The state slice of canonical parameters; `None` where there are not as many as the network has.
fn internal<R: Real>(problem: &Problem<'_, R>, run: &Trajectory, theta: &[R]) -> Option<Vec<R>> {
    let network = &problem.network;
    (theta.len() == network.parameters(run.width())).then(|| network.from_canonical(run.width(), theta))
}

/// The checkpoint in arrays, apart from parameters and momenta, which are empty; `None` as in [`checkpoint`].
pub fn without_state<R: Real>(
    arrays: CheckpointArrays,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    threads: Threads,
) -> Option<Checkpoint<R>> {
    let [step, time, next_record] = arrays.clock.to_vec()[..] else { return None };
    let state = State { theta: Vec::new(), momentum: Vec::new(), step: step as u64, time };
    // Written so that NaN is refused.
    let within = |value: f64, least: f64, most: f64| value >= least && value <= most;
    let times = problem.times.len();
    let scheme = run.integration.scheme;
    // Adaptive methods have any number of steps.
    let horizon = problem.experiment.horizon.time * (1.0 + TIME_ROUNDING);
    let most_steps = if scheme.method.is_adaptive() { f64::MAX } else { (horizon / scheme.motion.step).ceil() };
    if arrays.series.ncols() != times
        || !within(next_record, 1.0, times as f64)
        || !within(step, 0.0, most_steps)
        || !within(time, 0.0, f64::MAX)
        || arrays.memory.len() != problem.integrator(run, Threads::One).memory().len()
    {
        return None;
    }
    let next_record = next_record as usize;
    let series = Series::from_values(&problem.measures, arrays.series)?;
    let mut path = None;
    if run.recording.keep_path {
        let mut kept = LimitPath::new(run.width());
        for row in arrays.path?.rows() {
            let theta = from_f64(row);
            let evaluation = evaluate(problem, run.width(), &internal(problem, run, &theta)?, None, threads);
            kept.push(problem, theta, evaluation);
        }
        // A trajectory that diverged has ended before the last recording time.
        let fits = if next_record == times { (1..=times).contains(&kept.len()) } else { kept.len() == next_record };
        if !fits {
            return None;
        }
        path = Some(kept);
    }
    Some(Checkpoint { state, memory: arrays.memory.to_vec(), next_record, series, path })
}
