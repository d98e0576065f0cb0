//! The pruning of one model into a folder, block by block and round by round, so that it can be interrupted and continued.
//!
//! ```text
//! OUT.unfinished/model/           the copy of the model, pruned up to a block
//! OUT.unfinished/round-R/         the model with which round R began, of rounds after the first
//! OUT.unfinished/progress.json    what has been done, with the checksums of the pruned weights
//! OUT.pruning.json                what was done: layers, scores, sources
//! OUT/                            the pruned model, once it has been read back, checked and scored
//! ```

use super::context::RunError;
use super::machine_memory::bytes;
use super::progress::{Progress, note};
use super::prune_progress::{FolderProgress, SavedWeight, checksum_of};
pub use super::prune_progress::{FolderRound, record_path, unfinished_path};
use super::pruning_memory::folder_memory;
use super::pruning_source::{BatchRule, PruningRequest, PruningSource};
use super::pruning_task::{WrittenModel, read_back};
use super::request_names::RequestNames;
use crate::compute::keep_freed_memory;
use crate::config::{CalibrationSpec, HeldOutSpec, ModelSpec, Precision, PruningOptions};
use crate::prune::PruneError;
use crate::prune::checkpoint::ModelCopy;
use crate::prune::layer::{PruneMethod, Sparsity};
use crate::prune::model::MeanScores;
use crate::prune::network::{
    CURVE_FRACTIONS, LayerRecord, PassStart, PruneObserver, PruneRecord, Quota, divided, stored_zeros,
};
use crate::prune::training::{TrainingSettings, last_losses};
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
    /// Rounds after the first: in each one step of the iterative optimal brain surgeon on every layer.
    #[serde(skip_serializing_if = "is_zero")]
    pub rounds: usize,
    /// Which samples the rounds have.
    pub batches: BatchRule,
    /// Training of the kept weights after every round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adam: Option<TrainingSettings>,
    /// Precision of forward passes.
    pub precision: Precision,
    /// Seed of the order of the calibration samples.
    pub seed: u64,
}

