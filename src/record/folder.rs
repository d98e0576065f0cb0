//! The run folder: created and locked by one process, resumable, overwritten only on request.

use super::atomic::TEMPORARY_PREFIX;
use super::{FORMAT, Manifest, Status, write_atomically};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What can go wrong with a run folder.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A folder or file cannot be created, read or written.
    #[error("{path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file is not valid JSON, or not of the expected structure.
    #[error("{path}: not the expected JSON")]
    Json {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// The folder holds a run, and neither `--resume` nor `--force` was given.
    #[error(
        "{path} holds a run already ({status}); continue it with --resume, start over with --force, or choose another folder with --out"
    )]
    Exists {
        /// The file or folder.
        path: PathBuf,
        /// The state of that run.
        status: Status,
    },
    /// The path exists and is not a run folder.
    #[error("{path} exists and is not a run of widelimit; choose another folder with --out")]
    Foreign {
        /// The file or folder.
        path: PathBuf,
    },
    /// The folder holds no run.
    #[error("{path} is not a run: there is no manifest.json in it")]
    NotARun {
        /// The file or folder.
        path: PathBuf,
    },
    /// The run in the folder was started with another experiment.
    #[error("{path} was started with another experiment (they differ in {}); start over with --force, or choose another folder with --out", .keys.join(", "))]
    Changed {
        /// The file or folder.
        path: PathBuf,
        /// The keys that differ.
        keys: Vec<String>,
    },
    /// The run was written with another layout of run folders.
    #[error(
        "{path} was written by {version} of widelimit, whose run folders have format {found}; this version reads and writes format {FORMAT}. {advice}"
    )]
    Format {
        /// The file or folder.
        path: PathBuf,
        /// The version that wrote it.
        version: String,
        /// Its format.
        found: u64,
        /// What to do.
        advice: &'static str,
    },
    /// Another process holds the lock of the folder.
    #[error("{path} is in use by another widelimit; wait for it, or choose another folder with --out")]
    InUse {
        /// The file or folder.
        path: PathBuf,
    },
}

/// The folder of a run. Opened for writing, it holds a lock that excludes other processes.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: Option<std::fs::File>,
}

/// How a folder was opened for a run.
#[derive(Debug)]
pub enum Opened {
    /// New, or emptied with `--force`.
    Fresh(RunFolder),
    /// An unfinished run, to be continued.
    Unfinished(RunFolder, Box<Manifest>),
    /// A complete run.
    Complete(RunFolder),
}

impl RunFolder {
    /// Opens the folder to run `experiment`, given in its resolved form. `force` deletes a run that it holds, `resume`
    /// continues one.
    ///
    /// # Errors
    /// A folder in use, or holding something that neither option allows to replace or to continue; a run of another
    /// format or experiment; files that cannot be read or written.
    pub fn open(path: &Path, experiment: &serde_json::Value, force: bool, resume: bool) -> Result<Opened, RecordError> {
        let occupied = path.is_file() || path.is_dir() && !empty(path);
        let manifest = path.join("manifest.json");
        if !occupied {
            if resume {
                return Err(RecordError::NotARun { path: path.into() });
            }
            return Ok(Opened::Fresh(Self::create(path)?));
        }
        if !manifest.is_file() {
            return Err(RecordError::Foreign { path: path.into() });
        }
        // A manifest that cannot be parsed is taken for a damaged one; another program's is not taken for a run.
        let unlocked = RunFolder { path: path.into(), _lock: None };
        let content: Option<serde_json::Value> = unlocked.read_json("manifest.json").ok();
        if content.is_some_and(|content| content.get("version").is_none()) {
            return Err(RecordError::Foreign { path: path.into() });
        }
        let folder = Self::locked(path)?;
        if force {
            folder.remove_temporary_files();
            folder.clear()?;
            return Ok(Opened::Fresh(folder));
        }
        folder.require_format(
            "Start over with --force, choose another folder with --out, or continue with that version",
        )?;
        let manifest: Manifest = folder.manifest()?;
        if !resume {
            return Err(RecordError::Exists { path: path.into(), status: manifest.status });
        }
        let keys = differing_keys("", &manifest.experiment, experiment);
        if !keys.is_empty() {
            return Err(RecordError::Changed { path: path.into(), keys });
        }
        Ok(match manifest.status {
            Status::Complete => Opened::Complete(folder),
            Status::Running | Status::Interrupted => {
                folder.remove_temporary_files();
                Opened::Unfinished(folder, Box::new(manifest))
            }
        })
    }

