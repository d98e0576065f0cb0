//! The model and the data of an experiment of pruning, as they were read.

use super::pruning_samples::{checksum, limited, read_samples};
use super::request_names::{RequestKey, RequestNames};
use crate::choice::choice;
use crate::compute::rng::{Role, random_order, stream};
use crate::config::{CalibrationSpec, HeldOutSpec, ModelSpec, Precision, PruningOptions, SampleSource};
use crate::number::plain;
use crate::population::SourceFile;
use crate::prune::PruneError;
use crate::prune::bundled::{BundledModel, KnownScore, LabelledInputs};
use crate::prune::checkpoint::{ModelCopy, ModelFolder};
use crate::prune::layer::{LayerSettings, PruneMethod, Sparsity};
use crate::prune::model::{
    Architecture, EmbeddingSpec, HeadSpec, Inputs, LinearSpec, Scores, TOKENIZER, describe, outputs, overlap, score,
};
use crate::prune::network::{
    LayerAudit, LayerCurve, LayerRecord, PassStart, PruneObserver, PruneSettings, Quota, audit_layers, loss_curves,
    prune_pass,
};
use crate::prune::training::{LabelledBatch, TrainingSettings, TrainingStreams, require_targets, train_kept};
use tempfile::TempDir;

/// What to read.
#[derive(Clone, Copy)]
pub struct PruningRequest<'a> {
    /// Seed of the order of the calibration samples.
    pub seed: u64,
    /// Precision of forward passes.
    pub precision: Precision,
    /// The model.
    pub model: &'a ModelSpec,
    /// The data on which layers are pruned.
    pub calibration: &'a CalibrationSpec,
    /// The data on which models are scored, if they are.
    pub held_out: Option<&'a HeldOutSpec>,
    /// Which layers are pruned, and how.
    pub options: &'a PruningOptions,
    /// How messages name what is asked for.
    pub names: RequestNames,
}

choice! {
    /// Which samples a round has.
    pub enum BatchRule: "rule of batches" {
        /// Those that follow the batches before, as in the paper.
        Fresh = "fresh",
        /// Those of the first round.
        Same = "same",
    }
}

/// A model, and data for it.
pub struct PruningSource {
    /// The model before pruning.
    pub model: ModelFolder,
    /// What its configuration describes.
    pub architecture: Architecture,
    /// A bundled model.
    pub bundled: Option<BundledModel>,
    /// The held-out samples with their labels; none where nothing is scored.
    pub held_out: Option<(Inputs, Option<Vec<usize>>)>,
    /// Files that were read, with checksums.
    pub files: Vec<SourceFile>,
    /// What a reader of the results should know about the data.
    pub warnings: Vec<String>,
    names: RequestNames,
    precision: Precision,
    options: PruningOptions,
    /// All calibration samples, with labels where they have some.
    calibration: LabelledBatch,
    seed: u64,
    /// The order in which samples form batches.
    order: Vec<usize>,
    /// Samples of a batch.
    batch: usize,
    /// The files of a bundled model, while they are in use.
    _unpacked: Option<TempDir>,
}

/// Samples on which the outputs of a model without held-out data are tried.
const PROBES: usize = 8;

/// Calls a function with the scalar type of a precision.
macro_rules! with_precision {
    ($precision:expr, $function:ident, ($($argument:expr),*)) => {
        match $precision {
            Precision::F32 => $function::<f32>($($argument),*),
            Precision::F64 => $function::<f64>($($argument),*),
        }
    };
}

