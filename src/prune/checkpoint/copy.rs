//! Writing a model: a copy of its folder in which tensors are replaced.
//!
//! Headers are copied byte by byte, and so is every tensor that is not replaced: names, element types, metadata, the
//! division into files and the order of tensors stay what they were. The copy is made under another name and renamed at
//! the end.

use super::super::error::PruneError;
use super::contents::is_other_weights;
use super::folder::ModelFolder;
use crate::compute::profile::{self, WorkKind};
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Prefix of the names of folders that are being written.
const TEMPORARY_PREFIX: &str = ".writing-";
/// Depth up to which folders are copied.
const MAX_DEPTH: usize = 4;

/// A copy of a model that is being written.
#[derive(Debug)]
pub struct ModelCopy {
    place: Place,
    target: PathBuf,
    checkpoint: ModelFolder,
    left_out: Vec<PathBuf>,
}

/// The folder of a copy.
#[derive(Debug)]
enum Place {
    /// Removed unless [`ModelCopy::finish`] is called.
    Temporary(TempDir),
    /// Kept, so that the copy can be continued.
    Kept(PathBuf),
}

impl Place {
    fn path(&self) -> &Path {
        match self {
            Place::Temporary(folder) => folder.path(),
            Place::Kept(folder) => folder,
        }
    }
}

impl ModelCopy {
    /// Copies the folder of `source` to a temporary folder beside `target`: the weights, and every other file but weights
    /// in other formats and hidden files.
    ///
    /// # Errors
    /// A target that exists and is not an empty folder, files that cannot be read or written.
    pub fn create(source: &ModelFolder, target: &Path) -> Result<Self, PruneError> {
        refuse_existing(target)?;
        let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(PruneError::write(parent))?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY_PREFIX);
        // Temporary folders are private to the user by default; the permissions of results are those of the umask.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let temporary = builder.tempdir_in(parent).map_err(PruneError::write(parent))?;
        let mut left_out = Vec::new();
        copy_folder(source, source.folder(), temporary.path(), 0, &mut left_out)?;
        source.require_unchanged()?;
        let checkpoint = ModelFolder::open(temporary.path())?;
        Ok(ModelCopy { place: Place::Temporary(temporary), target: target.into(), checkpoint, left_out })
    }

    /// The same into `folder`, which is on the same file system as `target` and stays where the copy is not finished, to be
    /// continued by [`ModelCopy::reopen`]. What is in the folder is removed.
    ///
    /// # Errors
    /// As [`ModelCopy::create`].
    pub fn create_in(source: &ModelFolder, folder: &Path, target: &Path) -> Result<Self, PruneError> {
        refuse_existing(target)?;
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(PruneError::write(folder))?;
        }
        fs::create_dir_all(folder).map_err(PruneError::write(folder))?;
        let mut left_out = Vec::new();
        copy_folder(source, source.folder(), folder, 0, &mut left_out)?;
        source.require_unchanged()?;
        let checkpoint = ModelFolder::open(folder)?;
        Ok(ModelCopy { place: Place::Kept(folder.into()), target: target.into(), checkpoint, left_out })
    }

    /// Continues the copy in `folder`, which [`ModelCopy::create_in`] has made.
    ///
    /// # Errors
    /// A target that exists and is not an empty folder, files that cannot be read.
    pub fn reopen(folder: &Path, target: &Path) -> Result<Self, PruneError> {
        refuse_existing(target)?;
        let checkpoint = ModelFolder::open(folder)?;
        Ok(ModelCopy { place: Place::Kept(folder.into()), target: target.into(), checkpoint, left_out: Vec::new() })
    }

    /// The copy in its present state, to be read.
    pub fn checkpoint(&self) -> &ModelFolder {
        &self.checkpoint
    }

    /// Files of the source that were not copied: weights in other formats, and their indices.
    pub fn left_out(&self) -> &[PathBuf] {
        &self.left_out
    }

    /// Replaces a tensor by `values`, row-major, rounded to its type.
    ///
    /// # Errors
    /// No tensor of this name, a value that is infinite in its type, a file that cannot be written.
    ///
    /// # Panics
    /// If the number of values is not that of the tensor.
    pub fn replace(&mut self, name: &str, values: &[f64]) -> Result<(), PruneError> {
        let tensor = self.checkpoint.stored(name)?;
        let stored_type = self.checkpoint.stored_type(name)?;
        assert_eq!(values.len(), tensor.place.shape.iter().product::<usize>(), "one value per entry of {name}");
        if let Some(index) = values.iter().position(|v| !stored_type.round(*v).is_finite()) {
            return Err(PruneError::TensorValue { tensor: name.into(), index, value: values[index] });
        }
        self.write(name, &stored_type.encode(values))
    }

    /// Gives a tensor the bytes that it has in `source`.
    ///
    /// # Errors
    /// No tensor of this name, files that cannot be read or written.
    pub fn restore(&mut self, source: &ModelFolder, name: &str) -> Result<(), PruneError> {
        self.write(name, &source.bytes(name)?)
    }

    /// Writes the bytes of a tensor at their place.
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), PruneError> {
        let _timed = profile::time(WorkKind::Files);
        let tensor = self.checkpoint.stored(name)?;
        let path = self.place.path().join(&self.checkpoint.shards()[tensor.shard]);
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().write(true).open(&path)?;
            file.seek(SeekFrom::Start(tensor.place.start))?;
            file.write_all(bytes)
        };
        write().map_err(PruneError::write(&path))
    }

    /// Flushes the weights to disk.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn flush(&self) -> Result<(), PruneError> {
        let _timed = profile::time(WorkKind::Files);
        for shard in self.checkpoint.shards() {
            let path = self.place.path().join(shard);
            File::open(&path).and_then(|file| file.sync_all()).map_err(PruneError::write(&path))?;
        }
        Ok(())
    }

    /// Flushes the weights to disk and gives the folder its name; returns the finished model.
    ///
    /// # Errors
    /// Files that cannot be written, a folder of that name that has been made meanwhile.
    pub fn finish(self) -> Result<ModelFolder, PruneError> {
        self.flush()?;
        refuse_existing(&self.target)?;
        if self.target.is_dir() {
            fs::remove_dir(&self.target).map_err(PruneError::write(&self.target))?;
        }
        let (folder, temporary) = match self.place {
            Place::Temporary(folder) => (folder.keep(), true),
            Place::Kept(folder) => (folder, false),
        };
        if let Err(error) = fs::rename(&folder, &self.target) {
            if temporary {
                // The error of the renaming is the one to report.
                let _ = fs::remove_dir_all(&folder);
            }
            return Err(PruneError::write(&self.target)(error));
        }
        ModelFolder::open(&self.target)
    }
}

