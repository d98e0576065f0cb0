//! The work of a study as tasks that run in parallel, on all ranks, and whose results are saved.

use super::context::{Outcome, RunContext, RunError};
use super::progress::Progress;
use super::shard::{Part, owned};
use crate::prune::PruneError;
use crate::ranks::assign;
use crate::record::{RunFolder, SavedPart};
use crate::sparse::recovery::RecoveryError;
use rayon::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::sync::atomic::{AtomicBool, Ordering};

/// A task.
pub struct Task<I> {
    /// Name of its result in `checkpoint/`.
    pub name: String,
    /// Relative work, for the progress bar.
    pub size: usize,
    /// The input of the task.
    pub item: I,
}

/// A running task: reports its progress, and whether the run is interrupted.
pub struct TaskHandle<'a> {
    interrupt: &'a AtomicBool,
    progress: &'a Progress,
    /// Relative work of the task.
    work: f64,
    /// Fraction of the work that has been reported.
    reported: Cell<f64>,
    /// Files of the run that the task has written.
    files: RefCell<Vec<String>>,
}

/// The saved result of a task.
#[derive(Serialize, Deserialize)]
struct TaskResult<T> {
    /// SHA-256 of the files that the task has written, by name.
    files: BTreeMap<String, String>,
    /// Its result.
    value: T,
}

impl<'a> TaskHandle<'a> {
    /// The handle of a task with this part of the work of a progress bar.
    pub fn new(interrupt: &'a AtomicBool, progress: &'a Progress, work: f64) -> Self {
        TaskHandle { interrupt, progress, work, reported: Cell::new(0.0), files: RefCell::default() }
    }

    /// Reports the completed fraction of the task, between 0 and 1; returns whether to continue.
    pub fn advance_to(&self, fraction: f64) -> bool {
        // Reports are limited to steps of one hundredth.
        if fraction >= self.reported.get() + 0.01 || (fraction >= 1.0 && self.reported.get() < 1.0) {
            self.progress.advance((fraction.min(1.0) - self.reported.get()) * self.work);
            self.reported.set(fraction.min(1.0));
        }
        !self.interrupted()
    }

    /// Declares a file that the task has written into `state/paths/` of the run folder, apart from its result: the result is used on
    /// resume only where the file is unchanged.
    pub fn wrote(&self, name: impl Into<String>) {
        let name = name.into();
        debug_assert!(may_be_written(&name), "{name} is not in {WRITTEN}");
        self.files.borrow_mut().push(name);
    }

    /// Reports that the task was completed before the run was resumed.
    fn restore(&self) {
        self.progress.restore((1.0 - self.reported.get()) * self.work);
        self.reported.set(1.0);
    }

    /// Whether an interruption was requested.
    pub fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    /// The flag behind [`TaskHandle::interrupted`].
    pub fn interrupt(&self) -> &'a AtomicBool {
        self.interrupt
    }
}

/// What the tasks of a call need, which determines the part of a run ([`Part`]) that computes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Nothing but the limit: every shard computes some of them.
    Independent,
    /// Trained networks. A study lists the tasks whose networks are trained: a shard computes those of its own networks.
    Networks,
    /// Nothing but the limit, and all later tasks of the study need their results: computed with the limit.
    Shared,
}

impl Scope {
    /// The tasks of a call that a process computes.
    fn own<I>(self, part: Part, tasks: &[Task<I>]) -> Vec<&Task<I>> {
        match (part, self) {
            (Part::Limit, Scope::Independent | Scope::Networks) => Vec::new(),
            (Part::Shard(shard), Scope::Independent) => {
                let costs: Vec<f64> = tasks.iter().map(|task| task.size as f64).collect();
                tasks.iter().zip(owned(&costs, shard)).filter_map(|(task, own)| own.then_some(task)).collect()
            }
            (Part::Shard(_), Scope::Networks | Scope::Shared)
            | (Part::Limit, Scope::Shared)
            | (Part::Whole | Part::Finish, _) => tasks.iter().collect(),
        }
    }

    /// Whether a process has the results of all tasks of a call.
    fn has_all(self, part: Part) -> bool {
        matches!(part, Part::Whole | Part::Finish) || self == Scope::Shared
    }

    /// Whether a process may compute what is not saved: a shard only reads what all need.
    fn computes(self, part: Part) -> bool {
        !(matches!(part, Part::Shard(_)) && self == Scope::Shared)
    }
}