impl PruningSource {
    /// Reads a model and data.
    ///
    /// # Errors
    /// Files that cannot be read, are damaged, or do not fit each other or the memory of the machine.
    pub fn new(request: PruningRequest<'_>) -> Result<Self, PruneError> {
        let (folder, bundled, unpacked) = open_model(request.model)?;
        let architecture = describe(&folder)?;
        let mut files = match bundled {
            Some(model) => model.sources(),
            None => model_files(&folder)?,
        };
        let names = request.names;
        let calibration = read_samples(&request.calibration.source, &folder, &architecture, false)?;
        files.extend(calibration.sources);
        let calibration = LabelledBatch { inputs: calibration.inputs, labels: calibration.labels };
        let count = calibration.inputs.count();
        let batch = limited(names, RequestKey::Samples, request.calibration.samples, count)?;
        let order = match request.calibration.shuffle {
            true => {
                let mut rng = stream(request.seed, Role::Calibration, 0, 0);
                random_order(&mut rng, count, count)
            }
            false => (0..count).collect(),
        };
        let of_held_out = |spec| held_out(spec, (&folder, &architecture), names, &mut files);
        let held_out = request.held_out.map(of_held_out).transpose()?;
        let sources = [Some(&request.calibration.source), request.held_out.map(|spec| &spec.source)];
        // The tokenizer of a bundled model is among its files.
        if bundled.is_none() && sources.into_iter().flatten().any(|one| matches!(one, SampleSource::Text { .. })) {
            files.push(checksum(&folder.folder().join(TOKENIZER))?);
        }
        let named = |what: String, inputs: &Inputs| match architecture.embedding.length(inputs) {
            Err(PruneError::Inputs { reason, .. }) => Err(PruneError::Inputs { what, reason }),
            length => length.map(|_| ()),
        };
        named(format!("calibration data, {}", request.calibration.source), &calibration.inputs)?;
        if let (Some(spec), Some((inputs, _))) = (request.held_out, &held_out) {
            named(format!("held-out data, {}", spec.source), inputs)?;
        }
        let mut source = PruningSource {
            model: folder,
            architecture,
            bundled,
            held_out,
            files,
            warnings: Vec::new(),
            names,
            precision: request.precision,
            options: request.options.clone(),
            calibration,
            seed: request.seed,
            order,
            batch,
            _unpacked: unpacked,
        };
        source.warnings = source.data_warnings();
        Ok(source)
    }

    /// Batch `round` of the calibration data: the samples that follow those of the batches before, cyclically.
    pub fn batch(&self, round: usize) -> Inputs {
        self.batch_of(round, self.batch)
    }

    /// The same with another number of samples.
    pub fn batch_of(&self, round: usize, samples: usize) -> Inputs {
        let count = self.order.len();
        let chosen: Vec<usize> = (0..samples).map(|k| self.order[(round * samples + k) % count]).collect();
        self.calibration.inputs.select(&chosen)
    }

    /// The `samples` of a round under a rule of batches.
    pub fn batch_of_round(&self, rule: BatchRule, round: usize, samples: usize) -> Inputs {
        match rule {
            BatchRule::Fresh => self.batch_of(round, samples),
            BatchRule::Same => self.batch_of(0, samples),
        }
    }

    /// A note where the fresh batches of so many rounds repeat samples.
    pub fn repeated_samples(&self, rounds: usize, samples: usize) -> Option<String> {
        let (needed, there) = (rounds.saturating_mul(samples), self.order.len());
        (needed > there).then(|| {
            format!("{rounds} rounds have {needed} samples, and there are {there}: later batches repeat those of earlier rounds")
        })
    }

    /// Samples of a batch, and of the calibration data.
    pub fn batch_sizes(&self) -> (usize, usize) {
        (self.batch, self.order.len())
    }

    /// The linear layers of the blocks that are pruned, in order.
    pub fn layers(&self) -> Vec<&LinearSpec> {
        let all = self.architecture.blocks.iter().flat_map(|block| block.groups()).flatten();
        all.filter(|layer| self.options.selects(&layer.name)).collect()
    }

    /// Whether the model continues texts, so that it has a perplexity.
    pub fn is_language(&self) -> bool {
        matches!(self.architecture.head, HeadSpec::Language { .. })
    }

    /// The known score of a bundled model, where the held-out data are all of those that belong to it.
    pub fn known_score(&self, held_out: &SampleSource) -> Option<KnownScore> {
        let (model, SampleSource::Bundled { name }) = (self.bundled?, held_out) else { return None };
        let samples = self.held_out.as_ref()?.0.count();
        Some(model.known_score()).filter(|known| model.data() == *name && known.samples == samples)
    }

    /// Tokens of a calibration sample, of a held-out sample, and positions of the model, where it reads tokens and has a
    /// limit.
    pub fn lengths(&self) -> (Option<usize>, Option<usize>, Option<usize>) {
        let length = |inputs: &Inputs| if let Inputs::Tokens { length, .. } = inputs { Some(*length) } else { None };
        let positions = match &self.architecture.embedding {
            EmbeddingSpec::Tokens { positions, .. } => positions.as_ref().map(|(_, first, rows)| rows - first),
            EmbeddingSpec::Image { .. } => None,
        };
        (length(&self.calibration.inputs), self.held_out.as_ref().and_then(|(inputs, _)| length(inputs)), positions)
    }

    /// Checks that a number of zeros fits the layers.
    ///
    /// # Errors
    /// As [`PruneSettings::check`].
    pub fn check(&self, quota: &Quota) -> Result<(), PruneError> {
        self.with_settings(PruneMethod::SWEEP, quota, |settings| settings.check(&self.architecture))
    }