/// An error where `target` exists, unless it is an empty folder.
fn refuse_existing(target: &Path) -> Result<(), PruneError> {
    let free = match fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !target.exists(),
    };
    if free { Ok(()) } else { Err(PruneError::Exists { path: target.into() }) }
}

fn copy_folder(
    source: &ModelFolder,
    from: &Path,
    to: &Path,
    depth: usize,
    left_out: &mut Vec<PathBuf>,
) -> Result<(), PruneError> {
    for entry in fs::read_dir(from).map_err(PruneError::read(from))? {
        let entry = entry.map_err(PruneError::read(from))?;
        let (path, name) = (entry.path(), entry.file_name());
        let text = name.to_string_lossy();
        if text.starts_with('.') {
            continue;
        }
        // Links are followed: caches of models consist of links.
        let kind = fs::metadata(&path).map_err(PruneError::read(&path))?;
        if kind.is_dir() {
            if depth < MAX_DEPTH {
                let folder = to.join(&name);
                fs::create_dir(&folder).map_err(PruneError::write(&folder))?;
                copy_folder(source, &path, &folder, depth + 1, left_out)?;
            }
            continue;
        }
        let own = depth == 0 && source.shards().iter().any(|shard| **shard == *text);
        let other_shards = !own && text.ends_with(".safetensors");
        // They would hold the weights before pruning.
        if is_other_weights(&text) || other_shards {
            left_out.push(path);
            continue;
        }
        let copied = to.join(&name);
        // The permissions are not copied: files of a cache are read-only.
        let copy = || -> std::io::Result<()> {
            std::io::copy(&mut File::open(&path)?, &mut File::create(&copied)?).map(|_| ())
        };
        copy().map_err(PruneError::write(&copied))?;
    }
    Ok(())
}
