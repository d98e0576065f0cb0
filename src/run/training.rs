//! Carrying out a plan: stage by stage, large runs with all threads, small ones side by side.

use super::context::{Outcome, RunContext, RunError};
use super::limit_path::LimitPath;
use super::plan::{Plan, Stage, Trajectory};
use super::problem::Problem;
use super::progress::Progress;
use super::series::{Measurement, Series};
use super::trajectory::train;
use super::trajectory_outcome::TrajectoryOutcome;
use crate::compute::{Real, Threads};
use crate::dynamics::StopReason;
use crate::record::PhaseTime;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Everything that was recorded.
#[derive(Default)]
pub struct Trained {
    /// By id: how each run ended, and its series.
    pub runs: BTreeMap<String, (StopReason, Series)>,
    /// By id, where a run was found by iteration: the last difference of two iterates.
    pub unconverged: BTreeMap<String, f64>,
    /// Wall time per stage of this process.
    pub phases: Vec<PhaseTime>,
    /// Whether the run was interrupted before the end.
    pub interrupted: bool,
}

impl Trained {
    /// The series of a run.
    pub fn series(&self, id: &str) -> Option<&Series> {
        self.runs.get(id).map(|(_, series)| series)
    }

    /// Whether a run reached the horizon.
    pub fn reached_horizon(&self, id: &str) -> bool {
        matches!(self.runs.get(id), Some((StopReason::Horizon, _)))
    }

    /// Whether a run diverged.
    pub fn diverged(&self, id: &str) -> bool {
        matches!(self.runs.get(id), Some((StopReason::Diverged { .. }, _)))
    }
}

/// Carries out the plan.
///
/// # Errors
/// As [`train`].
pub fn carry_out<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    plan: &Plan,
) -> Result<Trained, RunError> {
    let mut trained = Trained::default();
    let mut paths: BTreeMap<String, LimitPath<R>> = BTreeMap::new();
    for stage in &plan.stages {
        let time = problem.experiment.horizon.time;
        let progress = Progress::new(stage.name, stage.trajectories.iter().map(|t| t.work(time)).sum(), context.quiet);
        let ended = carry_out_stage(context, problem, stage, &paths, &progress)?;
        trained.phases.push(PhaseTime { name: stage.name.into(), seconds: progress.finish() });
        for (run, ended) in stage.trajectories.iter().zip(ended) {
            let Outcome::Complete(TrajectoryOutcome { stop, series, path, unconverged }) = ended else {
                trained.interrupted = true;
                continue;
            };
            if unconverged > 0.0 {
                trained.unconverged.insert(run.id.clone(), unconverged);
            }
            trained.runs.insert(run.id.clone(), (stop, series));
            if let Some(path) = path {
                paths.insert(run.id.clone(), path);
            }
        }
        if trained.interrupted {
            break;
        }
        let needed = |id: &String| {
            let later = plan.stages.iter().skip_while(|s| s.name != stage.name).skip(1).flat_map(|s| &s.trajectories);
            later.filter_map(|t| t.recording.compare.as_ref()).any(|comparison| comparison.limit == *id)
        };
        paths.retain(|id, _| needed(id));
    }
    Ok(trained)
}

fn carry_out_stage<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    stage: &Stage,
    paths: &BTreeMap<String, LimitPath<R>>,
    progress: &Progress,
) -> Result<Vec<Outcome<TrajectoryOutcome<R>>>, RunError> {
    let one = |run: &Trajectory, threads: Threads| -> Result<Outcome<TrajectoryOutcome<R>>, RunError> {
        if context.interrupted() {
            return Ok(Outcome::Interrupted);
        }
        let mut against = None;
        if let Some(comparison) = &run.recording.compare {
            // A limit that diverged has no path to its end; nothing can be compared with it.
            let whole = paths.get(&comparison.limit).filter(|path| path.len() == problem.times.len());
            against = whole.map(|path| (path, comparison.offset));
        }
        train(context, Measurement { problem, run, threads, against }, progress)
    };
    let time = problem.experiment.horizon.time;
    let total: f64 = stage.trajectories.iter().map(|t| t.work(time)).sum();
    let fair_share = total / rayon::current_num_threads() as f64;
    // A run that is more than half a thread's share would keep the others waiting: it gets all threads for itself.
    let (large, small): (Vec<usize>, Vec<usize>) =
        (0..stage.trajectories.len()).partition(|&i| stage.trajectories[i].work(time) > 0.5 * fair_share);
    let mut ended: Vec<Outcome<TrajectoryOutcome<R>>> =
        (0..stage.trajectories.len()).map(|_| Outcome::Interrupted).collect();
    for i in large {
        ended[i] = one(&stage.trajectories[i], Threads::Pool)?;
    }
    let side_by_side: Result<Vec<_>, RunError> =
        small.par_iter().with_max_len(1).map(|&i| Ok((i, one(&stage.trajectories[i], Threads::One)?))).collect();
    for (i, run) in side_by_side? {
        ended[i] = run;
    }
    Ok(ended)
}