    /// Calls `work` with the settings of a method.
    pub fn with_settings<T>(
        &self,
        method: PruneMethod,
        quota: &Quota,
        work: impl FnOnce(&PruneSettings<'_>) -> Result<T, PruneError>,
    ) -> Result<T, PruneError> {
        work(&PruneSettings {
            quota: quota.clone(),
            layer: self.options.layer(method),
            damping: self.options.damping,
            selected: &|layer| self.options.selects(layer),
            within_block: self.options.within_block,
            rounds: 0,
        })
    }

    /// Scores a model on the held-out data.
    ///
    /// # Errors
    /// As [`score`]; no held-out data.
    pub fn score(&self, model: &ModelFolder) -> Result<Scores, PruneError> {
        let missing = || PruneError::Inputs { what: "held-out data".into(), reason: "none are given".into() };
        let (inputs, labels) = self.held_out.as_ref().ok_or_else(missing)?;
        with_precision!(self.precision, score, (model, &self.architecture, inputs, labels.as_deref()))
    }

    /// Checks that the outputs of a model for some calibration samples are finite numbers: where nothing is scored.
    ///
    /// # Errors
    /// [`PruneError::Inputs`] where one is not; tensors that cannot be read.
    pub fn require_finite_outputs(&self, model: &ModelFolder) -> Result<(), PruneError> {
        let inputs = self.batch_of(0, self.batch.min(PROBES));
        let found: Vec<f64> = match self.precision {
            Precision::F32 => outputs::<f32>(model, &self.architecture, &inputs)?.into_iter().map(f64::from).collect(),
            Precision::F64 => outputs::<f64>(model, &self.architecture, &inputs)?,
        };
        match found.iter().find(|value| !value.is_finite()) {
            None => Ok(()),
            Some(value) => Err(PruneError::Inputs {
                what: model.folder().display().to_string(),
                reason: format!("after writing and reading again, an output for the calibration data is {value}"),
            }),
        }
    }

    /// Prunes blocks of a copy of the model, as [`prune_pass`].
    ///
    /// # Errors
    /// As there.
    pub fn prune(
        &self,
        copy: &mut ModelCopy,
        inputs: &Inputs,
        settings: &PruneSettings<'_>,
        start: PassStart,
        observer: &mut dyn PruneObserver,
    ) -> Result<Vec<LayerRecord>, PruneError> {
        with_precision!(self.precision, prune_pass, (&self.model, copy, inputs, settings, start, observer))
    }

    /// Checks that a batch of a round is not larger than the calibration data.
    ///
    /// # Errors
    /// [`PruneError::Inputs`] with its name and the bound.
    pub fn check_round_batch(&self, samples: Option<usize>) -> Result<(), PruneError> {
        limited(self.names, RequestKey::RoundBatch, samples, self.order.len()).map(|_| ())
    }

    /// Checks that the kept weights can be trained on the calibration data.
    ///
    /// # Errors
    /// As [`require_targets`]; a batch that is larger than the data.
    pub fn check_training(&self, settings: &TrainingSettings) -> Result<(), PruneError> {
        let LabelledBatch { inputs, labels } = &self.calibration;
        if matches!(self.architecture.head, HeadSpec::Classes { .. }) && labels.is_none() {
            let reason = "missing: a classifier is trained on labels; expected the .npy file of the classes of the calibration images";
            return Err(PruneError::Inputs {
                what: self.names.name(RequestKey::CalibrationLabels).into(),
                reason: reason.into(),
            });
        }
        require_targets(&self.architecture, inputs, labels.as_deref())?;
        limited(self.names, RequestKey::TrainingBatch, Some(settings.batch), inputs.count()).map(|_| ())
    }

    /// Trains the kept weights of a copy of the model after a round, on all calibration samples, as [`train_kept`].
    ///
    /// # Errors
    /// As there.
    pub fn train(
        &self,
        copy: &mut ModelCopy,
        settings: &TrainingSettings,
        round: usize,
        step: &mut dyn FnMut(f64) -> Result<(), PruneError>,
    ) -> Result<(), PruneError> {
        let (streams, selected) =
            (TrainingStreams { seed: self.seed, round }, |layer: &str| self.options.selects(layer));
        let trained =
            with_precision!(self.precision, train_kept, (copy, &self.calibration, settings, streams, &selected, step));
        let refused = |reason: String| PruneError::Inputs {
            what: self.names.with_value(RequestKey::TrainingRate, plain(settings.rate)),
            reason: format!("{reason} in the training after round {round} (the first is 0): expected a smaller rate"),
        };
        trained.map_err(|error| match error {
            PruneError::TrainingLoss { step, steps, loss, .. } => {
                refused(format!("the loss is {loss} in step {step} of {steps}"))
            }
            PruneError::TensorValue { tensor, value, .. } => refused(format!("a weight of {tensor} becomes {value}")),
            error => error,
        })
    }

    /// The relative loss of every layer under the sweep, as [`loss_curves`], on the first batch.
    ///
    /// # Errors
    /// As there.
    pub fn loss_curves(&self, fractions: &[f64]) -> Result<Vec<LayerCurve>, PruneError> {
        let settings = self.options.layer(PruneMethod::SWEEP);
        let (inputs, damping) = (self.batch(0), self.options.damping);
        let selected = |layer: &str| self.options.selects(layer);
        with_precision!(self.precision, loss_curves, (&self.model, &inputs, fractions, &settings, damping, &selected))
    }

    /// Audits the solvers on every layer, as [`audit_layers`], on the first batch.
    ///
    /// # Errors
    /// As there, and those of `layer`.
    pub fn audit(
        &self,
        sparsity: Sparsity,
        layer: &mut dyn FnMut() -> Result<(), PruneError>,
    ) -> Result<Vec<LayerAudit>, PruneError> {
        let settings: LayerSettings = self.options.layer(PruneMethod::SWEEP);
        let (inputs, at) = (self.batch(0), (sparsity, self.options.damping));
        let selected = |layer: &str| self.options.selects(layer);
        with_precision!(self.precision, audit_layers, (&self.model, &inputs, &settings, at, &selected, layer))
    }

    /// A description of one line.
    pub fn description(&self) -> String {
        let (batch, all) = self.batch_sizes();
        let name = self.bundled.map_or(self.architecture.family, crate::choice::Choice::name);
        let scored =
            self.held_out.as_ref().map_or(String::new(), |(inputs, _)| format!(", {} held out", inputs.count()));
        format!("{name}: batches of {batch} of {all} calibration samples{scored}")
    }

    fn data_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let (calibration, held_out, positions) = self.lengths();
        if let Some((inputs, _)) = &self.held_out {
            let shared = overlap(&self.calibration.inputs, inputs);
            if shared > 0 {
                warnings.push(format!(
                    "{shared} of {} held-out samples are in the calibration data: their scores are too good",
                    inputs.count()
                ));
            }
            if let (Some(calibration), Some(held_out)) = (calibration, held_out)
                && calibration != held_out
            {
                warnings.push(format!(
                    "calibration samples have {calibration} tokens, held-out samples {held_out}: scores at other lengths differ"
                ));
            }
        }
        if let (Some(length), Some(positions)) = (calibration, positions)
            && length < positions
        {
            warnings.push(format!("calibration samples have {length} tokens, and the model has {positions} positions"));
        }
        warnings
    }
}

