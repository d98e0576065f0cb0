//! The progress of the pruning of a model into a folder, saved after every block and every round.

use super::context::RunError;
use super::progress::note;
use super::pruning_source::PruningSource;
use super::request_names::option_of;
use crate::population::SourceFile;
use crate::prune::PruneError;
use crate::prune::checkpoint::{ModelCopy, ModelFolder};
use crate::prune::model::MeanScores;
use crate::prune::network::LayerRecord;
use crate::record::{RecordError, RunFolder, SavedPart, differing_keys, lock_folder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

const PROGRESS: &str = "progress.json";
const MODEL: &str = "model";
/// The model with which a round begins, with its number behind.
const BASE: &str = "round-";

/// A file or folder beside the result.
fn beside(out: &Path, ending: &str) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_os_string();
    name.push(ending);
    out.with_file_name(name)
}

/// The record beside the folder of a pruned model.
pub fn record_path(out: &Path) -> PathBuf {
    beside(out, ".pruning.json")
}

/// The folder of an unfinished one.
pub fn unfinished_path(out: &Path) -> PathBuf {
    beside(out, ".unfinished")
}

/// Checks that there is no file but a record of a pruning, which has a program, a request and layers.
fn require_own_record(path: &Path) -> Result<(), PruneError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let value = std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let is_record = |value: &serde_json::Value| {
        value["program"].is_object() && value["request"].is_object() && value["record"]["layers"].is_array()
    };
    if value.as_ref().is_some_and(is_record) { Ok(()) } else { Err(PruneError::ForeignRecord { path: path.into() }) }
}

/// Checks that there is no folder with other contents than those of an unfinished pruning.
fn require_own_folder(path: &Path) -> Result<(), PruneError> {
    let foreign = || PruneError::ForeignFolder { path: path.into() };
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(_) if path.symlink_metadata().is_err() => return Ok(()),
        Err(_) => return Err(foreign()),
    };
    let own = |name: &str| name.starts_with('.') || name == PROGRESS || name == MODEL || name.starts_with(BASE);
    let names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let begun = names.iter().any(|name| name == PROGRESS);
    if names.iter().all(|name| own(name) && (begun || name.starts_with('.'))) { Ok(()) } else { Err(foreign()) }
}

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
    /// The round, from 0.
    #[serde(default)]
    pub round: usize,
    /// The weights with which it began, of rounds after the first.
    #[serde(default)]
    pub base: Vec<SavedWeight>,
    /// Blocks that are pruned in it.
    pub blocks: usize,
    /// Layers that are pruned, of all rounds.
    pub layers: Vec<LayerRecord>,
    /// The weights of the blocks, pruned, or trained too.
    pub weights: Vec<SavedWeight>,
    /// The loss at the end of the training of the round, once that is complete.
    #[serde(default)]
    pub trained: Option<f64>,
    /// The rounds that are complete.
    #[serde(default)]
    pub rounds: Vec<FolderRound>,
}

/// What a round has left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FolderRound {
    /// The round, from 0.
    pub round: usize,
    /// The sum of the layer losses over that of the mean squares of the layers' outputs, on the batch of the round, before
    /// training.
    pub relative_loss: f64,
    /// Mean cross entropy in nats of the last tenth of the steps of training, where there was some.
    pub training_loss: Option<f64>,
    /// Scores of the model after the round, where there are held-out data.
    pub scores: Option<MeanScores>,
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

/// The checksum of a tensor.
pub(super) fn checksum_of(model: &ModelFolder, tensor: &str) -> Result<String, PruneError> {
    Ok(SourceFile::of_bytes(tensor, &model.bytes(tensor)?).sha256)
}

