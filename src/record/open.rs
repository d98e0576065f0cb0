//! Opening the run folder: created and locked by one process, resumable, overwritten only on request.

use super::atomic::TEMPORARY_PREFIX;
use super::digest::sha256;
use super::error::RecordError;
use super::folder::{FOLDERS, KEPT_LIMITS, MANIFEST, RunFolder, SAMPLES};
use super::lock::{self, LOCK};
use super::manifest::{Build, Manifest, PROGRESS, REPORT, RunKind, Status};
use super::place::require_place_of_run;
use super::provenance::{changed_source, differing_keys};
use crate::number::plain;
use serde_json::Value;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

/// The files at the top of a run folder apart from the manifest.
const FILES: [&str; 4] = ["checks.json", "experiment.toml", REPORT, PROGRESS];

/// Prefix of the temporary files of figures in versions that did not use [`TEMPORARY_PREFIX`].
const FORMER_PREFIX: &str = ".tmp";

/// What a run folder is opened for.
#[derive(Clone, Copy, Debug)]
pub struct OpenRequest<'a> {
    /// The resolved experiment.
    pub experiment: &'a Value,
    /// The data files that the run reads, as in [`super::PopulationRecord::sources`].
    pub sources: &'a Value,
    /// The present program.
    pub build: &'a Build,
    /// Whether to delete a run that the folder holds.
    pub force: bool,
    /// Whether to continue one.
    pub resume: bool,
    /// Whether to continue one that another version or revision of the program has begun.
    pub accept_revision: bool,
}

/// How a folder was opened for a run.
#[derive(Debug)]
pub enum Opened {
    /// New, or emptied with `--force`.
    Fresh(RunFolder),
    /// An unfinished run, to be continued.
    Unfinished(RunFolder, Box<Manifest>),
    /// A complete run.
    Complete(RunFolder, Box<Manifest>),
}

/// What a path holds.
enum Contents {
    /// Nothing, or no more than a process that was killed at once has left.
    Nothing,
    /// Something else than a run.
    Foreign,
    /// A run, whose manifest may be damaged.
    Run,
}

/// What to do with a run of another format whose figures are to be drawn.
pub const FIGURES_ADVICE: &str = "Draw its figures with that version, or run it again with --force";

/// What to do with a run of another format that is to be extended.
const EXTEND_ADVICE: &str = "Extend it with that version, or run the experiment again";

/// Keys on which every number of a run depends: with others, nothing of it could be kept.
const FIXED: [&str; 6] = ["kind", "seed", "precision", "population", "network", "dynamics"];

const ADVICE: &str = "Start over with --force, choose another folder with --out, or continue with that version";

impl RunFolder {
    /// Opens the folder for a run. Nothing in it is changed unless it is opened.
    ///
    /// # Errors
    /// A folder in use, or holding something that neither option allows to replace or to continue; a run of another
    /// format, experiment or program, or on other data; files that cannot be read or written; links in the place of
    /// sub-folders.
    pub fn open(path: &Path, request: &OpenRequest<'_>) -> Result<Opened, RecordError> {
        require_place_of_run(path)?;
        match contents(path)? {
            Contents::Nothing => {
                std::fs::create_dir_all(path).map_err(|source| RecordError::Io { path: path.into(), source })?;
                let folder = Self::locked(path, request)?;
                folder.remove_temporary_files();
                return Ok(Opened::Fresh(folder));
            }
            Contents::Foreign => return Err(RecordError::Foreign { path: path.into() }),
            Contents::Run => {}
        }
        if request.force {
            let folder = Self::locked(path, request)?;
            folder.clear()?;
            if !reads(request.sources, &folder.file(SAMPLES)) {
                folder.remove(SAMPLES)?;
            }
            folder.remove_temporary_files();
            return Ok(Opened::Fresh(folder));
        }
        // A complete run is only read, so that its folder need not be writable.
        let unlocked = Self::unlocked(path);
        unlocked.require_run_of_this_format()?;
        let manifest = unlocked.manifest()?;
        let status = manifest.status;
        if !request.resume {
            let held = lock::held(path) || Self::shard_runs(path);
            let path = path.into();
            return Err(if held { RecordError::InUse { path } } else { RecordError::Exists { path, status } });
        }
        if status == Status::Complete {
            unlocked.require_same(&manifest, request)?;
            // A process that was killed after it had completed the run may have left files.
            if let Ok(folder) = Self::locked(path, request)
                && folder.settle_states(&manifest).is_ok()
            {
                let _ = folder.remove("checkpoint");
                let _ = folder.remove(PROGRESS);
                folder.remove_temporary_files();
            }
            return Ok(Opened::Complete(unlocked, Box::new(manifest)));
        }
        let folder = Self::locked(path, request)?;
        folder.require_own_folders()?;
        let manifest = folder.manifest()?;
        folder.require_same(&manifest, request)?;
        folder.require_same_program(&manifest, request)?;
        folder.remove_temporary_files();
        Ok(Opened::Unfinished(folder, Box::new(manifest)))
    }

