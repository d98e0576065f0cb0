//! Opening the run folder: created and locked by one process, resumable, overwritten only on request.

use super::atomic::TEMPORARY_PREFIX;
use super::digest::sha256;
use super::error::RecordError;
use super::folder::{MANIFEST, RunFolder};
use super::lock::{self, LOCK};
use super::manifest::{Build, Manifest, Status};
use super::provenance::{changed_source, differing_keys};
use serde_json::Value;
use std::io::ErrorKind;
use std::path::Path;

/// The sub-folders into which a run writes.
const FOLDERS: [&str; 5] = ["records", "state", "state/paths", "checkpoint", "figures"];

/// The files at the top of a run folder apart from the manifest.
const FILES: [&str; 2] = ["checks.json", "experiment.toml"];

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

const ADVICE: &str = "Start over with --force, choose another folder with --out, or continue with that version";

impl RunFolder {
    /// Opens the folder for a run. Nothing in it is changed unless it is opened.
    ///
    /// # Errors
    /// A folder in use, or holding something that neither option allows to replace or to continue; a run of another
    /// format, experiment or program, or on other data; files that cannot be read or written; links in the place of
    /// sub-folders.
    pub fn open(path: &Path, request: &OpenRequest<'_>) -> Result<Opened, RecordError> {
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
            folder.remove_temporary_files();
            return Ok(Opened::Fresh(folder));
        }
        // A complete run is only read, so that its folder need not be writable.
        let unlocked = Self::unlocked(path);
        unlocked.require_format(ADVICE)?;
        let manifest = unlocked.manifest()?;
        let status = manifest.status;
        if !request.resume {
            let held = lock::held(path);
            let path = path.into();
            return Err(if held { RecordError::InUse { path } } else { RecordError::Exists { path, status } });
        }
        if status == Status::Complete {
            unlocked.require_same(&manifest, request)?;
            // A process that was killed after it had completed the run may have left files.
            if let Ok(folder) = Self::locked(path, request) {
                let _ = folder.remove("checkpoint");
                folder.remove_temporary_files();
            }
            return Ok(Opened::Complete(unlocked, Box::new(manifest)));
        }
        let folder = Self::locked(path, request)?;
        folder.require_own_folders()?;
        let manifest = folder.manifest()?;
        folder.require_same(&manifest, request)?;
        let earlier = manifest.last_build();
        if earlier != *request.build && !request.accept_revision {
            return Err(RecordError::Program { path: path.into(), earlier, present: request.build.clone() });
        }
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
        folder.lock = Some(lock::acquire(path)?);
        folder.remove("checkpoint")?;
        folder.remove_temporary_files();
        Ok(folder)
    }

    fn locked(path: &Path, request: &OpenRequest<'_>) -> Result<Self, RecordError> {
        let lock = Some(lock::acquire(path)?);
        // Keys of `run` change no result and may differ between the processes of a run.
        let mut experiment = request.experiment.clone();
        experiment.as_object_mut().map(|keys| keys.remove("run"));
        Ok(RunFolder { path: path.into(), lock, identity: sha256(experiment.to_string().as_bytes()), scratch: None })
    }

    /// Checks that a run is of the requested experiment and data.
    fn require_same(&self, manifest: &Manifest, request: &OpenRequest<'_>) -> Result<(), RecordError> {
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
    fn require_own_folders(&self) -> Result<(), RecordError> {
        match FOLDERS.into_iter().map(|name| self.file(name)).find(|path| lock::is_link(path)) {
            None => Ok(()),
            Some(path) => Err(RecordError::Link { path }),
        }
    }

    /// Removes temporary files that a killed process left; files that cannot be removed are ignored.
    fn remove_temporary_files(&self) {
        for name in [""].into_iter().chain(FOLDERS) {
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
        Err(RecordError::NotARun { .. }) => return Ok(Contents::Foreign),
        found => found?,
    };
    // A manifest that cannot be parsed is taken for a damaged one; another program's is not taken for a run.
    match RunFolder::unlocked(path).read_json::<Value>(MANIFEST) {
        Ok(content) if content.get("version").is_none() => Ok(Contents::Foreign),
        Ok(_) | Err(RecordError::Json { .. }) => Ok(Contents::Run),
        Err(error) => Err(error),
    }
}
