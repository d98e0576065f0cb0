//! Running a plan: stage by stage, large trajectories on all threads, small ones in parallel.
//!
//! On several ranks, wide networks are divided among all of them, and so is every Picard iteration; every other trajectory is
//! computed by one rank, which writes its files, and read by the others.

use super::context::{Outcome, RunContext, RunError};
use super::fixed_point::fixed_point_on_ranks;
use super::kept::KeptTrajectories;
use super::limit_path::LimitPath;
use super::plan::{Plan, Stage, Trajectory};
use super::problem::Problem;
use super::profile::begin_phase;
use super::progress::Progress;
use super::series::{Measurement, Series};
use super::shard::{LimitScope, Part, shards_of};
use super::tasks::TaskHandle;
use super::trajectory::{ITERATION_SHARE, last_name, run_trajectory};
use super::trajectory_outcome::TrajectoryOutcome;
use crate::compute::{Real, Threads, return_freed_memory};
use crate::config::Route;
use crate::dynamics::StopReason;
use crate::ranks::{Communicator, ExchangeTotals, assign};
use crate::record::{PhaseExchanges, PhaseTime};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The stop reason and the series of a trajectory.
pub struct TrainedRun {
    /// Why it stopped.
    pub stop: StopReason,
    /// The recorded series.
    pub series: Series,
}

/// The results of all trajectories.
#[derive(Default)]
pub struct Trained {
    /// The trajectories, by id.
    pub runs: BTreeMap<String, TrainedRun>,
    /// The last difference between iterates, by id, of trajectories that were computed by iteration.
    pub unconverged: BTreeMap<String, f64>,
    /// Wall time of each stage, in this process.
    pub phases: Vec<PhaseTime>,
    /// Exchanges between ranks in each stage, in this process.
    pub exchanges: Vec<PhaseExchanges>,
    /// Whether the run was interrupted.
    pub interrupted: bool,
}

impl Trained {
    /// The series of a trajectory.
    pub fn series(&self, id: &str) -> Option<&Series> {
        self.runs.get(id).map(|run| &run.series)
    }

    /// Whether a trajectory reached the horizon.
    pub fn reached_horizon(&self, id: &str) -> bool {
        matches!(self.runs.get(id), Some(TrainedRun { stop: StopReason::Horizon, .. }))
    }

    /// Whether a trajectory diverged.
    pub fn diverged(&self, id: &str) -> bool {
        matches!(self.runs.get(id), Some(TrainedRun { stop: StopReason::Diverged { .. }, .. }))
    }
}

/// Whether a process simulates a trajectory of a plan up to time `time`. All but [`Part::Limit`] read the limits of that part
/// from their checkpoints.
fn chosen<'p>((part, scope): (Part, LimitScope), plan: &'p Plan, time: f64) -> impl Fn(&Trajectory) -> bool + use<'p> {
    let limits = scope.ids(plan);
    let shards = match part {
        Part::Shard(shard) => shards_of(plan, scope, time, shard.count()),
        Part::Whole | Part::Limit | Part::Finish => BTreeMap::new(),
    };
    move |run| match part {
        Part::Whole | Part::Finish => true,
        Part::Limit => limits.contains(run.id.as_str()),
        Part::Shard(shard) => limits.contains(run.id.as_str()) || shards.get(run.id.as_str()) == Some(&shard),
    }
}

