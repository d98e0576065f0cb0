//! The progress of the pruning of a model into a folder, saved after every block.

use super::context::RunError;
use super::pruning_source::PruningSource;
use crate::population::SourceFile;
use crate::prune::PruneError;
use crate::prune::checkpoint::ModelCopy;
use crate::prune::model::MeanScores;
use crate::prune::network::LayerRecord;
use crate::record::{RecordError, RunFolder, SavedPart, differing_keys, lock_folder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

const PROGRESS: &str = "progress.json";
const MODEL: &str = "model";

/// `progress.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ProgressState {
    /// The request, which must be the same when it is continued.
    pub request: serde_json::Value,
    /// The files that were read, with checksums, likewise.
    pub sources: serde_json::Value,
    /// Scores before pruning.
    pub dense: Option<MeanScores>,
    /// Zeros of the layers by their measured losses.
    pub zeros: Option<BTreeMap<String, usize>>,
    /// Whether the copy of the model is complete.
    pub copied: bool,
    /// Files of the source that were not copied.
    pub left_out: Vec<PathBuf>,
    /// Blocks that are pruned.
    pub blocks: usize,
    /// Their layers.
    pub layers: Vec<LayerRecord>,
    /// Their weights.
    pub weights: Vec<SavedWeight>,
}

/// A pruned weight in the copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedWeight {
    /// The block.
    pub block: usize,
    /// The tensor.
    pub tensor: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// The progress in the folder of an unfinished pruning, which one process at a time uses.
pub struct FolderProgress {
    folder: RunFolder,
    path: PathBuf,
    _lock: File,
    /// What has been done.
    pub state: ProgressState,
}

impl FolderProgress {
    /// Opens the folder for the request and its sources.
    ///
    /// # Errors
    /// A result that exists, a folder in use, or unfinished and not to be continued, or of another request or other data.
    pub fn open(
        path: &Path,
        out: &Path,
        resume: bool,
        (request, sources): (&serde_json::Value, &serde_json::Value),
    ) -> Result<Self, RunError> {
        let free = match std::fs::read_dir(out) {
            Ok(mut entries) => entries.next().is_none(),
            Err(_) => !out.exists(),
        };
        if !free {
            return Err(PruneError::Exists { path: out.into() }.into());
        }
        std::fs::create_dir_all(path).map_err(|source| PruneError::Write { path: path.into(), source })?;
        let lock = lock_folder(path)?;
        let folder = RunFolder::plain(path);
        let saved: SavedPart<ProgressState> = folder.load_json(PROGRESS)?;
        let begun = !matches!(saved, SavedPart::Absent);
        if begun && !resume {
            return Err(PruneError::Unfinished { path: path.into() }.into());
        }
        let fresh = || ProgressState { request: request.clone(), sources: sources.clone(), ..ProgressState::default() };
        let state = match saved {
            SavedPart::Found(state) => state,
            SavedPart::Absent => fresh(),
            SavedPart::Damaged(reason) => {
                super::progress::note(format!(
                    "note: {}: {reason}; it is begun again",
                    folder.file(PROGRESS).display()
                ));
                fresh()
            }
        };
        let mut keys = differing_keys("", &state.request, request);
        if state.sources != *sources {
            keys.push("the contents of the files".into());
        }
        if !keys.is_empty() {
            return Err(PruneError::OtherRequest { path: path.into(), keys }.into());
        }
        Ok(FolderProgress { folder, path: path.into(), _lock: lock, state })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.path
    }

    /// Writes the progress.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self) -> Result<(), RecordError> {
        self.folder.save_json(PROGRESS, &self.state)
    }

    /// The same within a pass over the blocks.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save_pass(&self) -> Result<(), PruneError> {
        let path = self.folder.file(PROGRESS);
        self.save().map_err(|error| PruneError::Write { path, source: std::io::Error::other(error) })
    }

    /// The copy of the model in which the blocks are pruned that the progress counts, and no others. A pruned weight that is
    /// not as it was written ends them: its block and those after it are pruned again.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn copy(&mut self, source: &PruningSource, out: &Path) -> Result<ModelCopy, RunError> {
        let place = self.path.join(MODEL);
        let reopened = if self.state.copied { ModelCopy::reopen(&place, out).ok() } else { None };
        let Some(mut copy) = reopened else {
            let copy = ModelCopy::create_in(&source.model, &place, out)?;
            copy.flush()?;
            self.state.left_out = copy.left_out().to_vec();
            self.forget_from(0);
            self.state.copied = true;
            self.save()?;
            return Ok(copy);
        };
        let as_written = |weight: &SavedWeight| {
            let bytes = copy.checkpoint().bytes(&weight.tensor);
            bytes.is_ok_and(|bytes| SourceFile::of_bytes(&weight.tensor, &bytes).sha256 == weight.sha256)
        };
        if let Some(damaged) = self.state.weights.iter().find(|weight| !as_written(weight)) {
            super::progress::note(format!(
                "note: {}: tensor {} is not as it was written; from its block on the model is pruned again",
                place.display(),
                damaged.tensor
            ));
            self.forget_from(damaged.block);
        }
        for block in source.architecture.blocks.iter().skip(self.state.blocks) {
            for layer in block.groups().concat() {
                copy.restore(&source.model, &layer.weight())?;
            }
        }
        self.save()?;
        Ok(copy)
    }

    /// Forgets the blocks from this one on.
    fn forget_from(&mut self, block: usize) {
        let state = &mut self.state;
        state.blocks = state.blocks.min(block);
        state.weights.retain(|weight| weight.block < block);
        let kept: Vec<String> = state.weights.iter().map(|weight| weight.tensor.clone()).collect();
        state.layers.retain(|layer| kept.contains(&format!("{}.weight", layer.layer)));
    }

    /// Removes the folder.
    ///
    /// # Errors
    /// A folder that cannot be removed.
    pub fn remove(self) -> Result<(), PruneError> {
        std::fs::remove_dir_all(&self.path).map_err(|source| PruneError::Write { path: self.path.clone(), source })
    }
}