    /// Opens a complete run to draw its figures.
    ///
    /// # Errors
    /// A run that is unfinished, or in use; a folder that cannot be written, or in which `figures` is a link.
    pub fn open_figures(path: &Path) -> Result<Self, RecordError> {
        let mut folder = Self::existing(path)?;
        folder.require_format(FIGURES_ADVICE)?;
        folder.require_complete()?;
        folder.require_own_folders()?;
        folder.locks.push(lock::acquire(path)?);
        folder.settle_states(&folder.manifest()?)?;
        folder.remove("checkpoint")?;
        folder.remove(PROGRESS)?;
        folder.remove_temporary_files();
        Ok(folder)
    }

    /// Opens a complete run of training as an unfinished run of another experiment, in which what is still valid is kept
    /// ([`Manifest::extends`]); an extension to the same experiment that is unfinished is opened to be continued. The
    /// only file that is written is the manifest, at once and as the last step.
    ///
    /// # Errors
    /// A folder in use or without a run; a run that is unfinished, of another kind, format or program, or on other data;
    /// an experiment that is the same, that has a shorter horizon, or that differs in keys on which every number of the run
    /// depends.
    pub fn open_extension(path: &Path, request: &OpenRequest<'_>) -> Result<(Self, Box<Manifest>), RecordError> {
        let unlocked = Self::existing(path)?;
        unlocked.require_format(EXTEND_ADVICE)?;
        let folder = Self::locked(path, request)?;
        folder.require_own_folders()?;
        let mut manifest = folder.manifest()?;
        let refuse = |problem: String| Err(RecordError::Extension { path: path.into(), problem });
        if manifest.kind != RunKind::Training {
            return refuse("only runs that train networks can be extended: run the experiment again".into());
        }
        let earlier = manifest.last_build();
        if earlier != *request.build && !request.accept_revision {
            return Err(RecordError::Program { path: path.into(), earlier, present: request.build.clone() });
        }
        let keys = differing_keys("", &manifest.experiment, request.experiment);
        if manifest.status != Status::Complete {
            if manifest.extends.is_empty() {
                return Err(RecordError::Unfinished { path: path.into(), status: manifest.status });
            }
            if !keys.is_empty() {
                return refuse(format!(
                    "an extension to another experiment is unfinished (they differ in {}): finish it with widelimit extend {} without --set and --unset, and extend the run again",
                    keys.join(", "),
                    path.display()
                ));
            }
            folder.require_same_data(&manifest.population.sources, request.sources)?;
            folder.remove_temporary_files();
            return Ok((folder, Box::new(manifest)));
        }
        if keys.is_empty() {
            return refuse("it is complete and the experiment is the same: nothing to extend".into());
        }
        let horizon = |experiment: &Value| experiment.pointer("/horizon/time").and_then(Value::as_f64);
        if let (Some(before), Some(now)) = (horizon(&manifest.experiment), horizon(request.experiment))
            && now < before
        {
            let (before, now) = (plain(before), plain(now));
            return refuse(format!(
                "horizon.time = {now} is shorter than that of the run, {before}: nothing would be kept, and its records beyond {now} would be lost. Expected a time of at least {before}; or run the experiment anew, with --out for another folder"
            ));
        }
        let fixed: Vec<String> =
            keys.into_iter().filter(|key| key.split('.').next().is_some_and(|table| FIXED.contains(&table))).collect();
        if !fixed.is_empty() {
            return refuse(format!(
                "every number of the run depends on {}: run the experiment anew, with --out for another folder",
                fixed.join(", ")
            ));
        }
        folder.require_same_data(&manifest.population.sources, request.sources)?;
        folder.settle_states(&manifest)?;
        folder.remove("checkpoint")?;
        folder.remove_temporary_files();
        manifest.extends.push(std::mem::replace(&mut manifest.experiment, request.experiment.clone()));
        (manifest.status, manifest.checks, manifest.records) = (Status::Running, None, None);
        folder.write_json(MANIFEST, &manifest)?;
        Ok((folder, Box::new(manifest)))
    }