/// Opens a model; the files of a bundled one are unpacked into a temporary folder.
fn open_model(spec: &ModelSpec) -> Result<(ModelFolder, Option<BundledModel>, Option<TempDir>), PruneError> {
    match spec {
        ModelSpec::Folder { path } => Ok((ModelFolder::open(path)?, None, None)),
        ModelSpec::Bundled { name } => {
            let temporary = tempfile::Builder::new().prefix("widelimit-").tempdir();
            let folder = temporary.map_err(|source| PruneError::Write { path: std::env::temp_dir(), source })?;
            name.write(folder.path())?;
            Ok((ModelFolder::open(folder.path())?, Some(*name), Some(folder)))
        }
    }
}

/// The configuration and the weights of a model with their checksums.
fn model_files(model: &ModelFolder) -> Result<Vec<SourceFile>, PruneError> {
    let shards = model.shards().iter().map(|shard| model.folder().join(shard));
    let files = [model.config_path()].into_iter().chain(shards);
    files.map(|path| checksum(&path)).collect()
}

/// The held-out samples that are asked for, the first ones, with their labels.
fn held_out(
    spec: &HeldOutSpec,
    (model, architecture): (&ModelFolder, &Architecture),
    names: RequestNames,
    files: &mut Vec<SourceFile>,
) -> Result<(Inputs, Option<Vec<usize>>), PruneError> {
    let LabelledInputs { inputs, mut labels, sources } = read_samples(&spec.source, model, architecture, true)?;
    files.extend(sources);
    let count = limited(names, RequestKey::HeldOutSamples, spec.samples, inputs.count())?;
    if let Some(labels) = &mut labels {
        labels.truncate(count);
    }
    Ok((inputs.range(0..count), labels))
}
