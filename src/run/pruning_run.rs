//! A run of pruning. The run folder, the records, the checks, the figures, interruption and resumption are as in a run of
//! training.

use super::context::{Options, Outcome, Report, RunContext, RunError};
use super::lifecycle::{self, OpenRun, Opening};
use super::machine_memory::bytes;
use super::parts::{require_shards, run_shard, study_tasks};
use super::profile::begin_phase;
use super::progress::note;
use super::pruning_memory::PruningMemory;
use super::pruning_source::{PruningRequest, PruningSource};
use super::request_names::RequestNames;
use super::shard::{Part, PartError};
use super::study::{PruningSubject, Registry, studies_of};
use super::tasks::{Scope, Task, run_scoped_tasks_in_order};
use crate::choice::Choice;
use crate::compute::keep_freed_memory;
use crate::config::PruningExperiment;
use crate::config::study::ExperimentKind;
use crate::prune::PruneError;
use crate::prune::model::{HeadSpec, Scores};
use crate::ranks::Ranks;
use crate::record::npz::{ArrayRecord, Arrays, NpzError, StoredArrays, array_record, shaped};
use crate::record::{EXPERIMENT, PopulationRecord, RecordError, RunFolder, RunKind};
use ndarray::Array1;
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// `records/pruning.json`: written by every run of pruning.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PruningRecord {
    /// The bundled model, or the type of the model.
    pub model: String,
    /// The methods, in the order of the experiment.
    pub methods: Vec<String>,
    /// The layers that are pruned, in the order of the network.
    pub layers: Vec<String>,
    /// Linear layers of the blocks that are not.
    pub excluded: Vec<String>,
    /// Whether the model continues texts, so that it has a perplexity; otherwise it classifies.
    pub language: bool,
    /// Samples of a batch of calibration data.
    pub batch: usize,
    /// Tokens of a calibration sample, where the model reads tokens.
    pub calibration_length: Option<usize>,
    /// Tokens of a held-out sample, where the model reads tokens.
    pub held_out_length: Option<usize>,
    /// Mean cross entropy in nats of the model before pruning.
    pub dense_loss: f64,
    /// Its accuracy, where it classifies.
    pub dense_accuracy: Option<f64>,
}

array_record! {
    /// `records/pruning.npz`: the scores of the model before pruning.
    pub struct PruningArrays {
        /// Cross entropy in nats of every held-out sample (samples).
        pub dense_losses[samples]: Array1<f64>,
        /// Whether the label has the largest score (samples), where the model classifies.
        pub dense_hits[samples]: Option<Array1<f64>>,
    }
}

const FILE: &str = "records/pruning.json";
const ARRAYS: &str = "records/pruning.npz";

impl PruningRecord {
    /// Reads the record of a run.
    ///
    /// # Errors
    /// A record that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, RecordError> {
        folder.read_json(FILE)
    }
}

impl PruningArrays {
    /// Reads the arrays of a run.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(folder: &RunFolder) -> Result<Self, NpzError> {
        Self::load("", &StoredArrays::read(&folder.file(ARRAYS))?)
    }
}

/// Hits as numbers, 1 or 0; none where there are none.
pub fn hits_as_numbers(hits: &[bool]) -> Option<Array1<f64>> {
    (!hits.is_empty()).then(|| shaped([hits.len()], hits.iter().map(|hit| f64::from(u8::from(*hit))).collect()))
}

