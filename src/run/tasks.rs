//! The work of a study as tasks that run in parallel and whose results are saved.

use super::context::{Outcome, RunContext, RunError};
use super::progress::Progress;
use crate::sparse::recovery::RecoveryError;
use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::Cell;
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
}

impl<'a> TaskHandle<'a> {
    /// The handle of a task with this part of the work of a progress bar.
    pub fn new(interrupt: &'a AtomicBool, progress: &'a Progress, work: f64) -> Self {
        TaskHandle { interrupt, progress, work, reported: Cell::new(0.0) }
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

    /// Whether an interruption was requested.
    pub fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    /// The flag behind [`TaskHandle::interrupted`].
    pub fn interrupt(&self) -> &'a AtomicBool {
        self.interrupt
    }
}

/// Runs all tasks and returns the results in order. While the run is unfinished, results are saved in
/// `checkpoint/study-NAME.json` and read on resume. A task that is interrupted starts over on resume.
///
/// # Errors
/// The first error of a task; results that cannot be written or read.
pub fn run_tasks<I: Sync, T: Serialize + DeserializeOwned + Send>(
    context: &RunContext<'_>,
    title: &str,
    tasks: &[Task<I>],
    work: impl Fn(&I, &TaskHandle<'_>) -> Result<Outcome<T>, RunError> + Sync,
) -> Result<Outcome<Vec<T>>, RunError> {
    let progress = Progress::new(title, tasks.iter().map(|task| task.size as f64).sum(), context.quiet);
    let results: Result<Vec<Outcome<T>>, RunError> = tasks
        .par_iter()
        .with_max_len(1)
        .map(|task| {
            if context.interrupted() {
                return Ok(Outcome::Interrupted);
            }
            let handle = TaskHandle::new(context.interrupt, &progress, task.size as f64);
            let found = match saved_or_run(context, &task.name, || work(&task.item, &handle)) {
                Err(RunError::Recovery(RecoveryError::Interrupted)) => Outcome::Interrupted,
                found => found?,
            };
            if matches!(found, Outcome::Complete(_)) {
                handle.advance_to(1.0);
            }
            Ok(found)
        })
        .collect();
    let mut all = Vec::with_capacity(tasks.len());
    for result in results? {
        match result {
            Outcome::Complete(result) => all.push(result),
            Outcome::Interrupted => return Ok(Outcome::Interrupted),
        }
    }
    progress.finish();
    Ok(Outcome::Complete(all))
}

/// The saved result of a task, or the result of `work`, which is saved.
fn saved_or_run<T: Serialize + DeserializeOwned>(
    context: &RunContext<'_>,
    name: &str,
    work: impl FnOnce() -> Result<Outcome<T>, RunError>,
) -> Result<Outcome<T>, RunError> {
    let file = format!("checkpoint/study-{name}.json");
    if context.folder.file(&file).is_file() {
        return Ok(Outcome::Complete(context.folder.read_json(&file)?));
    }
    let found = work()?;
    if let Outcome::Complete(found) = &found {
        context.folder.write_json(&file, found)?;
    }
    Ok(found)
}