/// The first weight that a model does not have as it was written.
fn altered<'a>(model: &ModelFolder, weights: &'a [SavedWeight]) -> Option<&'a SavedWeight> {
    weights.iter().find(|weight| checksum_of(model, &weight.tensor).ok().as_ref() != Some(&weight.sha256))
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
    /// A result that exists, files of others at the places of the record and of the unfinished pruning, a folder in use, or
    /// unfinished and not to be continued, or of another request or other data.
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
        require_own_record(&record_path(out))?;
        require_own_folder(path)?;
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
                note(format!("note: {}: {reason}; it is begun again", folder.file(PROGRESS).display()));
                fresh()
            }
        };
        let mut keys = differing_keys("", &state.request, request);
        if state.sources != *sources {
            keys.push("the contents of the files".into());
        }
        if !keys.is_empty() {
            let mut keys: Vec<String> = keys.iter().map(|key| option_of(key)).collect();
            keys.dedup();
            return Err(PruneError::OtherRequest { path: path.into(), keys }.into());
        }
        let progress = FolderProgress { folder, path: path.into(), _lock: lock, state };
        // From now on the folder can be recognised.
        progress.save()?;
        Ok(progress)
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

    /// The copy of the model in which the blocks are pruned that the progress counts, and the others as the round began. A
    /// pruned weight that is not as it was written ends them: its block and those after it are pruned again.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn copy(&mut self, source: &PruningSource, out: &Path) -> Result<ModelCopy, RunError> {
        let place = self.path.join(MODEL);
        let reopened = if self.state.copied { ModelCopy::reopen(&place, out).ok() } else { None };
        let fresh = reopened.is_none();
        let mut copy = match reopened {
            Some(copy) => copy,
            None => {
                let copy = ModelCopy::create_in(&source.model, &place, out)?;
                copy.flush()?;
                self.state.left_out = copy.left_out().to_vec();
                self.forget_from(0);
                self.state.copied = true;
                copy
            }
        };
        let damaged = altered(copy.checkpoint(), &self.state.weights).cloned();
        if let Some(SavedWeight { tensor, block, .. }) = damaged {
            self.note(&format!(
                "tensor {tensor} is not as it was written; from its block on the model is pruned again"
            ));
            // Where weights have been trained, those that were pruned are no longer there.
            self.forget_from(if self.state.trained.is_some() { 0 } else { block });
        }
        let base = self.base(source);
        if fresh && base.is_none() {
            self.save()?;
            return Ok(copy);
        }
        let from = base.as_ref().unwrap_or(&source.model);
        for block in source.architecture.blocks.iter().skip(self.state.blocks) {
            for layer in block.groups().concat() {
                copy.restore(from, &layer.weight())?;
            }
        }
        self.save()?;
        Ok(copy)
    }

    /// The model with which the present round began; `None` for the model before pruning. Where it is not as it was written,
    /// the first round is begun again.
    fn base(&mut self, source: &PruningSource) -> Option<ModelFolder> {
        if self.state.round == 0 {
            return None;
        }
        let place = self.base_folder(self.state.round);
        let found = ModelFolder::open(&place).ok().filter(|model| altered(model, &self.state.base).is_none());
        if found.is_none() && self.state.blocks < source.architecture.blocks.len() {
            self.note(&format!("{} is not as it was written; the first round is begun again", place.display()));
            let state = &mut self.state;
            (state.round, state.base, state.layers) = (0, Vec::new(), Vec::new());
            self.forget_from(0);
        }
        found
    }

    /// The folder of the model with which a round begins.
    fn base_folder(&self, round: usize) -> PathBuf {
        self.path.join(format!("{BASE}{round}"))
    }

    /// Replaces the checksums of the weights of the round by those of the trained weights, and saves them with the loss at
    /// the end of the training.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn save_trained(&mut self, copy: &ModelCopy, loss: f64) -> Result<(), PruneError> {
        copy.flush()?;
        for weight in &mut self.state.weights {
            weight.sha256 = checksum_of(copy.checkpoint(), &weight.tensor)?;
        }
        self.state.trained = Some(loss);
        self.save_pass()
    }

    /// Ends the present round, whose model is `written`, and begins another one where there are `more`.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn end_round(
        &mut self,
        result: FolderRound,
        written: &ModelFolder,
        out: &Path,
        more: bool,
    ) -> Result<(), RunError> {
        let next = self.state.round + 1;
        if more {
            ModelCopy::create_in(written, &self.base_folder(next), out)?.flush()?;
        }
        let state = &mut self.state;
        state.rounds.push(result);
        if more {
            (state.round, state.blocks, state.trained) = (next, 0, None);
            state.base = std::mem::take(&mut state.weights);
        }
        self.save()?;
        let before = self.base_folder(next - 1);
        if more && before.exists() {
            std::fs::remove_dir_all(&before).map_err(|source| PruneError::Write { path: before, source })?;
        }
        Ok(())
    }

    /// Forgets the blocks of the present round from this one on.
    fn forget_from(&mut self, block: usize) {
        let state = &mut self.state;
        (state.blocks, state.trained) = (state.blocks.min(block), None);
        state.rounds.truncate(state.round);
        state.weights.retain(|weight| weight.block < block);
        let kept: Vec<String> = state.weights.iter().map(|weight| weight.tensor.clone()).collect();
        let round = state.round;
        state.layers.retain(|layer| layer.round < round || kept.contains(&format!("{}.weight", layer.layer)));
    }

    fn note(&self, text: &str) {
        note(format!("note: {}: {text}", self.path.display()));
    }

    /// Removes the folder.
    ///
    /// # Errors
    /// A folder that cannot be removed.
    pub fn remove(self) -> Result<(), PruneError> {
        std::fs::remove_dir_all(&self.path).map_err(|source| PruneError::Write { path: self.path.clone(), source })
    }
}
