//! The run folder: its files, and how they are read and written.

use super::error::RecordError;
use super::lock;
use super::manifest::{FORMAT, Manifest, SWEEP, Status};
use super::write_atomically;
use crate::number;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The manifest of a run.
pub(super) const MANIFEST: &str = "manifest.json";

/// The sub-folders into which a run writes.
pub(super) const FOLDERS: [&str; 8] =
    ["records", "state", "state/paths", "checkpoint", "figures", "saved", KEPT_LIMITS, "export"];

/// The folder of the limits that a run keeps for its extension, a sub-folder for each.
pub const KEPT_LIMITS: &str = "saved/limits";

/// The samples of a run whose population was given in memory.
pub const SAMPLES: &str = "population.npz";

/// The folder of a run. Opened for writing, it holds locks that exclude other processes.
#[derive(Debug)]
pub struct RunFolder {
    pub(super) path: PathBuf,
    pub(super) locks: Vec<File>,
    /// What checkpoints are bound to, so that those of another run are not taken for its own.
    pub(super) identity: String,
    /// Where a rank other than the first keeps what the first alone writes into the folder.
    pub(super) scratch: Option<TempDir>,
}

/// The sub-folders into which every rank of a run writes.
const SHARED: [&str; 2] = ["checkpoint", "state"];

impl RunFolder {
    /// The folder of an existing run for reading, without the lock.
    ///
    /// # Errors
    /// A folder without a manifest, or one that cannot be read.
    pub fn existing(path: &Path) -> Result<Self, RecordError> {
        let manifest = path.join(MANIFEST);
        match manifest.metadata() {
            Ok(about) if about.is_file() => Ok(Self::unlocked(path)),
            Ok(_) => Err(RecordError::NotARun { path: path.into() }),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(match path.join(SWEEP).is_file() {
                true => RecordError::Sweep { path: path.into() },
                false => RecordError::NotARun { path: path.into() },
            }),
            Err(source) => Err(RecordError::Io { path: manifest, source }),
        }
    }

    pub(super) fn unlocked(path: &Path) -> Self {
        RunFolder { path: path.into(), locks: Vec::new(), identity: String::new(), scratch: None }
    }

    /// The folder as a rank other than the first uses it, which has opened it: checkpoints and states are in the common
    /// folder, everything else in a temporary folder of the rank, which is removed with this value.
    ///
    /// # Errors
    /// A temporary folder that cannot be created.
    pub fn of_other_rank(path: &Path, identity: &str) -> Result<Self, RecordError> {
        let scratch = tempfile::tempdir().map_err(|source| RecordError::Io { path: std::env::temp_dir(), source })?;
        Ok(RunFolder { identity: identity.into(), scratch: Some(scratch), ..Self::unlocked(path) })
    }

    /// The manifest.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn manifest(&self) -> Result<Manifest, RecordError> {
        self.read_json(MANIFEST)
    }

    /// Checks that the run is complete; its folder may have any format.
    ///
    /// # Errors
    /// A run that is computed at present, or unfinished; a manifest that is missing or damaged.
    pub fn require_complete(&self) -> Result<(), RecordError> {
        let manifest: serde_json::Value = self.read_json(MANIFEST)?;
        let status = manifest.get("status").cloned().unwrap_or_default();
        let status =
            serde_json::from_value(status).map_err(|cause| RecordError::Json { path: self.file(MANIFEST), cause })?;
        match status {
            Status::Complete => Ok(()),
            _ if lock::held(&self.path) || Self::shard_runs(&self.path) => {
                Err(RecordError::Running { path: self.path.clone() })
            }
            Status::Running | Status::Interrupted => {
                let path = self.path.clone();
                let extended = manifest.get("extends").and_then(|extends| extends.as_array()).is_some();
                Err(match extended {
                    true => RecordError::UnfinishedExtension { path, status },
                    false => RecordError::Unfinished { path, status },
                })
            }
        }
    }

    /// Checks that the folder has the layout of this version, [`FORMAT`]. `advice` is appended to the message of the
    /// error.
    ///
    /// # Errors
    /// [`RecordError::Format`] where it has another; a manifest that is missing or damaged.
    pub fn require_format(&self, advice: &'static str) -> Result<(), RecordError> {
        let manifest: serde_json::Value = self.read_json(MANIFEST)?;
        // Manifests of format 1 do not contain the key.
        let found = manifest.get("format").map_or(Ok(1), |format| {
            serde_json::from_value(format.clone())
                .map_err(|cause| RecordError::Json { path: self.file(MANIFEST), cause })
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

    /// Whether another process, or another run of this one, writes in the folder at present. Nothing is written.
    pub fn in_use(&self) -> bool {
        lock::held(&self.path)
    }

    /// A folder that is not that of a run, without the lock; it is created when a file is written.
    pub fn plain(path: &Path) -> Self {
        Self::unlocked(path)
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checksum of the experiment, to which checkpoints are bound; empty where the folder is open for reading.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        match &self.scratch {
            Some(scratch) if !SHARED.contains(&name.split('/').next().unwrap_or(name)) => scratch.path().join(name),
            _ => self.path.join(name),
        }
    }

    /// Removes a file or a sub-folder with its contents, if it exists. Of a link, the link is removed.
    ///
    /// # Errors
    /// A file or folder that cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), RecordError> {
        let path = self.file(name);
        let removed = match path.symlink_metadata() {
            Ok(about) if about.is_dir() => std::fs::remove_dir_all(&path),
            Ok(_) => std::fs::remove_file(&path),
            Err(error) => Err(error),
        };
        match removed {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(RecordError::Io { path, source }),
            _ => Ok(()),
        }
    }

    /// Writes a text file atomically.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_text(&self, name: &str, text: &str) -> Result<(), RecordError> {
        self.write_bytes(name, text.as_bytes())
    }

    /// Writes a file atomically.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_bytes(&self, name: &str, bytes: &[u8]) -> Result<(), RecordError> {
        let path = self.file(name);
        write_atomically(&path, |out| out.write_all(bytes)).map_err(|source| RecordError::Io { path, source })
    }

    /// Writes a JSON file atomically, with numbers that are not finite as [`number`] writes them.
    ///
    /// # Errors
    /// A value that has no JSON, a file that cannot be written.
    pub fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), RecordError> {
        let text = number::to_json(value).map_err(|cause| RecordError::Json { path: self.file(name), cause })?;
        self.write_text(name, &(text + "\n"))
    }

    /// Reads a JSON file.
    ///
    /// # Errors
    /// A file that is missing, cannot be read, or is not the JSON of a `T`.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, RecordError> {
        let path = self.file(name);
        let text = std::fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
        number::from_json(&text).map_err(|cause| RecordError::Json { path, cause })
    }
}

/// The error of a file of a run that cannot be read.
pub(super) fn unreadable(path: &Path, source: io::Error) -> RecordError {
    match source.kind() {
        ErrorKind::NotFound => RecordError::Missing { path: path.into() },
        // The bytes are no text.
        ErrorKind::InvalidData => {
            RecordError::Json { path: path.into(), cause: serde::de::Error::custom("not UTF-8 text") }
        }
        _ => RecordError::Io { path: path.into(), source },
    }
}
