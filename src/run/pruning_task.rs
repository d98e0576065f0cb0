//! One pruned and scored model, a task of several studies.

use super::context::{Outcome, RunContext, RunError};
use super::pruning_source::PruningSource;
use super::study::PruningSubject;
use super::tasks::TaskHandle;
use crate::prune::PruneError;
use crate::prune::checkpoint::{ModelCopy, ModelFolder};
use crate::prune::layer::PruneMethod;
use crate::prune::network::{
    LayerRecord, PassStart, PruneObserver, PruneRecord, PruneSettings, Quota, missing_zeros, summary, verify,
};
use crate::record::{RecordError, RunFolder, WALL_TIMES};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A model that was pruned, written, read back and scored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PrunedModel {
    /// What was done to its layers.
    pub record: PruneRecord,
    /// Zeros that the written layers lack.
    pub missing_zeros: usize,
    /// The cross entropy of every held-out sample.
    pub losses: Vec<f64>,
    /// Whether the largest score of every held-out sample is that of its label; empty for language models.
    pub hits: Vec<bool>,
}

impl PrunedModel {
    /// Whether the lengths of the lists are those of a run.
    pub fn fits(&self, subject: &PruningSubject<'_>) -> bool {
        let layers = subject.source.layers();
        self.losses.len() == subject.dense.losses.len()
            && self.hits.len() == subject.dense.hits.len()
            && self.record.layers.len() == layers.len()
            && self.record.layers.iter().zip(layers).all(|(record, layer)| record.layer == layer.name)
    }
}

/// Reports the progress of a pass over the layers, and stops it where that is requested.
pub struct LayerProgress<'a> {
    handle: &'a TaskHandle<'a>,
    done: usize,
    all: usize,
}

impl<'a> LayerProgress<'a> {
    /// Of a task with `all` steps, a step for every layer and for whatever else the task counts.
    pub fn new(handle: &'a TaskHandle<'a>, all: usize) -> Self {
        LayerProgress { handle, done: 0, all }
    }

    /// Counts a step.
    ///
    /// # Errors
    /// [`PruneError::Interrupted`] where a stop was requested.
    pub fn step(&mut self) -> Result<(), PruneError> {
        self.done += 1;
        match self.handle.advance_to(self.done as f64 / self.all.max(1) as f64) {
            true => Ok(()),
            false => Err(PruneError::Interrupted),
        }
    }
}

impl PruneObserver for LayerProgress<'_> {
    fn layer(&mut self, _: &LayerRecord) -> Result<(), PruneError> {
        self.step()
    }
}

/// The place of a copy of the model while a task uses it.
///
/// # Errors
/// A folder that cannot be made.
pub fn working_copy(
    subject: &PruningSubject<'_>,
    context: &RunContext<'_>,
    task: &str,
) -> Result<ModelCopy, PruneError> {
    ModelCopy::create(&subject.source.model, &working_path(context.folder, task))
}

fn working_path(folder: &RunFolder, task: &str) -> PathBuf {
    folder.file(&format!("checkpoint/model-{task}"))
}

/// A pruned model, read back and verified.
pub struct WrittenModel {
    /// The model.
    pub model: ModelFolder,
    /// What was done to its layers.
    pub record: PruneRecord,
    /// Zeros that its layers lack.
    pub missing_zeros: usize,
}

/// Writes what is pending of a copy, opens it again and verifies it; `layers` are the records of its layers.
///
/// # Errors
/// As [`summary`], [`verify`] and [`missing_zeros`].
pub fn read_back(
    source: &PruningSource,
    copy: &ModelCopy,
    settings: &PruneSettings<'_>,
    layers: Vec<LayerRecord>,
) -> Result<WrittenModel, PruneError> {
    copy.flush()?;
    let model = ModelFolder::open(copy.checkpoint().folder())?;
    let record = summary(&source.model, &model, settings, layers)?;
    verify(&source.model, &model, &record, &settings.quota)?;
    let mut missing = 0;
    for layer in source.layers() {
        missing += missing_zeros(&model, layer, settings.quota.of_layer(layer)?)?;
    }
    Ok(WrittenModel { model, record, missing_zeros: missing })
}

/// Prunes the model by a method, writes it, reads it back and scores it. The written model is removed.
///
/// # Errors
/// As [`crate::prune::network::prune_pass`], [`verify`] and [`crate::prune::model::score`].
pub fn prune_and_score(
    subject: &PruningSubject<'_>,
    context: &RunContext<'_>,
    (task, handle): (&str, &TaskHandle<'_>),
    method: PruneMethod,
    quota: &Quota,
) -> Result<Outcome<PrunedModel>, RunError> {
    let source = subject.source;
    let mut copy = working_copy(subject, context, task)?;
    let found = source.with_settings(method, quota, |settings| {
        let mut progress = LayerProgress::new(handle, source.layers().len() + 1);
        let layers = source.prune(&mut copy, &source.batch(0), settings, PassStart::default(), &mut progress)?;
        let WrittenModel { model, record, missing_zeros } = read_back(source, &copy, settings, layers)?;
        let scores = source.score(&model)?;
        Ok(PrunedModel { record, missing_zeros, losses: scores.losses, hits: scores.hits })
    })?;
    Ok(if handle.interrupted() { Outcome::Interrupted } else { Outcome::Complete(found) })
}

/// Wall seconds of a layer, in [`WALL_TIMES`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerTiming {
    /// The study.
    pub study: String,
    /// The task of the study: a method and a sparsity, or the like.
    pub task: String,
    /// The round, from 0.
    pub round: usize,
    /// The layer.
    pub layer: String,
    /// Seconds, without the forward passes.
    pub seconds: f64,
}

/// Writes the wall times of a study, beside those of the studies before it.
///
/// # Errors
/// A file that cannot be read or written.
pub fn write_timings<'a>(
    folder: &RunFolder,
    study: &str,
    tasks: impl Iterator<Item = (String, &'a [LayerRecord])>,
) -> Result<(), RecordError> {
    let mut timings: Vec<LayerTiming> = match folder.read_json(WALL_TIMES) {
        Err(RecordError::Missing { .. }) => Vec::new(),
        found => found?,
    };
    timings.retain(|timing| timing.study != study);
    for (task, layers) in tasks {
        timings.extend(layers.iter().map(|layer| LayerTiming {
            study: study.into(),
            task: task.clone(),
            round: layer.round,
            layer: layer.layer.clone(),
            seconds: layer.seconds,
        }));
    }
    folder.write_json(WALL_TIMES, &timings)
}