/// Simulates the trajectories of a plan that are those of the context's part of the run, except for those that are kept of
/// an earlier run.
///
/// # Errors
/// Those of [`run_trajectory`].
pub fn run_plan<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    plan: &Plan,
    kept: &KeptTrajectories,
) -> Result<Trained, RunError> {
    let mut trained = Trained::default();
    let mut paths: BTreeMap<String, LimitPath<R>> = BTreeMap::new();
    let time = problem.experiment.horizon.time;
    let chosen = chosen((context.part, context.limit_scope), plan, time);
    for stage in &plan.stages {
        let own = stage.trajectories.iter().filter(|run| chosen(run)).cloned().collect();
        let stage = &Stage { trajectories: own, ..*stage };
        if stage.trajectories.is_empty() {
            continue;
        }
        begin_phase(stage.name);
        let progress = Progress::new(stage.name, stage.trajectories.iter().map(|t| t.work(time)).sum(), context.quiet)
            .recorded_in(&context.journal);
        let before = context.ranks.totals();
        let ended = run_stage(context, problem, stage, (&paths, kept), &progress)?;
        trained.phases.push(PhaseTime { name: stage.name.into(), seconds: progress.finish() });
        trained.exchanges.extend(exchanges_since(&*context.ranks, before, stage.name));
        for (run, ended) in stage.trajectories.iter().zip(ended) {
            let Outcome::Complete(TrajectoryOutcome { stop, series, path, unconverged }) = ended else {
                trained.interrupted = true;
                continue;
            };
            if unconverged > 0.0 {
                trained.unconverged.insert(run.id.clone(), unconverged);
            }
            trained.runs.insert(run.id.clone(), TrainedRun { stop, series });
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
        return_freed_memory();
    }
    Ok(trained)
}

/// The exchanges of a stage since `before`; none on one rank. Collective.
fn exchanges_since(ranks: &dyn Communicator, before: ExchangeTotals, name: &str) -> Option<PhaseExchanges> {
    if ranks.size() == 1 {
        return None;
    }
    let now = ranks.totals();
    let seconds = now.seconds - before.seconds;
    let all = ranks.all_gather(&[seconds], &vec![1; ranks.size()]);
    Some(PhaseExchanges {
        name: name.into(),
        count: now.count - before.count,
        bytes: now.bytes - before.bytes,
        seconds,
        least_seconds: all.into_iter().fold(f64::INFINITY, f64::min),
    })
}

fn run_stage<R: Real>(
    context: &RunContext<'_>,
    problem: &Problem<'_, R>,
    stage: &Stage,
    (paths, kept): (&BTreeMap<String, LimitPath<R>>, &KeptTrajectories),
    progress: &Progress,
) -> Result<Vec<Outcome<TrajectoryOutcome<R>>>, RunError> {
    let start = |run: &Trajectory, threads: Threads| -> Result<Outcome<TrajectoryOutcome<R>>, RunError> {
        if let Some(kept) = kept.get(&run.id) {
            progress.advance(run.work(problem.experiment.horizon.time));
            let (stop, unconverged) = (kept.end.stop, kept.end.unconverged);
            let series = kept.series.clone();
            return Ok(Outcome::Complete(TrajectoryOutcome { stop, series, path: None, unconverged }));
        }
        let mut against = None;
        if let Some(comparison) = &run.recording.compare {
            // The path of a limit that diverged is incomplete; nothing is compared with it.
            let complete = paths.get(&comparison.limit).filter(|path| path.len() == problem.times.len());
            against = complete.map(|path| (path, comparison.offset));
        }
        run_trajectory(context, Measurement { problem, run, threads, against }, progress)
    };
    let one = |run: &Trajectory, threads: Threads| {
        if context.interrupted() { Ok(Outcome::Interrupted) } else { start(run, threads) }
    };
    let time = problem.experiment.horizon.time;
    let mut ended: Vec<Outcome<TrajectoryOutcome<R>>> =
        (0..stage.trajectories.len()).map(|_| Outcome::Interrupted).collect();
    let several = context.ranks.size() > 1;
    let (divided, whole): (Vec<usize>, Vec<usize>) =
        (0..stage.trajectories.len()).partition(|&i| several && problem.portion(&stage.trajectories[i]).is_some());
    for i in divided {
        // All ranks begin a divided trajectory, or none does.
        if context.agree(Ok(context.interrupted()))? {
            return Ok(ended);
        }
        ended[i] = start(&stage.trajectories[i], Threads::Pool)?;
        if matches!(ended[i], Outcome::Interrupted) {
            return Ok(ended);
        }
    }
    for &i in whole.iter().filter(|&&i| several && stage.trajectories[i].route == Route::Picard) {
        let run = &stage.trajectories[i];
        if context.agree(Ok(context.interrupted()))? {
            return Ok(ended);
        }
        let handle = TaskHandle::new(context.interrupt, progress, ITERATION_SHARE * run.work(time));
        if matches!(fixed_point_on_ranks(context, problem, run, &handle)?, Outcome::Interrupted) {
            return Ok(ended);
        }
    }
    let costs: Vec<f64> = whole.iter().map(|&i| stage.trajectories[i].work(time)).collect();
    let rank_of = assign(&costs, context.ranks.size());
    let (own, others): (Vec<_>, Vec<_>) =
        whole.into_iter().zip(rank_of).partition(|(_, rank)| *rank == context.ranks.rank());
    let own: Vec<usize> = own.into_iter().map(|(i, _)| i).collect();
    let found = run_whole(&stage.trajectories, &own, time, one);
    let (found, failed) = match found {
        Ok(found) => (found, Ok(())),
        Err(error) => (Vec::new(), Err(error)),
    };
    let interrupted = found.iter().any(|(_, outcome)| matches!(outcome, Outcome::Interrupted));
    for (i, outcome) in found {
        ended[i] = outcome;
    }
    if context.agree(failed.map(|()| interrupted))? {
        return Ok(ended);
    }
    // What the others have computed is in the run folder.
    for (i, _) in others {
        let run = &stage.trajectories[i];
        let read = context.await_file(&last_name(run)).and_then(|()| start(run, Threads::Pool));
        ended[i] = read?;
    }
    Ok(ended)
}

/// Runs trajectories on this rank alone.
fn run_whole<T: Send>(
    trajectories: &[Trajectory],
    own: &[usize],
    time: f64,
    one: impl Fn(&Trajectory, Threads) -> Result<T, RunError> + Sync,
) -> Result<Vec<(usize, T)>, RunError> {
    let total: f64 = own.iter().map(|&i| trajectories[i].work(time)).sum();
    let fair_share = total / rayon::current_num_threads() as f64;
    // A trajectory with more than half of a thread's share of the work runs on all threads, so that threads do not wait
    // for it.
    let (large, small): (Vec<usize>, Vec<usize>) =
        own.iter().partition(|&&i| trajectories[i].work(time) > 0.5 * fair_share);
    let large: Result<Vec<_>, RunError> =
        large.into_iter().map(|i| Ok((i, one(&trajectories[i], Threads::Pool)?))).collect();
    let mut ended = large?;
    // The longest first, each taken by the next free thread: at the end no thread works alone for long.
    let mut small = small;
    small.sort_by(|&i, &j| trajectories[j].work(time).total_cmp(&trajectories[i].work(time)));
    let parallel: Result<Vec<_>, RunError> =
        small.into_iter().par_bridge().map(|i| Ok((i, one(&trajectories[i], Threads::One)?))).collect();
    ended.extend(parallel?);
    Ok(ended)
}
