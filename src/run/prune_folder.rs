//! The pruning of one model into a folder, block by block, so that it can be interrupted and continued.
//!
//! ```text
//! OUT.unfinished/model/           the copy of the model, pruned up to a block
//! OUT.unfinished/progress.json    what has been done, with the checksums of the pruned weights
//! OUT.pruning.json                what was done: layers, scores, sources
//! OUT/                            the pruned model, once it has been read back, checked and scored
//! ```

use super::context::RunError;
use super::machine_memory::bytes;
use super::progress::{Progress, note};
use super::prune_progress::{FolderProgress, SavedWeight};
use super::pruning_memory::pass_memory;
use super::pruning_source::{PruningRequest, PruningSource};
use crate::config::{CalibrationSpec, HeldOutSpec, ModelSpec, Precision, PruningOptions};
use crate::population::SourceFile;
use crate::prune::PruneError;
use crate::prune::checkpoint::{ModelCopy, ModelFolder};
use crate::prune::layer::{PruneMethod, Sparsity};
use crate::prune::model::MeanScores;
use crate::prune::network::{
    CURVE_FRACTIONS, LayerRecord, PassStart, PruneObserver, PruneRecord, Quota, divided, missing_zeros, summary, verify,
};
use crate::record::{Build, RunFolder};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// What is to be pruned, and how.
#[derive(Clone, Debug, Serialize)]
pub struct FolderRequest {
    /// The model.
    pub model: ModelSpec,
    /// The data on which layers are pruned.
    pub calibration: CalibrationSpec,
    /// The data on which the model is scored before and after, if it is.
    pub held_out: Option<HeldOutSpec>,
    /// The method, and its parameters.
    pub pruning: PruningOptions,
    /// The sparsity.
    pub sparsity: Sparsity,
    /// Whether zeros are divided between the layers by their measured losses.
    pub measured: bool,
    /// Precision of forward passes.
    pub precision: Precision,
    /// Seed of the order of the calibration samples.
    pub seed: u64,
}

/// Where the result goes, and how it is reported.
#[derive(Clone, Debug)]
pub struct FolderOptions {
    /// The folder of the pruned model.
    pub out: PathBuf,
    /// Whether to continue an unfinished one; where there is none, one is started.
    pub resume: bool,
    /// Whether to suppress progress reports.
    pub quiet: bool,
}

/// `OUT.pruning.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FolderRecord {
    /// The program.
    pub program: Build,
    /// The request.
    pub request: serde_json::Value,
    /// The files that were read, with checksums.
    pub sources: serde_json::Value,
    /// A description of model and data.
    pub description: String,
    /// Scores before pruning.
    pub dense: Option<MeanScores>,
    /// Scores of the written model, read back.
    pub pruned: Option<MeanScores>,
    /// Every layer.
    pub record: PruneRecord,
    /// Files of the source that were not copied: weights in other formats.
    pub left_out: Vec<PathBuf>,
    /// What a reader should know before trusting the result.
    pub warnings: Vec<String>,
}

/// The outcome.
pub enum FolderReport {
    /// The model is in its folder.
    Complete(Box<FolderRecord>),
    /// Interrupted; what was done is in this folder.
    Interrupted(PathBuf),
}

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

/// Prunes a model into a folder: scores it before, prunes it block by block, reads it back, checks its zeros and all other
/// tensors, scores it again, and gives the folder its name.
///
/// # Errors
/// Models and data that cannot be read or do not fit, a folder in use, files that cannot be written; a written model that
/// does not read back as it was meant.
pub fn prune_folder(
    request: &FolderRequest,
    options: &FolderOptions,
    interrupt: &AtomicBool,
) -> Result<FolderReport, RunError> {
    let out = std::path::absolute(&options.out).unwrap_or_else(|_| options.out.clone());
    let source = PruningSource::new(PruningRequest {
        seed: request.seed,
        precision: request.precision,
        model: &request.model,
        calibration: &request.calibration,
        held_out: request.held_out.as_ref(),
        options: &request.pruning,
    })?;
    source.check(&Quota::Uniform(request.sparsity))?;
    let estimate = pass_memory(&source, request.precision, source.batch_sizes().0);
    estimate.fits_machine()?;
    let say = |text: String| {
        if !options.quiet {
            note(text);
        }
    };
    say(format!("{}; memory: about {}", source.description(), bytes(estimate.total())));
    source.warnings.iter().for_each(|warning| say(format!("note: {warning}")));
    let sources = serde_json::to_value(&source.files).unwrap_or_default();
    let wanted = serde_json::to_value(request).unwrap_or_default();
    let mut progress = FolderProgress::open(&unfinished_path(&out), &out, options.resume, (&wanted, &sources))?;
    let run = FolderRun { request, source: &source, out: &out, interrupt, quiet: options.quiet };
    match run.run(&mut progress) {
        Err(RunError::Prune(PruneError::Interrupted)) => Ok(FolderReport::Interrupted(progress.folder().into())),
        Err(error) => {
            // Nothing is worth continuing.
            if progress.state.blocks == 0 {
                progress.remove()?;
            }
            Err(error)
        }
        Ok(record) => {
            progress.remove()?;
            Ok(FolderReport::Complete(Box::new(record)))
        }
    }
}

/// The pruning of a model into a folder.
struct FolderRun<'a> {
    request: &'a FolderRequest,
    source: &'a PruningSource,
    out: &'a Path,
    interrupt: &'a AtomicBool,
    quiet: bool,
}