/// Runs an experiment of pruning.
///
/// # Errors
/// See [`RunError`]: models and data that cannot be read or do not fit, a folder in use or holding another run, files that
/// cannot be written.
pub fn run(
    e: &PruningExperiment,
    (options, part): (&Options, Part),
    ranks: &Ranks,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<Report, RunError> {
    if ranks.size() > 1 {
        return Err(RunError::OneRankOnly { what: "an experiment of pruning", ranks: ranks.size() });
    }
    let started = Instant::now();
    begin_phase("dense score");
    keep_freed_memory();
    let source = source(e)?;
    require_scores(&source)?;
    // Before the estimate: numbers of samples that there are not would be refused for their memory.
    for (_, study) in studies_of(registry.pruning, e) {
        study.check(&source)?;
    }
    let estimate = PruningMemory::new(e, &source, registry);
    estimate.fits_machine(RequestNames::Experiment)?;
    if !options.quiet {
        note(format!("memory: about {}", bytes(estimate.total())));
    }
    let resolved = e.resolved();
    let sources = serde_json::to_value(&source.files).unwrap_or_default();
    let OpenRun { folder, earlier } = match lifecycle::open((options, part), ranks, &resolved, &sources)? {
        Opening::Open(open) => open,
        Opening::Complete(report) => return Ok(report),
    };
    let context = RunContext::of_part(&folder, interrupt, options.quiet, part)?;
    let tasks = |dense: &Scores| {
        let subject = PruningSubject { experiment: e, source: &source, dense };
        study_tasks(&context, registry.pruning, e, |study| study.run(subject, &context))
    };
    match part {
        Part::Shard(shard) => {
            let Outcome::Complete(dense) = score_dense(&source, &context)? else {
                return no_dense_score(&context);
            };
            return run_shard(&context, shard, (Vec::new(), false), || tasks(&dense));
        }
        Part::Finish => require_shards(&folder, |_| Ok(Vec::new()))?,
        Part::Whole | Part::Limit => {}
    }
    remove_working_copies(&folder)?;
    let memory = serde_json::to_value(estimate).unwrap_or_default();
    let population = population(&source, sources);
    let mut manifest = lifecycle::manifest(RunKind::Pruning, part, resolved, e.seed, population, memory, earlier);
    manifest.warnings.extend(source.warnings.clone());
    folder.write_json("manifest.json", &manifest)?;
    if let Ok(text) = toml::to_string(e) {
        folder.write_text(EXPERIMENT, &text)?;
    }
    context.journal.plan(Vec::new(), e.studies.iter().map(|study| study.name.to_string()).collect());
    let dense = match score_dense(&source, &context)? {
        Outcome::Complete(dense) => dense,
        Outcome::Interrupted => return lifecycle::interrupted(&context, manifest),
    };
    write_records(e, &source, &dense, &folder)?;
    manifest.add_phase("dense score", started.elapsed().as_secs_f64());
    if part == Part::Limit {
        return lifecycle::limit_done(&context, manifest, tasks(&dense)?);
    }

    let subject = PruningSubject { experiment: e, source: &source, dense: &dense };
    let first = |name| lifecycle::first_figure(options, &context, registry.pruning_figures(name));
    match lifecycle::run_studies(registry.pruning, e, subject, &context, &mut manifest, first)? {
        Outcome::Complete(checks) => {
            source.model.require_unchanged()?;
            lifecycle::finish(options, &context, manifest, checks, registry)
        }
        Outcome::Interrupted => lifecycle::interrupted(&context, manifest),
    }
}

/// Checks all that can be checked before anything is computed, as [`run`] does; returns the estimated memory in bytes.
///
/// # Errors
/// As [`run`], but for the folder.
pub(super) fn require_runnable(e: &PruningExperiment, registry: &'static Registry) -> Result<u64, RunError> {
    let source = source(e)?;
    require_scores(&source)?;
    let estimate = PruningMemory::new(e, &source, registry);
    estimate.fits_machine(RequestNames::Experiment)?;
    for (_, study) in studies_of(registry.pruning, e) {
        study.check(&source)?;
    }
    Ok(estimate.total())
}

/// The estimated memory of an experiment, by purpose, and most at one time in bytes. Model and data are read.
///
/// # Errors
/// Models and data that cannot be read.
pub(super) fn estimate_memory(
    e: &PruningExperiment,
    registry: &'static Registry,
) -> Result<(PruningMemory, u64), RunError> {
    let estimate = PruningMemory::new(e, &source(e)?, registry);
    Ok((estimate, estimate.total()))
}

/// The model and the data of an experiment.
fn source(e: &PruningExperiment) -> Result<PruningSource, RunError> {
    Ok(PruningSource::new(PruningRequest {
        seed: e.seed,
        precision: e.precision,
        model: &e.model,
        calibration: &e.calibration,
        held_out: Some(&e.held_out),
        options: &e.pruning,
        names: RequestNames::Experiment,
    })?)
}

/// The report of a shard that found no score of the model before pruning, which is part of the limit.
fn no_dense_score(context: &RunContext<'_>) -> Result<Report, RunError> {
    let path = context.folder.path().to_path_buf();
    if context.interrupted() {
        return Ok(Report::Interrupted { folder: path });
    }
    Err(PartError::Limit { path, missing: vec!["the score of the model before pruning".into()] }.into())
}

/// Removes the copies of the model that a process that was killed has left: they are the only folders in `checkpoint/`.
fn remove_working_copies(folder: &RunFolder) -> Result<(), RunError> {
    let path = folder.file("checkpoint");
    for entry in std::fs::read_dir(&path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            std::fs::remove_dir_all(entry.path()).map_err(|source| PruneError::Write { path: entry.path(), source })?;
        }
    }
    Ok(())
}