    /// The same folder without the lock, for reading what the run of another experiment has saved.
    pub fn of_experiment(&self, experiment: &Value) -> Self {
        RunFolder { identity: identity(experiment), ..Self::unlocked(&self.path) }
    }

    fn locked(path: &Path, request: &OpenRequest<'_>) -> Result<Self, RecordError> {
        Ok(Self::under(path, request, lock::acquire(path)?))
    }

    /// The folder of a run under a lock that was taken.
    pub(super) fn under(path: &Path, request: &OpenRequest<'_>, lock: File) -> Self {
        RunFolder { locks: vec![lock], identity: identity(request.experiment), ..Self::unlocked(path) }
    }

    /// Checks that the folder has the layout of this version, so that its run can be continued.
    pub(super) fn require_run_of_this_format(&self) -> Result<(), RecordError> {
        self.require_format(ADVICE)
    }

    /// Checks that a run was computed so far by the present program, or that another is accepted.
    pub(super) fn require_same_program(
        &self,
        manifest: &Manifest,
        request: &OpenRequest<'_>,
    ) -> Result<(), RecordError> {
        let earlier = manifest.last_build();
        if earlier == *request.build || request.accept_revision {
            return Ok(());
        }
        Err(RecordError::Program { path: self.path.clone(), earlier, present: request.build.clone() })
    }

    /// Checks that a run is of the requested experiment and data.
    pub(super) fn require_same(&self, manifest: &Manifest, request: &OpenRequest<'_>) -> Result<(), RecordError> {
        let keys = differing_keys("", &manifest.experiment, request.experiment);
        if !keys.is_empty() {
            return Err(RecordError::Changed { path: self.path.clone(), keys });
        }
        self.require_same_data(&manifest.population.sources, request.sources)
    }

    /// Checks that the experiment `now` is that of the run, `then`, in every key that the latter has.
    ///
    /// # Errors
    /// Keys that differ.
    pub fn require_same_experiment(&self, then: &Value, now: &Value) -> Result<(), RecordError> {
        let known = |key: &String| key.split('.').try_fold(then, |table, key| table.get(key)).is_some();
        let keys: Vec<String> = differing_keys("", then, now).into_iter().filter(known).collect();
        if keys.is_empty() { Ok(()) } else { Err(RecordError::Changed { path: self.path.clone(), keys }) }
    }

    /// Checks that the data files `now` are those that the run has read, `then`; both as in
    /// [`super::PopulationRecord::sources`].
    ///
    /// # Errors
    /// A file with another checksum.
    pub fn require_same_data(&self, then: &Value, now: &Value) -> Result<(), RecordError> {
        match changed_source(then, now) {
            None => Ok(()),
            Some([file, found, expected]) => Err(RecordError::Data { path: self.path.clone(), file, found, expected }),
        }
    }

