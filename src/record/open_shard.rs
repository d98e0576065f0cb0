//! Shards: the jobs that compute a run, or a sweep, together, in one folder and at the same time.
//!
//! | file | what |
//! |---|---|
//! | `.lock` | held by every shard, shared: it excludes runs of the whole, and `--force` |
//! | `checkpoint/shard-I-of-N.lock` | held by shard I of N alone |
//! | `checkpoint/shards.json` | N; shards of another number are refused while one of these runs |
//! | `checkpoint/shards.lock` | held for an instant by a shard that starts |

use super::SavedPart;
use super::error::RecordError;
use super::folder::RunFolder;
use super::lock;
use super::manifest::{ShardRecord, Status};
use super::open::{OpenRequest, Opened};
use super::shard::{Shard, ShardState};
use std::path::Path;

const COUNT: &str = "checkpoint/shards.json";
const TURN: &str = "checkpoint/shards.lock";

impl RunFolder {
    /// Opens the folder of a run for a shard, beside others. Nothing in it is changed unless it is opened.
    ///
    /// # Errors
    /// [`RecordError::NotARun`] where no run has been begun; a folder in which the whole run, or the same shard, or one of
    /// another number of shards is being computed; otherwise as [`RunFolder::open`] to resume a run.
    pub fn open_shard(path: &Path, request: &OpenRequest<'_>, shard: Shard) -> Result<Opened, RecordError> {
        let existing = Self::existing(path)?;
        existing.require_run_of_this_format()?;
        let manifest = existing.manifest()?;
        if manifest.status == Status::Complete {
            existing.require_same(&manifest, request)?;
            return Ok(Opened::Complete(existing, Box::new(manifest)));
        }
        let mut folder = Self::under(path, request, lock::acquire_shared(path)?);
        folder.require_own_folders()?;
        // The run may have been completed, or begun anew, before the lock was taken.
        let manifest = folder.manifest()?;
        folder.require_same(&manifest, request)?;
        if manifest.status == Status::Complete {
            return Ok(Opened::Complete(folder, Box::new(manifest)));
        }
        folder.require_same_program(&manifest, request)?;
        folder.claim(shard)?;
        Ok(Opened::Unfinished(folder, Box::new(manifest)))
    }

    /// Opens the folder of a sweep for a shard, beside others; every point is opened for itself.
    ///
    /// # Errors
    /// As [`RunFolder::open_shard`], but for what the points check.
    pub fn open_sweep_shard(path: &Path, shard: Shard) -> Result<Self, RecordError> {
        let mut folder = Self::unlocked(path);
        folder.locks.push(lock::acquire_shared(path)?);
        folder.require_own_folders()?;
        folder.claim(shard)?;
        Ok(folder)
    }

    /// Takes the lock of a shard.
    fn claim(&mut self, shard: Shard) -> Result<(), RecordError> {
        let checkpoints = self.file("checkpoint");
        std::fs::create_dir_all(&checkpoints)
            .map_err(|source| RecordError::Io { path: checkpoints.clone(), source })?;
        let _turn = lock::wait_for(&self.file(TURN))?;
        let count = self.shard_count()?;
        if let Some(running) = count.filter(|&count| count != shard.count())
            && Shard::all(running).any(|other| lock::is_held(&self.file(&other.file(".lock"))))
        {
            return Err(RecordError::ShardCount { path: self.path.clone(), running, asked: shard.count() });
        }
        let in_use = || RecordError::ShardInUse { path: self.path.clone(), shard };
        let lock = lock::acquire_file(&self.file(&shard.file(".lock")), in_use)?;
        if count != Some(shard.count()) {
            self.save_json(COUNT, &shard.count())?;
        }
        self.locks.push(lock);
        Ok(())
    }

    /// The number of shards by which the run is computed; `None` where none has been begun.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn shard_count(&self) -> Result<Option<usize>, RecordError> {
        Ok(match self.load_json::<usize>(COUNT)? {
            SavedPart::Found(count) => Some(count),
            SavedPart::Absent | SavedPart::Damaged(_) => None,
        })
    }

    /// The record of a shard; `None` where it has not written one, or it is damaged.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn shard_record(&self, shard: Shard) -> Result<Option<ShardRecord>, RecordError> {
        Ok(match self.load_json(&shard.file(".json"))? {
            SavedPart::Found(record) => Some(record),
            SavedPart::Absent | SavedPart::Damaged(_) => None,
        })
    }

    /// Writes the record of a shard.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save_shard_record(&self, record: &ShardRecord) -> Result<(), RecordError> {
        self.save_json(&record.shard.file(".json"), record)
    }

    /// Every shard of which a record was written, of whatever number of shards, in order.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn recorded_shards(&self) -> Result<Vec<Shard>, RecordError> {
        let folder = self.file("checkpoint");
        let mut shards = Vec::new();
        if !folder.is_dir() {
            return Ok(shards);
        }
        let io = |source| RecordError::Io { path: folder.clone(), source };
        for entry in folder.read_dir().map_err(io)? {
            shards.extend(Shard::of_file(&entry.map_err(io)?.file_name().to_string_lossy(), ".json"));
        }
        shards.sort_unstable();
        Ok(shards)
    }

    /// What a process does, or has done, of a shard, from its lock and its record.
    ///
    /// # Errors
    /// A file that is not accessible.
    pub fn shard_state(&self, shard: Shard) -> Result<ShardState, RecordError> {
        let lock = self.file(&shard.file(".lock"));
        Ok(match self.shard_record(shard)? {
            _ if lock::is_held(&lock) => ShardState::Running,
            Some(record) if record.complete => ShardState::Complete,
            None if !lock.exists() => ShardState::Missing,
            Some(_) | None => ShardState::Stopped,
        })
    }

    /// Whether a shard of the run in a folder is being computed.
    pub(super) fn shard_runs(path: &Path) -> bool {
        let entries = path.join("checkpoint").read_dir().into_iter().flatten().flatten();
        let mut names = entries.filter(|entry| Shard::of_file(&entry.file_name().to_string_lossy(), ".lock").is_some());
        names.any(|entry| lock::is_held(&entry.path()))
    }
}
