//! Checkpoints of trajectories, in `checkpoint/`. They are in double precision, which represents single precision
//! exactly.

use super::context::RunError;
use super::evaluation::{evaluate, to_f64};
use super::limit_path::LimitPath;
use super::plan::Trajectory;
use super::problem::Problem;
use super::series::Series;
use crate::compute::{Real, Threads};
use crate::dynamics::State;
use crate::record::npz::{ArrayRecord, array_record, shaped};
use ndarray::{Array1, Array2};
use std::path::Path;

array_record! {
    /// `checkpoint/ID.npz`.
    pub struct CheckpointArrays {
        /// Parameters in canonical order.
        pub theta: Array1<f64>,
        /// Momenta in canonical order.
        pub momentum: Array1<f64>,
        /// Steps taken, time, index of the next record.
        pub clock: Array1<f64>,
        /// Internal variables of the integrator.
        pub memory: Array1<f64>,
        /// Recorded values (measures, times).
        pub series: Array2<f64>,
        /// Canonical parameters at the recording times so far (records, parameters), where the path is kept.
        pub path: Option<Array2<f64>>,
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

/// Writes a checkpoint atomically.
///
/// # Errors
/// A file that cannot be written.
pub fn save<R: Real>(
    file: &Path,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    snapshot: &Snapshot<'_, R>,
) -> Result<(), RunError> {
    let Snapshot { state, memory, next_record, series, path } = *snapshot;
    let canonical = |part: &[R]| Array1::from(to_f64(&problem.network.to_canonical(run.width(), part)));
    let size = problem.network.parameters(run.width());
    let rows = |path: &LimitPath<R>| {
        let count = path.parameters().len();
        // Reserved, so that the values are not copied as they grow.
        let mut values = Vec::with_capacity(count * size);
        path.parameters().iter().for_each(|theta| values.extend(theta.iter().map(|v| v.to_f64())));
        shaped((count, size), values)
    };
    let arrays = CheckpointArrays {
        theta: canonical(&state.theta),
        momentum: canonical(&state.momentum),
        clock: Array1::from(vec![state.step as f64, state.time, next_record as f64]),
        memory: Array1::from(memory.to_vec()),
        series: series.values().clone(),
        path: path.map(rows),
    };
    Ok(arrays.write(file)?)
}

/// Reads a checkpoint.
///
/// # Errors
/// A file that cannot be read, or does not belong to this trajectory.
pub fn load<R: Real>(
    file: &Path,
    problem: &Problem<'_, R>,
    run: &Trajectory,
    threads: Threads,
) -> Result<Checkpoint<R>, RunError> {
    let arrays = CheckpointArrays::read(file).map_err(RunError::UnreadableCheckpoint)?;
    let network = &problem.network;
    let damaged = || RunError::Checkpoint { path: file.into() };
    let size = network.parameters(run.width());
    let from_f64 = |values: ndarray::ArrayView1<f64>| -> Vec<R> { values.iter().map(|&v| R::of(v)).collect() };
    let internal = |theta: &[R]| -> Result<Vec<R>, RunError> {
        if theta.len() == size { Ok(network.from_canonical(run.width(), theta)) } else { Err(damaged()) }
    };
    let [step, time, next_record] = arrays.clock.to_vec()[..] else { return Err(damaged()) };
    let state = State {
        theta: internal(&from_f64(arrays.theta.view()))?,
        momentum: internal(&from_f64(arrays.momentum.view()))?,
        step: step as u64,
        time,
    };
    if arrays.series.ncols() != problem.times.len() || next_record < 1.0 {
        return Err(damaged());
    }
    let series = Series::from_values(&problem.measures, arrays.series).ok_or_else(damaged)?;
    let mut path = None;
    if run.recording.keep_path {
        let mut kept = LimitPath::new(run.width());
        for row in arrays.path.ok_or_else(damaged)?.rows() {
            let theta = from_f64(row);
            let evaluation = evaluate(problem, run.width(), &internal(&theta)?, threads);
            kept.push(problem, theta, evaluation);
        }
        path = Some(kept);
    }
    Ok(Checkpoint { state, memory: arrays.memory.to_vec(), next_record: next_record as usize, series, path })
}