impl FolderRun<'_> {
    fn run(&self, progress: &mut FolderProgress) -> Result<FolderRecord, RunError> {
        let source = self.source;
        if source.held_out.is_some() && progress.state.dense.is_none() {
            let bar = Progress::new("score before pruning", 1.0, self.quiet);
            progress.state.dense = Some(source.score(&source.model)?.mean());
            bar.finish();
            progress.save()?;
        }
        self.stop()?;
        let quota = self.quota(progress)?;
        self.stop()?;
        let mut copy = progress.copy(source, self.out)?;
        self.prune(progress, &mut copy, &quota)?;
        let layers = progress.state.layers.clone();
        copy.flush()?;
        let written = ModelFolder::open(copy.checkpoint().folder())?;
        let method = self.method();
        let record = source.with_settings(method, &quota, |s| summary(&source.model, &written, s, layers))?;
        verify(&source.model, &written, &record, &quota)?;
        for layer in source.layers() {
            let missing = missing_zeros(&written, layer, quota.of_layer(layer)?)?;
            if missing > 0 {
                let reason = format!("{missing} zeros are missing");
                let path = written.folder().into();
                return Err(PruneError::ReadBack { path, tensor: layer.weight(), reason }.into());
            }
        }
        source.model.require_unchanged()?;
        let pruned = match &source.held_out {
            Some(_) => {
                let bar = Progress::new("score after pruning", 1.0, self.quiet);
                let scores = source.score(&written)?.mean();
                bar.finish();
                Some(scores)
            }
            None => {
                source.require_finite_outputs(&written)?;
                None
            }
        };
        let folder_record = FolderRecord {
            program: Build::present(),
            request: serde_json::to_value(self.request).unwrap_or_default(),
            sources: serde_json::to_value(&source.files).unwrap_or_default(),
            description: source.description(),
            dense: progress.state.dense.clone(),
            pruned,
            warnings: source.warnings.iter().chain(&record.warnings).cloned().collect(),
            record,
            left_out: progress.state.left_out.clone(),
        };
        let beside = record_path(self.out);
        let (folder, name) = (beside.parent().unwrap_or(Path::new(".")), beside.file_name().unwrap_or_default());
        RunFolder::plain(folder).write_json(&name.to_string_lossy(), &folder_record)?;
        copy.finish()?;
        Ok(folder_record)
    }

    fn method(&self) -> PruneMethod {
        self.request.pruning.methods.first().copied().unwrap_or(PruneMethod::DUAL)
    }

    fn stop(&self) -> Result<(), PruneError> {
        if self.interrupt.load(Ordering::Relaxed) { Err(PruneError::Interrupted) } else { Ok(()) }
    }

    /// The zeros of the layers.
    fn quota(&self, progress: &mut FolderProgress) -> Result<Quota, RunError> {
        let Sparsity::Fraction(fraction) = self.request.sparsity else {
            return Ok(Quota::Uniform(self.request.sparsity));
        };
        if !self.request.measured {
            return Ok(Quota::Uniform(self.request.sparsity));
        }
        if let Some(zeros) = &progress.state.zeros {
            return Ok(Quota::PerLayer(zeros.clone()));
        }
        let bar = Progress::new("losses of the layers", 1.0, self.quiet);
        let curves = self.source.loss_curves(&CURVE_FRACTIONS)?;
        bar.finish();
        let zeros = divided(&curves, fraction);
        progress.state.zeros = Some(zeros.clone());
        progress.save()?;
        Ok(Quota::PerLayer(zeros))
    }

    fn prune(&self, progress: &mut FolderProgress, copy: &mut ModelCopy, quota: &Quota) -> Result<(), PruneError> {
        let source = self.source;
        let cost = |layer: &LayerRecord| (layer.rows * layer.inputs) as f64 * layer.inputs as f64;
        let all: f64 = source.layers().iter().map(|l| (l.outputs * l.inputs) as f64 * l.inputs as f64).sum();
        let bar = Progress::new("pruning", all, self.quiet);
        bar.advance(progress.state.layers.iter().map(cost).sum());
        let start = PassStart { round: 0, block: progress.state.blocks };
        let mut observer = SavingObserver { run: self, progress, bar: &bar, block: Vec::new() };
        source.with_settings(self.method(), quota, |settings| {
            source.prune(copy, &source.batch(0), settings, start, &mut observer).map(|_| ())
        })?;
        bar.finish();
        Ok(())
    }
}

/// Saves the progress after every block, and stops after a layer where that is requested.
struct SavingObserver<'a, 'b> {
    run: &'a FolderRun<'b>,
    progress: &'a mut FolderProgress,
    bar: &'a Progress,
    /// The layers of the block so far.
    block: Vec<LayerRecord>,
}

impl PruneObserver for SavingObserver<'_, '_> {
    fn layer(&mut self, record: &LayerRecord) -> Result<(), PruneError> {
        self.bar.advance((record.rows * record.inputs) as f64 * record.inputs as f64);
        self.block.push(record.clone());
        self.run.stop()
    }

    fn block(&mut self, index: usize, copy: &ModelCopy) -> Result<(), PruneError> {
        copy.flush()?;
        let architecture = &self.run.source.architecture;
        let written = architecture.blocks[index].groups().concat();
        for layer in written.iter().filter(|layer| self.block.iter().any(|record| record.layer == layer.name)) {
            let bytes = copy.checkpoint().bytes(&layer.weight())?;
            let sha256 = SourceFile::of_bytes(&layer.weight(), &bytes).sha256;
            self.progress.state.weights.push(SavedWeight { block: index, tensor: layer.weight(), sha256 });
        }
        self.progress.state.blocks = index + 1;
        self.progress.state.layers.append(&mut self.block);
        self.progress.save_pass()
    }
}
