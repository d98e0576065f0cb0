//! Limits that several runs have in common: computed by the first, read by the others.
//!
//! The points of a table `[vary]` often differ only in what the limit does not depend on: the widths, the seeds of the
//! networks, batches, sweeps. What a limit depends on is collected in `LimitIdentity`: the parts of the resolved
//! experiment that its computation reads, the sample, the program, and the trajectory itself. Runs in which these agree
//! have the same limit, to the bit. Its files, as they are in `checkpoint/` and `state/` when it has ended, are kept in a
//! folder of the sweep, each with a checksum, and copied into the folder of every other run, bound to that run. From then
//! on that run continues as after an interruption.
//!
//! With `run.keep_limits` a run keeps its own limits in the same way, and its extension reads them.

use super::plan::{Plan, Trajectory};
use super::problem::Problem;
use super::trajectory_outcome::Ended;
use crate::compute::{InstructionSet, Real};
use crate::config::{Dynamics, Experiment, Horizon, NetworkSpec, PopulationTable, Precision, Reference, Route};
use crate::dynamics::Method;
use crate::number;
use crate::record::npz::NpzError;
use crate::record::{Build, RecordError, RunFolder, SavedPart, sha256};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Why a limit cannot be kept for other runs, or read by them.
#[derive(Debug, thiserror::Error)]
pub enum SharedLimitError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// An archive cannot be written.
    #[error(transparent)]
    Npz(#[from] NpzError),
}

/// The limits that runs have in common.
pub struct SharedLimits {
    folder: RunFolder,
    read: AtomicUsize,
}

/// The parts of an experiment that the computation of its limit reads.
#[derive(Serialize)]
struct LimitParts<'a> {
    seed: u64,
    precision: Precision,
    population: &'a PopulationTable,
    network: &'a NetworkSpec,
    method: Method,
    friction: f64,
    temperature: f64,
    ridge: f64,
    diverged_above: f64,
    horizon: &'a Horizon,
    reference: &'a Reference,
}

impl<'a> LimitParts<'a> {
    fn of(e: &'a Experiment) -> Self {
        let Dynamics { method, friction, temperature, ridge, diverged_above, .. } = e.dynamics;
        LimitParts {
            seed: e.seed,
            precision: e.precision,
            population: &e.population,
            network: &e.network,
            method,
            friction,
            temperature,
            ridge,
            diverged_above,
            horizon: &e.horizon,
            reference: &e.reference,
        }
    }
}

/// The parts of an experiment that the computation of its limit reads, as text.
pub fn limit_parts(e: &Experiment) -> String {
    serde_json::to_string(&LimitParts::of(e)).unwrap_or_default()
}

/// Everything that a limit depends on.
#[derive(Serialize)]
struct LimitIdentity<'a> {
    build: Build,
    /// The portable instructions round differently from the others.
    portable: bool,
    experiment: LimitParts<'a>,
    /// Checksum of the inputs and labels.
    sample: String,
    /// Particles, integrator, recordings.
    trajectory: String,
}

impl SharedLimits {
    /// The limits in a folder, which is created when the first is kept.
    pub fn new(path: &Path) -> Self {
        SharedLimits { folder: RunFolder::plain(path), read: AtomicUsize::new(0) }
    }

    /// Number of limits that were read and not computed.
    pub fn read(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }

    /// Removes what is not a limit of the plan.
    ///
    /// # Errors
    /// Files that cannot be removed.
    pub fn retain<R: Real>(&self, problem: &Problem<'_, R>, plan: &Plan) -> Result<(), SharedLimitError> {
        let limits = plan.trajectories().filter(|run| run.is_limit());
        let own: BTreeSet<String> = limits.map(|run| self.place(problem, run).key).collect();
        for entry in self.folder.path().read_dir().into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !own.contains(&name) {
                self.folder.remove(&name)?;
            }
        }
        Ok(())
    }

    /// The place of a limit.
    pub fn place<'a, R: Real>(&'a self, problem: &Problem<'_, R>, run: &'a Trajectory) -> SharedLimit<'a> {
        let sample = problem.sample;
        let test = problem.test_sample.into_iter();
        let arrays = [sample].into_iter().chain(test).flat_map(|sample| sample.x.iter().chain(&sample.y));
        let bytes: Vec<u8> = arrays.flat_map(|value| value.to_le_bytes()).collect();
        let identity = LimitIdentity {
            build: Build::present(),
            portable: InstructionSet::current() == InstructionSet::Portable,
            experiment: LimitParts::of(problem.experiment),
            sample: sha256(&bytes),
            // Numbers in this form are exact.
            trajectory: format!("{run:?}"),
        };
        let text = serde_json::to_string(&identity).unwrap_or_default();
        SharedLimit { shared: self, run, key: sha256(text.as_bytes()) }
    }
}

/// One limit.
pub struct SharedLimit<'a> {
    shared: &'a SharedLimits,
    run: &'a Trajectory,
    key: String,
}

/// A file of a limit in a run folder.
struct SharedFile {
    name: String,
    /// Whether it carries a checksum of its own.
    sealed: bool,
}