    /// Checks that no sub-folder is a link, through which a run would write elsewhere.
    pub(super) fn require_own_folders(&self) -> Result<(), RecordError> {
        match FOLDERS.into_iter().map(|name| self.file(name)).find(|path| lock::is_link(path)) {
            None => Ok(()),
            Some(path) => Err(RecordError::Link { path }),
        }
    }

    /// Removes temporary files that a killed process left; files that cannot be removed are ignored.
    fn remove_temporary_files(&self) {
        let limits = self.files_in(KEPT_LIMITS).unwrap_or_default();
        for name in [""].into_iter().chain(FOLDERS).chain(limits.iter().map(String::as_str)) {
            let folder = self.file(name);
            if !name.is_empty() && lock::is_link(&folder) {
                continue;
            }
            for entry in folder.read_dir().into_iter().flatten().flatten() {
                let file = entry.file_name();
                let file = file.to_string_lossy();
                let former = name == "figures" && file.starts_with(FORMER_PREFIX);
                if former || file.starts_with(TEMPORARY_PREFIX) {
                    let _ = std::fs::remove_file(entry.path());
                }
            }
        }
    }

    /// Removes everything that a run writes, and nothing else. The manifest is the last, so that what is left by a
    /// process that is killed here is still a run.
    fn clear(&self) -> Result<(), RecordError> {
        // Interrupted here, the folder must not be taken for a complete run.
        if let Ok(mut manifest) = self.read_json::<Value>(MANIFEST)
            && let Some(status) = manifest.get_mut("status")
        {
            *status = serde_json::json!(Status::Running);
            self.write_json(MANIFEST, &manifest)?;
        }
        // `state/paths` goes with `state`.
        for name in FOLDERS.into_iter().filter(|name| !name.contains('/')).chain(FILES).chain([MANIFEST]) {
            self.remove(name)?;
        }
        Ok(())
    }
}

/// Whether a file is one of the data files of a run.
fn reads(sources: &Value, file: &Path) -> bool {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.into());
    let mut paths = sources.as_array().into_iter().flatten().filter_map(|source| source.get("path")?.as_str());
    paths.any(|path| Path::new(path) == file)
}

/// The identity of a resolved experiment. Keys of `run` and `figure` change no result and may differ between the processes
/// of a run.
fn identity(experiment: &Value) -> String {
    let mut experiment = experiment.clone();
    if let Some(keys) = experiment.as_object_mut() {
        keys.remove("run");
        keys.shift_remove("figure");
    }
    sha256(experiment.to_string().as_bytes())
}

/// What a path holds.
fn contents(path: &Path) -> Result<Contents, RecordError> {
    let io = |source| RecordError::Io { path: path.into(), source };
    match path.metadata() {
        Ok(about) if about.is_dir() => {}
        Ok(_) => return Ok(Contents::Foreign),
        Err(error) if error.kind() == ErrorKind::NotFound && !lock::is_link(path) => return Ok(Contents::Nothing),
        Err(source) => return Err(io(source)),
    }
    let leftover = |name: &str| name == LOCK || name.starts_with(TEMPORARY_PREFIX);
    let mut empty = true;
    for entry in path.read_dir().map_err(io)? {
        empty &= leftover(&entry.map_err(io)?.file_name().to_string_lossy());
    }
    if empty {
        return Ok(Contents::Nothing);
    }
    match RunFolder::existing(path) {
        Err(RecordError::NotARun { .. } | RecordError::Sweep { .. }) => return Ok(Contents::Foreign),
        found => found?,
    };
    // A manifest that cannot be parsed is taken for a damaged one; another program's is not taken for a run.
    match RunFolder::unlocked(path).read_json::<Value>(MANIFEST) {
        Ok(content) if content.get("version").is_none() => Ok(Contents::Foreign),
        Ok(_) | Err(RecordError::Json { .. }) => Ok(Contents::Run),
        Err(error) => Err(error),
    }
}