/// Runs all tasks and returns the results in order. While the run is unfinished, results are saved in
/// `checkpoint/study-NAME.json` and read on resume; a result that is damaged, or that `fits` says cannot be that of the
/// task, is computed again. A task that is interrupted starts over on resume.
///
/// `fits` compares the shape of a result, such as the lengths of its lists, with that which `work` gives for the item.
///
/// A shard computes its share of the tasks, which must not need trained networks, and the outcome is
/// [`Outcome::Interrupted`]: the study continues where all are complete. Calls that do not depend on each other should
/// therefore all be made before the outcome of the first is examined.
///
/// # Errors
/// The first error of a task; results that cannot be written or read.
pub fn run_tasks<I: Sync, T: Serialize + DeserializeOwned + Send>(
    context: &RunContext<'_>,
    title: &str,
    tasks: &[Task<I>],
    fits: impl Fn(&I, &T) -> bool + Sync,
    work: impl Fn(&I, &TaskHandle<'_>) -> Result<Outcome<T>, RunError> + Sync,
) -> Result<Outcome<Vec<T>>, RunError> {
    run_scoped_tasks(context, (title, Scope::Independent), tasks, fits, work)
}

/// The results of tasks in order, from `run`, which gives those of some. Every rank runs its own tasks, and then reads the
/// results of the others from the run folder.
fn on_ranks<I, T>(
    context: &RunContext<'_>,
    tasks: &[&Task<I>],
    run: impl Fn(&[usize]) -> Result<Vec<(usize, Outcome<T>)>, RunError>,
) -> Result<Outcome<Vec<T>>, RunError> {
    let costs: Vec<f64> = tasks.iter().map(|task| task.size as f64).collect();
    let rank_of = assign(&costs, context.ranks.size());
    let (own, others): (Vec<usize>, Vec<usize>) = (0..tasks.len()).partition(|&i| rank_of[i] == context.ranks.rank());
    let (mut found, failed) = match run(&own) {
        Ok(found) => (found, Ok(())),
        Err(error) => (Vec::new(), Err(error)),
    };
    let stopped = |found: &[(usize, Outcome<T>)]| found.iter().any(|(_, one)| matches!(one, Outcome::Interrupted));
    if context.agree(failed.map(|()| stopped(&found)))? {
        return Ok(Outcome::Interrupted);
    }
    for &i in &others {
        context.await_file(&result_name(&tasks[i].name))?;
    }
    if !others.is_empty() {
        found.extend(run(&others)?);
    }
    found.sort_by_key(|(i, _)| *i);
    let results = found.into_iter().map(|(_, one)| match one {
        Outcome::Complete(value) => Some(value),
        Outcome::Interrupted => None,
    });
    Ok(results.collect::<Option<Vec<T>>>().map_or(Outcome::Interrupted, Outcome::Complete))
}

/// The same for tasks of another scope.
///
/// # Errors
/// As [`run_tasks`].
pub fn run_scoped_tasks<I: Sync, T: Serialize + DeserializeOwned + Send>(
    context: &RunContext<'_>,
    (title, scope): (&str, Scope),
    tasks: &[Task<I>],
    fits: impl Fn(&I, &T) -> bool + Sync,
    work: impl Fn(&I, &TaskHandle<'_>) -> Result<Outcome<T>, RunError> + Sync,
) -> Result<Outcome<Vec<T>>, RunError> {
    let chosen = scope.own(context.part, tasks);
    let progress = Progress::new(title, chosen.iter().map(|task| task.size as f64).sum(), context.quiet)
        .recorded_in(&context.journal);
    let one = |task: &Task<I>| one_task(context, (&progress, scope), task, &fits, |handle| work(&task.item, handle));
    let all = on_ranks(context, &chosen, |own| {
        // The largest first, each taken by the next free thread: at the end no thread works alone for long.
        let mut own = own.to_vec();
        own.sort_by_key(|&i| Reverse(chosen[i].size));
        own.into_iter().par_bridge().map(|i| Ok((i, one(chosen[i])?))).collect()
    })?;
    Ok(collected(context, scope, progress, all))
}

/// As [`run_tasks`], one task after the other: for tasks that use all threads themselves, and much memory.
///
/// # Errors
/// As [`run_tasks`].
pub fn run_tasks_in_order<I, T: Serialize + DeserializeOwned>(
    context: &RunContext<'_>,
    title: &str,
    tasks: &[Task<I>],
    fits: impl Fn(&I, &T) -> bool,
    work: impl Fn(&I, &TaskHandle<'_>) -> Result<Outcome<T>, RunError>,
) -> Result<Outcome<Vec<T>>, RunError> {
    run_scoped_tasks_in_order(context, (title, Scope::Independent), tasks, fits, work)
}

/// The same for tasks of another scope.
///
/// # Errors
/// As [`run_tasks`].
pub fn run_scoped_tasks_in_order<I, T: Serialize + DeserializeOwned>(
    context: &RunContext<'_>,
    (title, scope): (&str, Scope),
    tasks: &[Task<I>],
    fits: impl Fn(&I, &T) -> bool,
    work: impl Fn(&I, &TaskHandle<'_>) -> Result<Outcome<T>, RunError>,
) -> Result<Outcome<Vec<T>>, RunError> {
    let chosen = scope.own(context.part, tasks);
    let progress = Progress::new(title, chosen.iter().map(|task| task.size as f64).sum(), context.quiet)
        .recorded_in(&context.journal);
    let all = on_ranks(context, &chosen, |own| {
        let mut found = Vec::with_capacity(own.len());
        for &i in own {
            let task = chosen[i];
            let one = one_task(context, (&progress, scope), task, &fits, |handle| work(&task.item, handle))?;
            found.push((i, one));
            if matches!(found.last(), Some((_, Outcome::Interrupted))) {
                break;
            }
        }
        Ok(found)
    })?;
    Ok(collected(context, scope, progress, all))
}

/// The results of tasks, where a process has all of them.
fn collected<T>(
    context: &RunContext<'_>,
    scope: Scope,
    progress: Progress,
    results: Outcome<Vec<T>>,
) -> Outcome<Vec<T>> {
    let Outcome::Complete(all) = results else { return Outcome::Interrupted };
    progress.finish();
    if scope.has_all(context.part) { Outcome::Complete(all) } else { Outcome::Interrupted }
}

/// The saved result of a task, or that of its work.
fn one_task<I, T: Serialize + DeserializeOwned>(
    context: &RunContext<'_>,
    (progress, scope): (&Progress, Scope),
    task: &Task<I>,
    fits: impl Fn(&I, &T) -> bool,
    work: impl FnOnce(&TaskHandle<'_>) -> Result<Outcome<T>, RunError>,
) -> Result<Outcome<T>, RunError> {
    if context.interrupted() {
        return Ok(Outcome::Interrupted);
    }
    let handle = TaskHandle::new(context.interrupt, progress, task.size as f64);
    let fits = |result: &T| fits(&task.item, result);
    let computed = || if scope.computes(context.part) { work(&handle) } else { Ok(Outcome::Interrupted) };
    let found = match saved_or_run(context, &task.name, &handle, fits, computed) {
        Err(RunError::Recovery(RecoveryError::Interrupted) | RunError::Prune(PruneError::Interrupted)) => {
            Outcome::Interrupted
        }
        found => found?,
    };
    if matches!(found, Outcome::Complete(_)) {
        handle.advance_to(1.0);
    }
    Ok(found)
}

/// The folder of the files that tasks write into the run folder, apart from records.
const WRITTEN: &str = "state/paths/";

/// Whether a task may write a file of this name: it is directly in [`WRITTEN`]. A file that is not as it was written is
/// removed, and no other must be.
fn may_be_written(name: &str) -> bool {
    name.strip_prefix(WRITTEN).is_some_and(|file| {
        let mut parts = Path::new(file).components();
        matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
    })
}

/// The file of the result of the task `name`.
fn result_name(name: &str) -> String {
    format!("checkpoint/study-{name}.json")
}

/// Whether every file is present that the task of a saved result has written. Whether they are as they were written is
/// checked where the result is used.
///
/// # Errors
/// A result that is not accessible.
pub(super) fn files_are_present(folder: &RunFolder, result: &str) -> Result<bool, RunError> {
    let SavedPart::Found(TaskResult::<IgnoredAny> { files, .. }) = folder.load_json(result)? else { return Ok(true) };
    Ok(files.keys().all(|name| folder.file(name).is_file()))
}

/// The saved result of a task, or the result of `work`, which is saved.
fn saved_or_run<T: Serialize + DeserializeOwned>(
    context: &RunContext<'_>,
    name: &str,
    handle: &TaskHandle<'_>,
    fits: impl Fn(&T) -> bool,
    work: impl FnOnce() -> Result<Outcome<T>, RunError>,
) -> Result<Outcome<T>, RunError> {
    let file = result_name(name);
    let saved = context.folder.load_json(&file)?.and_then(|result: TaskResult<T>| {
        if !result.files.keys().all(|name| may_be_written(name)) {
            return Err("it names a file that no task writes".into());
        }
        if fits(&result.value) { Ok(result) } else { Err("its shape is not that of this task".into()) }
    });
    if let Some(TaskResult { files, value }) = context.usable(saved, &file, &[&file])? {
        match context.folder.first_altered(&files)? {
            None => {
                handle.restore();
                return Ok(Outcome::Complete(value));
            }
            Some((altered, reason)) => context.redo(&altered, &reason, &[&altered, &file])?,
        }
    }
    Ok(match work()? {
        Outcome::Complete(value) => {
            debug_assert!(fits(&value), "{name}: a result that would not be read back");
            let result = TaskResult { files: context.folder.checksums(handle.files.take())?, value };
            context.folder.save_json(&file, &result)?;
            Outcome::Complete(result.value)
        }
        Outcome::Interrupted => Outcome::Interrupted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The results of two tasks of two numbers each, and the notes about parts that were computed again.
    fn resumed(folder: &RunFolder) -> (Vec<Vec<f64>>, Vec<String>) {
        let interrupt = AtomicBool::new(false);
        let context = RunContext::new(folder, &interrupt, true).unwrap();
        let tasks = [1.0, 2.0].map(|item| Task { name: format!("task-{item}"), size: 1, item });
        let fits = |_: &f64, found: &Vec<f64>| found.len() == 2;
        let work = |item: &f64, _: &TaskHandle<'_>| Ok(Outcome::Complete(vec![*item, 10.0 * item]));
        let Outcome::Complete(found) = run_tasks(&context, "", &tasks, fits, work).unwrap() else { unreachable!() };
        (found, context.repairs())
    }

    /// A result with a right checksum and another shape is computed again, with a note; one with other numbers is used.
    #[test]
    fn a_result_of_another_shape_is_computed_again() {
        let path = tempfile::tempdir().unwrap();
        let folder = RunFolder::plain(path.path());
        let computed = vec![vec![1.0, 10.0], vec![2.0, 20.0]];
        assert_eq!(resumed(&folder), (computed.clone(), vec![]));
        let save = |value: Vec<f64>| {
            folder.save_json("checkpoint/study-task-2.json", &TaskResult { files: BTreeMap::new(), value }).unwrap();
        };
        save(vec![3.0, 4.0]);
        assert_eq!(resumed(&folder), (vec![vec![1.0, 10.0], vec![3.0, 4.0]], vec![]));
        for wrong in [vec![], vec![3.0], vec![3.0, 4.0, 5.0]] {
            save(wrong);
            let (found, notes) = resumed(&folder);
            assert_eq!(found, computed);
            assert!(
                notes.len() == 1 && notes[0].contains("study-task-2.json") && notes[0].contains("shape"),
                "{notes:?}"
            );
        }
        assert_eq!(resumed(&folder).0, computed, "the new result was saved");
    }

    /// A result that names a file elsewhere is computed again, and the file is left as it is.
    #[test]
    fn no_other_file_is_removed() {
        let path = tempfile::tempdir().unwrap();
        let folder = RunFolder::plain(&path.path().join("run"));
        let kept = path.path().join("kept");
        std::fs::write(&kept, "text").unwrap();
        let absolute = kept.to_string_lossy().into_owned();
        let names = ["../kept", "state/paths/../../../kept", "state/paths/", "state/n4-s0.npz", "", &absolute];
        for name in names {
            let files = BTreeMap::from([(name.to_string(), String::new())]);
            folder.save_json("checkpoint/study-task-2.json", &TaskResult { files, value: vec![3.0, 4.0] }).unwrap();
            let (found, notes) = resumed(&folder);
            assert_eq!(found, [[1.0, 10.0], [2.0, 20.0]], "{name}");
            assert!(notes.len() == 1 && notes[0].contains("no task writes"), "{name}: {notes:?}");
            assert!(kept.is_file(), "{name}");
        }
        assert!(may_be_written("state/paths/n4-p0.npz") && !may_be_written("state/paths/a/b.npz"));
    }
}
