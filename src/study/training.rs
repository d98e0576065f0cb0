//! Carrying out a plan: stage by stage, large runs with all threads, small ones side by side.

use super::plan::{Plan, Stage, Trajectory};
use super::problem::Problem;
use super::progress::Progress;
use super::series::{Path, Series};
use super::trajectory::{Ended, train};
use super::{RunError, Setting};
use crate::compute::{Real, Threads};
use crate::dynamics::StopReason;
use crate::record::Phase;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Everything that was recorded.
#[derive(Default)]
pub struct Trained {
    /// By id: how each run ended, and its series.
    pub runs: BTreeMap<String, (StopReason, Series)>,
    /// By id, where a run was found by iteration: how far the last two iterates were apart.
    pub unconverged: BTreeMap<String, f64>,
    /// Wall time per stage, this sitting.
    pub phases: Vec<Phase>,
    /// Whether a person asked to stop before the end.
    pub interrupted: bool,
}

impl Trained {
    /// What was recorded of a run.
    pub fn series(&self, id: &str) -> Option<&Series> {
        self.runs.get(id).map(|(_, series)| series)
    }

    /// Whether a run reached the horizon.
    pub fn reached_horizon(&self, id: &str) -> bool {
        matches!(self.runs.get(id), Some((StopReason::Horizon, _)))
    }
}

/// Carries out the plan.
pub fn carry_out<R: Real>(setting: &Setting<'_>, problem: &Problem<'_, R>, plan: &Plan) -> Result<Trained, RunError> {
    let mut trained = Trained::default();
    let mut paths: BTreeMap<String, Path<R>> = BTreeMap::new();
    for stage in &plan.stages {
        let time = problem.experiment.horizon.time;
        let progress = Progress::new(stage.name, stage.trajectories.iter().map(|t| t.work(time)).sum(), setting.quiet);
        let ended = carry_out_stage(setting, problem, stage, &paths, &progress)?;
        trained.phases.push(Phase { name: stage.name.into(), seconds: progress.finish() });
        for (run, ended) in stage.trajectories.iter().zip(ended) {
            let Some(Ended { stop, series, path, unconverged }) = ended else {
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
            later.filter_map(|t| t.compare.as_ref()).any(|(limit, _)| limit == id)
        };
        paths.retain(|id, _| needed(id));
    }
    Ok(trained)
}

fn carry_out_stage<R: Real>(
    setting: &Setting<'_>,
    problem: &Problem<'_, R>,
    stage: &Stage,
    paths: &BTreeMap<String, Path<R>>,
    progress: &Progress,
) -> Result<Vec<Option<Ended<R>>>, RunError> {
    let one = |run: &Trajectory, threads: Threads| -> Result<Option<Ended<R>>, RunError> {
        if setting.interrupt.load(std::sync::atomic::Ordering::Relaxed) {
            return Ok(None);
        }
        let mut against = None;
        if let Some((limit, offset)) = &run.compare {
            // A limit that diverged has no path to its end; nothing can be compared with it.
            against = paths.get(limit).filter(|p| p.thetas.len() == problem.times.len()).map(|p| (p, *offset));
        }
        train(setting, problem, run, against, threads, progress)
    };
    let time = problem.experiment.horizon.time;
    let total: f64 = stage.trajectories.iter().map(|t| t.work(time)).sum();
    let fair_share = total / rayon::current_num_threads() as f64;
    // A run that is more than half a thread's share would keep the others waiting: it gets all threads for itself.
    let (large, small): (Vec<usize>, Vec<usize>) =
        (0..stage.trajectories.len()).partition(|&i| stage.trajectories[i].work(time) > 0.5 * fair_share);
    let mut ended: Vec<Option<Ended<R>>> = (0..stage.trajectories.len()).map(|_| None).collect();
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