    /// The manifest.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn manifest(&self) -> Result<Manifest, RecordError> {
        self.read_json("manifest.json")
    }

    /// Checks that the folder has the layout of this version, [`FORMAT`]. `advice` is appended to the message of the
    /// error.
    ///
    /// # Errors
    /// [`RecordError::Format`] where it has another; a manifest that is missing or damaged.
    pub fn require_format(&self, advice: &'static str) -> Result<(), RecordError> {
        let manifest: serde_json::Value = self.read_json("manifest.json")?;
        // Manifests of format 1 do not contain the key.
        let found = manifest.get("format").map_or(Ok(1), |format| {
            serde_json::from_value(format.clone())
                .map_err(|source| RecordError::Json { path: self.file("manifest.json"), source })
        })?;
        if found == u64::from(FORMAT) {
            return Ok(());
        }
        let version = manifest.get("version").and_then(|v| v.as_str()).map_or("another version".into(), |version| {
            let revision = manifest.get("revision").and_then(|v| v.as_str()).unwrap_or_default();
            format!("version {version} ({})", revision.get(..7).unwrap_or(revision))
        });
        Err(RecordError::Format { path: self.path.clone(), version, found, advice })
    }

    /// Opens the folder of an existing run for reading, without the lock.
    ///
    /// # Errors
    /// A folder without a manifest.
    pub fn existing(path: &Path) -> Result<Self, RecordError> {
        if path.join("manifest.json").is_file() {
            Ok(RunFolder { path: path.into(), _lock: None })
        } else {
            Err(RecordError::NotARun { path: path.into() })
        }
    }

    /// A folder that is not that of a run, without the lock; it is created when a file is written.
    pub fn plain(path: &Path) -> Self {
        RunFolder { path: path.into(), _lock: None }
    }

    fn create(path: &Path) -> Result<Self, RecordError> {
        std::fs::create_dir_all(path).map_err(|source| RecordError::Io { path: path.into(), source })?;
        Self::locked(path)
    }

    fn locked(path: &Path) -> Result<Self, RecordError> {
        let lock = path.join(".lock");
        let io = |source| RecordError::Io { path: lock.clone(), source };
        let file = std::fs::File::create(&lock).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(RunFolder { path: path.into(), _lock: Some(file) }),
            Err(std::fs::TryLockError::WouldBlock) => Err(RecordError::InUse { path: path.into() }),
            Err(std::fs::TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// Removes temporary files that a killed process left; files that cannot be removed are ignored.
    fn remove_temporary_files(&self) {
        for folder in ["", "records", "state", "state/paths", "checkpoint", "figures"] {
            let entries = self.path.join(folder).read_dir().into_iter().flatten().flatten();
            for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX)) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// Removes everything that a run writes, and nothing else.
    fn clear(&self) -> Result<(), RecordError> {
        // Interrupted here, the folder must not be taken for a complete run.
        if let Ok(mut manifest) = self.read_json::<serde_json::Value>("manifest.json")
            && let Some(status) = manifest.get_mut("status")
        {
            *status = serde_json::json!(Status::Running);
            self.write_json("manifest.json", &manifest)?;
        }
        for name in ["records", "state", "checkpoint", "figures"] {
            self.remove(name)?;
        }
        for name in ["manifest.json", "checks.json", "experiment.toml"] {
            let path = self.path.join(name);
            if path.exists() {
                std::fs::remove_file(&path).map_err(|source| RecordError::Io { path, source })?;
            }
        }
        Ok(())
    }

    /// Removes a sub-folder, if it exists.
    ///
    /// # Errors
    /// A folder that cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), RecordError> {
        let path = self.path.join(name);
        if !path.exists() {
            return Ok(());
        }
        std::fs::remove_dir_all(&path).map_err(|source| RecordError::Io { path, source })
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a text file atomically.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_text(&self, name: &str, text: &str) -> Result<(), RecordError> {
        let path = self.file(name);
        write_atomically(&path, |out| out.write_all(text.as_bytes())).map_err(|source| RecordError::Io { path, source })
    }

    /// Writes a JSON file atomically.
    ///
    /// # Errors
    /// A value that has no JSON, a file that cannot be written.
    pub fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), RecordError> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|source| RecordError::Json { path: self.file(name), source })?;
        self.write_text(name, &(text + "\n"))
    }

    /// Reads a JSON file.
    ///
    /// # Errors
    /// A file that cannot be read, or is not the JSON of a `T`.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, RecordError> {
        let path = self.file(name);
        let text = std::fs::read_to_string(&path).map_err(|source| RecordError::Io { path: path.clone(), source })?;
        serde_json::from_str(&text).map_err(|source| RecordError::Json { path, source })
    }
}

/// Whether a folder holds nothing but the lock and temporary files of a run that was killed.
fn empty(path: &Path) -> bool {
    let leftover = |name: &str| name == ".lock" || name.starts_with(TEMPORARY_PREFIX);
    path.read_dir()
        .is_ok_and(|mut entries| entries.all(|e| e.is_ok_and(|e| leftover(&e.file_name().to_string_lossy()))))
}

/// The dotted keys, below `prefix`, in which two JSON values differ. Differences in `run.*` are ignored: these keys
/// change no result.
fn differing_keys(prefix: &str, a: &serde_json::Value, b: &serde_json::Value) -> Vec<String> {
    use serde_json::Value::Object;
    match (a, b) {
        _ if a == b || prefix == "run" => Vec::new(),
        (Object(a), Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let null = serde_json::Value::Null;
            let name = |key: &str| if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") };
            keys.into_iter()
                .flat_map(|k| differing_keys(&name(k), a.get(k).unwrap_or(&null), b.get(k).unwrap_or(&null)))
                .collect()
        }
        _ => vec![prefix.to_string()],
    }
}
