//! The run folder: made once, never overwritten unasked, resumable.

use super::atomic::UNFINISHED;
use super::{FORMAT, Manifest, Status, write_atomically};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What can go wrong with a run folder.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A folder or file cannot be made, read or written.
    #[error("{path}")]
    Io { path: PathBuf, source: io::Error },
    /// A JSON file is damaged.
    #[error("{path}: not the JSON it should be")]
    Json { path: PathBuf, source: serde_json::Error },
    /// A run is there already.
    #[error(
        "{path} holds a run already ({status}); go on with --resume, start over with --force, or choose another folder with --out"
    )]
    Exists { path: PathBuf, status: Status },
    /// Something else is there.
    #[error("{path} exists and is not a run of widelimit; choose another folder with --out")]
    Foreign { path: PathBuf },
    /// There is nothing to resume or to look at.
    #[error("{path} is not a run: there is no manifest.json in it")]
    NotARun { path: PathBuf },
    /// The experiment is not the one the run was started with.
    #[error("{path} was started with another experiment (they differ in {}); start over with --force, or choose another folder with --out", .keys.join(", "))]
    Changed { path: PathBuf, keys: Vec<String> },
    /// The run was written with another layout of the folder.
    #[error(
        "{path} was written by {version} of widelimit, whose run folders have format {found}; this version reads and writes format {FORMAT}. {advice}"
    )]
    Format { path: PathBuf, version: String, found: u64, advice: &'static str },
    /// Another process is working in the folder.
    #[error("{path} is in use by another widelimit; wait for it, or choose another folder with --out")]
    InUse { path: PathBuf },
}

/// A run's folder. While it is held open for writing, no other process can open it so.
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
    /// An unfinished run, to go on with.
    Unfinished(RunFolder, Box<Manifest>),
    /// A run that is complete: nothing to compute.
    Complete(RunFolder),
}

impl RunFolder {
    /// Opens the folder for `experiment` (its resolved form).
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
        let folder = Self::locked(path)?;
        if force {
            folder.sweep();
            folder.clear()?;
            return Ok(Opened::Fresh(folder));
        }
        folder
            .require_format("Start over with --force, choose another folder with --out, or go on with that version")?;
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
            _ => {
                folder.sweep();
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

    /// Refuses a run whose folder has another layout than this version's; `advice` completes the message.
    ///
    /// # Errors
    /// [`RecordError::Format`]; a manifest that is missing or damaged.
    pub fn require_format(&self, advice: &'static str) -> Result<(), RecordError> {
        let manifest: serde_json::Value = self.read_json("manifest.json")?;
        // Manifests of the first layout do not name it.
        let found = manifest.get("format").and_then(serde_json::Value::as_u64).unwrap_or(1);
        if found == u64::from(FORMAT) {
            return Ok(());
        }
        let version = manifest.get("version").and_then(|v| v.as_str()).map_or("another version".into(), |version| {
            let revision = manifest.get("revision").and_then(|v| v.as_str()).unwrap_or_default();
            format!("version {version} ({})", revision.get(..7).unwrap_or(revision))
        });
        Err(RecordError::Format { path: self.path.clone(), version, found, advice })
    }

    /// A finished or unfinished run, to look at.
    pub fn existing(path: &Path) -> Result<Self, RecordError> {
        if path.join("manifest.json").is_file() {
            Ok(RunFolder { path: path.into(), _lock: None })
        } else {
            Err(RecordError::NotARun { path: path.into() })
        }
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

    /// Removes what a killed process was writing. A file that cannot be removed does no harm.
    fn sweep(&self) {
        for folder in ["", "records", "state", "state/paths", "checkpoint", "figures"] {
            let entries = self.path.join(folder).read_dir().into_iter().flatten().flatten();
            for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED)) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// Removes what a run writes, and nothing else.
    fn clear(&self) -> Result<(), RecordError> {
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

    /// Removes a sub-folder, if it is there.
    pub fn remove(&self, name: &str) -> Result<(), RecordError> {
        let path = self.path.join(name);
        if !path.exists() {
            return Ok(());
        }
        std::fs::remove_dir_all(&path).map_err(|source| RecordError::Io { path, source })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes text, whole or not at all.
    pub fn write_text(&self, name: &str, text: &str) -> Result<(), RecordError> {
        let path = self.file(name);
        write_atomically(&path, |out| out.write_all(text.as_bytes())).map_err(|source| RecordError::Io { path, source })
    }

    /// Writes JSON, whole or not at all.
    pub fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), RecordError> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|source| RecordError::Json { path: self.file(name), source })?;
        self.write_text(name, &(text + "\n"))
    }

    /// Reads JSON.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, RecordError> {
        let path = self.file(name);
        let text = std::fs::read_to_string(&path).map_err(|source| RecordError::Io { path: path.clone(), source })?;
        serde_json::from_str(&text).map_err(|source| RecordError::Json { path, source })
    }
}

/// Whether nothing is in a folder but what a run that was killed at once may leave.
fn empty(path: &Path) -> bool {
    let left = |name: &str| name == ".lock" || name.starts_with(UNFINISHED);
    path.read_dir().is_ok_and(|mut entries| entries.all(|e| e.is_ok_and(|e| left(&e.file_name().to_string_lossy()))))
}

/// The dotted keys in which two JSON values differ. How a run is carried out (`run.*`) may change between sittings.
fn differing_keys(at: &str, a: &serde_json::Value, b: &serde_json::Value) -> Vec<String> {
    use serde_json::Value::Object;
    match (a, b) {
        _ if a == b || at == "run" => Vec::new(),
        (Object(a), Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let null = serde_json::Value::Null;
            let name = |key: &str| if at.is_empty() { key.to_string() } else { format!("{at}.{key}") };
            keys.into_iter()
                .flat_map(|k| differing_keys(&name(k), a.get(k).unwrap_or(&null), b.get(k).unwrap_or(&null)))
                .collect()
        }
        _ => vec![at.to_string()],
    }
}