/// A model without scores cannot be compared.
fn require_scores(source: &PruningSource) -> Result<(), PruneError> {
    match source.architecture.head {
        HeadSpec::Language { .. } | HeadSpec::Classes { .. } => Ok(()),
        HeadSpec::Mean => Err(PruneError::Inputs {
            what: source.model.folder().display().to_string(),
            reason: format!(
                "a model of type {} has no scores to compare: expected a language model or a classifier; `widelimit prune` prunes it without scores",
                source.architecture.family
            ),
        }),
    }
}

/// The score of the model before pruning, saved like the result of a task.
fn score_dense(source: &PruningSource, context: &RunContext<'_>) -> Result<Outcome<Scores>, RunError> {
    let samples = source.held_out.as_ref().map_or(0, |(inputs, _)| inputs.count());
    let task = [Task { name: "dense".into(), size: 1, item: () }];
    let fits = |_: &(), found: &(Vec<f64>, Vec<bool>)| found.0.len() == samples;
    let found = run_scoped_tasks_in_order(context, ("dense score", Scope::Shared), &task, fits, |_, _| {
        let Scores { losses, hits } = source.score(&source.model)?;
        Ok(Outcome::Complete((losses, hits)))
    })?;
    Ok(match found {
        Outcome::Complete(mut found) => match found.pop() {
            Some((losses, hits)) => Outcome::Complete(Scores { losses, hits }),
            None => Outcome::Interrupted,
        },
        Outcome::Interrupted => Outcome::Interrupted,
    })
}

fn population(source: &PruningSource, sources: serde_json::Value) -> PopulationRecord {
    let (_, samples) = source.batch_sizes();
    PopulationRecord {
        description: source.description(),
        samples,
        inputs: source.architecture.hidden,
        outputs: source.layers().len(),
        test_samples: None,
        standardisation: serde_json::Value::Null,
        sources,
    }
}

fn write_records(
    e: &PruningExperiment,
    source: &PruningSource,
    dense: &Scores,
    folder: &RunFolder,
) -> Result<(), RunError> {
    let all = source.architecture.blocks.iter().flat_map(|block| block.groups()).flatten();
    let excluded = all.filter(|layer| !e.pruning.selects(&layer.name)).map(|layer| layer.name.clone()).collect();
    let (calibration_length, held_out_length, _) = source.lengths();
    let record = PruningRecord {
        model: source.bundled.map_or(source.architecture.family, Choice::name).into(),
        methods: e.pruning.methods.iter().map(|method| method.name().into()).collect(),
        layers: source.layers().into_iter().map(|layer| layer.name.clone()).collect(),
        excluded,
        language: source.is_language(),
        batch: source.batch_sizes().0,
        calibration_length,
        held_out_length,
        dense_loss: dense.loss(),
        dense_accuracy: dense.accuracy(),
    };
    folder.write_json(FILE, &record)?;
    let arrays = PruningArrays {
        dense_losses: shaped([dense.losses.len()], dense.losses.clone()),
        dense_hits: hits_as_numbers(&dense.hits),
    };
    let mut stored = Arrays::default();
    arrays.push("", &mut stored);
    Ok(stored.write(&folder.file(ARRAYS))?)
}