fn is_zero(rounds: &usize) -> bool {
    *rounds == 0
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
    /// Every layer, in every round.
    pub record: PruneRecord,
    /// Every round.
    #[serde(default)]
    pub rounds: Vec<FolderRound>,
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

/// Prunes a model into a folder: scores it before, prunes it block by block in every round, reads it back, checks its zeros
/// and all other tensors, scores it again, and gives the folder its name.
///
/// # Errors
/// Models and data that cannot be read or do not fit, a folder in use, files of others at the places of the record and of
/// the unfinished pruning, files that cannot be written; a written model that does not read back as it was meant.
pub fn prune_folder(
    request: &FolderRequest,
    options: &FolderOptions,
    interrupt: &AtomicBool,
) -> Result<FolderReport, RunError> {
    keep_freed_memory();
    let out = std::path::absolute(&options.out).unwrap_or_else(|_| options.out.clone());
    let source = PruningSource::new(PruningRequest {
        seed: request.seed,
        precision: request.precision,
        model: &request.model,
        calibration: &request.calibration,
        held_out: request.held_out.as_ref(),
        options: &request.pruning,
        names: RequestNames::Command,
    })?;
    require_outside(&request.model, &out)?;
    source.check(&Quota::Uniform(request.sparsity))?;
    request.adam.map_or(Ok(()), |adam| source.check_training(&adam))?;
    let estimate = folder_memory(&source, request.precision, request.adam.map_or(0, |adam| adam.batch));
    estimate.fits_machine(RequestNames::Command)?;
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
            if progress.state.blocks == 0 && progress.state.round == 0 {
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

/// Checks that the result is not within the folder of the model, whose contents are copied.
fn require_outside(model: &ModelSpec, out: &Path) -> Result<(), PruneError> {
    let ModelSpec::Folder { path } = model else { return Ok(()) };
    let place = out.ancestors().find_map(|folder| folder.canonicalize().ok());
    match (path.canonicalize(), place) {
        (Ok(model), Some(place)) if place.starts_with(&model) => Err(PruneError::Within { path: out.into() }),
        _ => Ok(()),
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
        let mut last = None;
        while progress.state.rounds.len() <= self.request.rounds {
            last = Some(self.round(progress, &mut copy, &quota)?);
        }
        let written = match last {
            Some(written) => written,
            // All rounds were complete when the pruning was interrupted.
            None => self.read_back(progress, &copy, &quota)?,
        };
        source.model.require_unchanged()?;
        if source.held_out.is_none() {
            source.require_finite_outputs(&written.model)?;
        }
        let (record, rounds) = (written.record, progress.state.rounds.clone());
        let repeated = match self.request.batches {
            BatchRule::Fresh => source.repeated_samples(rounds.len(), source.batch_sizes().0),
            BatchRule::Same => None,
        };
        let repeated = repeated.filter(|_| rounds.len() > 1);
        let folder_record = FolderRecord {
            program: Build::present(),
            request: serde_json::to_value(self.request).unwrap_or_default(),
            sources: serde_json::to_value(&source.files).unwrap_or_default(),
            description: source.description(),
            dense: progress.state.dense.clone(),
            pruned: rounds.last().and_then(|round| round.scores.clone()),
            warnings: source.warnings.iter().chain(&record.warnings).chain(&repeated).cloned().collect(),
            record,
            rounds,
            left_out: progress.state.left_out.clone(),
        };
        let beside = record_path(self.out);
        let (folder, name) = (beside.parent().unwrap_or(Path::new(".")), beside.file_name().unwrap_or_default());
        RunFolder::plain(folder).write_json(&name.to_string_lossy(), &folder_record)?;
        copy.finish()?;
        Ok(folder_record)
    }

    /// The written model, read back and verified.
    fn read_back(
        &self,
        progress: &FolderProgress,
        copy: &ModelCopy,
        quota: &Quota,
    ) -> Result<WrittenModel, PruneError> {
        let layers = progress.state.layers.clone();
        self.source.with_settings(self.method(), quota, |settings| read_back(self.source, copy, settings, layers))
    }

    /// The present round, from the first block on that is not complete; returns the model behind it.
    fn round(
        &self,
        progress: &mut FolderProgress,
        copy: &mut ModelCopy,
        quota: &Quota,
    ) -> Result<WrittenModel, RunError> {
        let (source, round) = (self.source, progress.state.round);
        self.prune(progress, copy, quota)?;
        if let (Some(adam), None) = (&self.request.adam, progress.state.trained) {
            self.train(progress, copy, adam)?;
        }
        let written = self.read_back(progress, copy, quota)?;
        let model = &written.model;
        if written.missing_zeros > 0 {
            let (path, reason) = (model.folder().into(), format!("{} zeros are missing", written.missing_zeros));
            return Err(PruneError::ReadBack { path, tensor: "of the pruned layers".into(), reason }.into());
        }
        let scores = match &source.held_out {
            Some(_) => {
                let bar = Progress::new(&self.titled("score after pruning", round), 1.0, self.quiet);
                let scores = source.score(model)?.mean();
                bar.finish();
                Some(scores)
            }
            None => None,
        };
        self.stop()?;
        let (relative_loss, training_loss) = (written.record.relative_loss(), progress.state.trained);
        let result = FolderRound { round, relative_loss, training_loss, scores };
        progress.end_round(result, model, self.out, round < self.request.rounds)?;
        Ok(written)
    }

    /// The title of a progress bar, with the round where there are several.
    fn titled(&self, title: &str, round: usize) -> String {
        if self.request.rounds > 0 { format!("{title}, round {round}") } else { title.into() }
    }

    /// Trains the kept weights after the present round.
    fn train(
        &self,
        progress: &mut FolderProgress,
        copy: &mut ModelCopy,
        adam: &TrainingSettings,
    ) -> Result<(), PruneError> {
        let round = progress.state.round;
        let bar = Progress::new(&self.titled("training", round), adam.steps as f64, self.quiet);
        let mut losses = Vec::new();
        self.source.train(copy, adam, round, &mut |loss| {
            losses.push(loss);
            bar.advance(1.0);
            self.stop()
        })?;
        bar.finish();
        // A kept weight may have become zero in the type of the file.
        let layers = self.source.layers();
        for record in progress.state.layers.iter_mut().filter(|record| record.round == round) {
            if let Some(layer) = layers.iter().find(|layer| layer.name == record.layer) {
                record.zeros = stored_zeros(copy.checkpoint(), layer)?;
            }
        }
        progress.save_trained(copy, last_losses(&losses))
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
        let (source, round) = (self.source, progress.state.round);
        if progress.state.blocks == source.architecture.blocks.len() {
            return Ok(());
        }
        let cost = |layer: &LayerRecord| (layer.rows * layer.inputs) as f64 * layer.inputs as f64;
        let all: f64 = source.layers().iter().map(|l| (l.outputs * l.inputs) as f64 * l.inputs as f64).sum();
        let bar = Progress::new(&self.titled("pruning", round), all, self.quiet);
        bar.advance(progress.state.layers.iter().filter(|layer| layer.round == round).map(cost).sum());
        let start = PassStart { round, block: progress.state.blocks };
        let batch = source.batch_of_round(self.request.batches, round, source.batch_sizes().0);
        let mut observer = SavingObserver { run: self, progress, bar: &bar, block: Vec::new() };
        source.with_settings(self.method(), quota, |settings| {
            source.prune(copy, &batch, settings, start, &mut observer).map(|_| ())
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
            let sha256 = checksum_of(copy.checkpoint(), &layer.weight())?;
            self.progress.state.weights.push(SavedWeight { block: index, tensor: layer.weight(), sha256 });
        }
        self.progress.state.blocks = index + 1;
        self.progress.state.layers.append(&mut self.block);
        self.progress.save_pass()
    }
}