impl SharedLimit<'_> {
    /// The files of a limit that has ended; that which states the end is the last but one.
    fn files(&self) -> Vec<SharedFile> {
        let id = &self.run.id;
        let sealed = |name: String| SharedFile { name, sealed: true };
        let by_steps = || {
            vec![
                SharedFile { name: format!("state/{id}.npz"), sealed: false },
                sealed(format!("checkpoint/{id}.npz")),
                sealed(format!("checkpoint/{id}.json")),
            ]
        };
        match self.run.route {
            Route::Particles => by_steps(),
            Route::Picard => {
                let mut files = by_steps();
                files.insert(0, sealed(format!("checkpoint/{id}-picard.npz")));
                files
            }
            Route::Grid => {
                vec![sealed(format!("checkpoint/{id}-grid.npz")), sealed(format!("checkpoint/{id}-grid.json"))]
            }
        }
    }

    /// Name of the copy of a file.
    fn copy(&self, part: &SharedFile) -> String {
        format!("{}/{}", self.key, part.name.replace('/', "-"))
    }

    /// Whether the limit is kept, and its files are as they were written; otherwise [`SharedLimit::fetch`] does nothing.
    ///
    /// # Errors
    /// Files that are not accessible.
    pub fn kept(&self) -> Result<SavedPart<()>, RecordError> {
        let mut found = false;
        for part in &self.files() {
            let copy = self.copy(part);
            match self.shared.folder.load_contents(&copy)? {
                SavedPart::Found(_) => found = true,
                SavedPart::Damaged(reason) => return Ok(SavedPart::Damaged(format!("{copy}: {reason}"))),
                SavedPart::Absent if self.is_kept() || found => {
                    return Ok(SavedPart::Damaged(format!("{copy}: it is missing")));
                }
                SavedPart::Absent => return Ok(SavedPart::Absent),
            }
        }
        Ok(SavedPart::Found(()))
    }

    /// Whether the limit is kept. Its files may be damaged.
    fn is_kept(&self) -> bool {
        self.files().last().is_some_and(|part| self.shared.folder.file(&self.copy(part)).exists())
    }

    /// Copies the limit into the folder of a run that has no part of it. Does nothing where it is not kept, or a part of it
    /// is damaged: the run then computes it.
    ///
    /// # Errors
    /// Files that are not accessible or cannot be written.
    pub fn fetch(&self, run: &RunFolder) -> Result<(), SharedLimitError> {
        let parts = self.files();
        if parts.iter().any(|part| run.file(&part.name).exists()) {
            return Ok(());
        }
        let mut contents = Vec::new();
        for part in &parts {
            match self.shared.folder.load_contents(&self.copy(part))? {
                SavedPart::Found(bytes) => contents.push(bytes),
                SavedPart::Absent if contents.is_empty() && !self.is_kept() => return Ok(()),
                // What is left of it would stand in the way of keeping it again.
                SavedPart::Absent | SavedPart::Damaged(_) => return Ok(self.shared.folder.remove(&self.key)?),
            }
        }
        let mut last_checkpoint = String::new();
        for (part, contents) in parts.iter().zip(contents) {
            if !part.sealed {
                run.write_bytes(&part.name, &contents)?;
            } else if part.name.ends_with(".json") {
                run.write_text(&part.name, &run.seal_text(&part.name, &self.bound_to(&contents, &last_checkpoint)?))?;
            } else {
                let archive = run.seal_bytes(&part.name, contents);
                last_checkpoint.clone_from(&archive.sha256);
                archive.write()?;
            }
        }
        self.shared.read.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The text of a JSON file; that of the end of a trajectory names the checksum of the last checkpoint, which is bound
    /// to its run.
    fn bound_to(&self, contents: &[u8], last_checkpoint: &str) -> Result<String, SharedLimitError> {
        let text = String::from_utf8_lossy(contents).into_owned();
        if self.run.route == Route::Grid {
            return Ok(text);
        }
        let json = |cause| RecordError::Json { path: self.shared.folder.file(&self.key), cause };
        let end: Ended = number::from_json(&text).map_err(json)?;
        let end = Ended { checkpoint: last_checkpoint.into(), ..end };
        Ok(number::to_json_line(&end).map_err(json)?)
    }

    /// Keeps a limit that has ended in the folder of a run.
    ///
    /// # Errors
    /// Files that are not accessible or cannot be written.
    pub fn keep(&self, run: &RunFolder) -> Result<(), SharedLimitError> {
        let parts = self.files();
        let folder = &self.shared.folder;
        if self.is_kept() {
            return Ok(());
        }
        let mut last = String::new();
        for part in &parts {
            let found = if part.sealed { run.load_contents(&part.name)? } else { run.load_bytes(&part.name)? };
            let SavedPart::Found(mut contents) = found else { return Ok(()) };
            if part.name.ends_with(".json") {
                // The same bytes from every run.
                contents = self.bound_to(&contents, &last)?.into_bytes();
            }
            let copy = folder.seal_bytes(&self.copy(part), contents);
            last.clone_from(&copy.sha256);
            copy.write()?;
        }
        Ok(())
    }
}
