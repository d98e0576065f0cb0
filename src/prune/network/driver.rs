//! The blocks of a network in order.
//!
//! The moments of a layer's inputs are those behind the earlier layers as they have been pruned. One block and the
//! features of all samples are in memory at a time; pruned weights go to the copy of the model at once.

use super::super::checkpoint::{ModelCopy, ModelFolder};
use super::super::error::PruneError;
use super::super::layer::{DampedMoment, LayerProblem, LayerSettings, Sparsity, Zeros, continue_layer, prune_layer};
use super::super::model::{Architecture, FeatureStream, Inputs, LinearSpec, ModelReal, TransformerBlock, describe};
use super::moments::MomentSum;
use super::record::{LayerRecord, PruneRecord};
use super::weights::{read_weight, write_weight, zeros};
use crate::number::plain;
use faer::Mat;
use std::collections::BTreeMap;
use std::time::Instant;

/// The calibration data of a round, from 0.
pub type CalibrationBatches<'a> = dyn FnMut(usize) -> Result<Inputs, PruneError> + 'a;

/// How many zeros the layers have.
#[derive(Clone, Debug, PartialEq)]
pub enum Quota {
    /// The same sparsity for every layer.
    Uniform(Sparsity),
    /// A number for each layer by name, as [`super::measured_quota`] divides them.
    PerLayer(BTreeMap<String, usize>),
}

/// How a network is pruned.
pub struct PruneSettings<'a> {
    /// The zeros of the layers.
    pub quota: Quota,
    /// The method for a layer.
    pub layer: LayerSettings,
    /// The damping of the moments, over their mean diagonal.
    pub damping: f64,
    /// Whether a layer is pruned, by name.
    pub selected: &'a (dyn Fn(&str) -> bool + Sync),
    /// Whether the inputs of the later layers of a block are computed with its earlier layers pruned; otherwise with the
    /// block before pruning, in one pass.
    pub within_block: bool,
    /// Rounds after the first, each with a fresh batch and one step of the iterative optimal brain surgeon.
    pub rounds: usize,
}

/// Where a pass over the blocks begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassStart {
    /// The round, from 0.
    pub round: usize,
    /// The first block to prune; those before it have been pruned in this round.
    pub block: usize,
}

/// Follows a pass. An error of either function ends it.
pub trait PruneObserver {
    /// A layer has been pruned and written.
    ///
    /// # Errors
    /// What ends the pass, such as [`PruneError::Interrupted`].
    fn layer(&mut self, _record: &LayerRecord) -> Result<(), PruneError> {
        Ok(())
    }

    /// All layers of a block have been pruned and written.
    ///
    /// # Errors
    /// What ends the pass.
    fn block(&mut self, _index: usize, _copy: &ModelCopy) -> Result<(), PruneError> {
        Ok(())
    }
}

/// Prunes the model `source` into `copy`, which is a copy of it, in the first round and in [`PruneSettings::rounds`] others.
/// `progress` is called after every layer.
///
/// # Errors
/// A model that is not supported, settings that do not fit it, calibration data that do not fit, inputs of layers that are
/// not finite, moments that cannot be factored, files that cannot be read or written.
pub fn prune_network<R: ModelReal>(
    source: &ModelFolder,
    copy: &mut ModelCopy,
    batches: &mut CalibrationBatches<'_>,
    settings: &PruneSettings<'_>,
    progress: &mut dyn FnMut(&LayerRecord),
) -> Result<PruneRecord, PruneError> {
    struct LayerCallback<'a>(&'a mut dyn FnMut(&LayerRecord));
    impl PruneObserver for LayerCallback<'_> {
        fn layer(&mut self, record: &LayerRecord) -> Result<(), PruneError> {
            (self.0)(record);
            Ok(())
        }
    }
    let start = Instant::now();
    settings.check(&describe(source)?)?;
    let mut layers = Vec::new();
    for round in 0..=settings.rounds {
        let inputs = batches(round)?;
        let start = PassStart { round, block: 0 };
        layers.extend(prune_pass::<R>(source, copy, &inputs, settings, start, &mut LayerCallback(progress))?);
    }
    let mut record = summary(source, copy.checkpoint(), settings, layers)?;
    record.seconds = start.elapsed().as_secs_f64();
    Ok(record)
}

/// Prunes the blocks from `start` on, with the data `inputs`; returns the records of their layers. Blocks before it are as
/// they were pruned in this round.
///
/// # Errors
/// As [`prune_network`], and those of the observer.
pub fn prune_pass<R: ModelReal>(
    source: &ModelFolder,
    copy: &mut ModelCopy,
    inputs: &Inputs,
    settings: &PruneSettings<'_>,
    start: PassStart,
    observer: &mut dyn PruneObserver,
) -> Result<Vec<LayerRecord>, PruneError> {
    let architecture = describe(source)?;
    settings.check(&architecture)?;
    let mut stream = FeatureStream::<R>::new(copy.checkpoint(), &architecture, inputs)?;
    for index in 0..start.block.min(architecture.blocks.len()) {
        stream.pass(&TransformerBlock::read(copy.checkpoint(), &architecture, index)?);
    }
    let pass = BlockPass { source, copy, architecture: &architecture, settings, round: start.round, stream };
    pass.run(start.block, observer)
}

/// What is reported of the pruned model `written`, with the records of its layers. The seconds are those of the layers.
///
/// # Errors
/// Files that cannot be read.
pub fn summary(
    source: &ModelFolder,
    written: &ModelFolder,
    settings: &PruneSettings<'_>,
    layers: Vec<LayerRecord>,
) -> Result<PruneRecord, PruneError> {
    let architecture = describe(source)?;
    let all: Vec<&LinearSpec> = architecture.blocks.iter().flat_map(|block| block.groups()).flatten().collect();
    let excluded: Vec<String> =
        all.iter().filter(|layer| !(settings.selected)(&layer.name)).map(|layer| layer.name.clone()).collect();
    let (mut zero, mut entries, mut parameters) = (0, 0, 0);
    for layer in &all {
        zero += zeros(&read_weight(written, layer)?);
        entries += layer.inputs * layer.outputs;
    }
    for name in source.names() {
        parameters += source.shape(name)?.iter().product::<usize>();
    }
    let warnings = warnings(&layers, &excluded, all.len());
    let seconds = layers.iter().map(|layer| layer.seconds).sum();
    Ok(PruneRecord {
        layers,
        excluded,
        sparsity: zero as f64 / entries as f64,
        model_sparsity: zero as f64 / parameters as f64,
        warnings,
        seconds,
    })
}

impl PruneSettings<'_> {
    /// Checks that the settings fit a model, before its first forward pass.
    ///
    /// # Errors
    /// No layer to prune, a sparsity outside its range, a pattern that does not divide the inputs of a layer.
    pub fn check(&self, architecture: &Architecture) -> Result<(), PruneError> {
        let all = || architecture.blocks.iter().flat_map(|block| block.groups()).flatten();
        if !all().any(|layer| (self.selected)(&layer.name)) {
            return Err(PruneError::NoLayers { layers: all().count() });
        }
        all().filter(|layer| (self.selected)(&layer.name)).try_for_each(|layer| self.quota.of_layer(layer).map(|_| ()))
    }
}

impl Quota {
    /// The zeros of a layer.
    ///
    /// # Errors
    /// A sparsity outside its range, a pattern that does not divide the inputs of the layer.
    pub fn of_layer(&self, layer: &LinearSpec) -> Result<Zeros, PruneError> {
        match self {
            Quota::Uniform(sparsity) => {
                sparsity.check()?;
                sparsity.of_matrix(&layer.name, layer.outputs, layer.inputs)
            }
            Quota::PerLayer(zeros) => {
                Ok(Zeros::Matrix(zeros.get(&layer.name).copied().unwrap_or(0).min(layer.outputs * layer.inputs)))
            }
        }
    }
}

/// One pass over the blocks.
struct BlockPass<'a, R> {
    source: &'a ModelFolder,
    copy: &'a mut ModelCopy,
    architecture: &'a Architecture,
    settings: &'a PruneSettings<'a>,
    round: usize,
    stream: FeatureStream<R>,
}

impl<R: ModelReal> BlockPass<'_, R> {
    fn run(mut self, first: usize, observer: &mut dyn PruneObserver) -> Result<Vec<LayerRecord>, PruneError> {
        let mut records = Vec::new();
        for index in first..self.architecture.blocks.len() {
            let spec = &self.architecture.blocks[index];
            let mut moments: Vec<Option<MomentSum<R>>> = Vec::new();
            for (group, layers) in spec.groups().into_iter().enumerate() {
                if group == 0 || self.settings.within_block {
                    moments = self.moments(index, |other| !self.settings.within_block || other == group)?;
                }
                if let Some(sum) = moments[group].take() {
                    self.prune_group(layers, sum, &mut |record| {
                        observer.layer(&record)?;
                        records.push(record);
                        Ok(())
                    })?;
                }
            }
            observer.block(index, self.copy)?;
            // No layer follows the last block.
            if index + 1 < self.architecture.blocks.len() {
                self.stream.pass(&TransformerBlock::read(self.copy.checkpoint(), self.architecture, index)?);
            }
        }
        Ok(records)
    }

    /// The moments of the inputs of the groups of a block that are `wanted` and have a layer to prune.
    fn moments(&self, index: usize, wanted: impl Fn(usize) -> bool) -> Result<Vec<Option<MomentSum<R>>>, PruneError> {
        let block = TransformerBlock::read(self.copy.checkpoint(), self.architecture, index)?;
        let groups = self.architecture.blocks[index].groups();
        let mut sums: Vec<Option<MomentSum<R>>> = groups
            .iter()
            .enumerate()
            .map(|(group, layers)| {
                let chosen = layers.iter().find(|layer| (self.settings.selected)(&layer.name));
                chosen.filter(|_| wanted(group)).map(|layer| MomentSum::new(&layer.name, layer.inputs))
            })
            .collect();
        self.stream.tap(&block, &mut |group, inputs| sums[group].as_mut().map_or(Ok(()), |sum| sum.add(inputs)))?;
        Ok(sums)
    }

    /// Prunes the layers of a group, which have the same inputs.
    fn prune_group(
        &mut self,
        layers: &[LinearSpec],
        sum: MomentSum<R>,
        record: &mut dyn FnMut(LayerRecord) -> Result<(), PruneError>,
    ) -> Result<(), PruneError> {
        let mut start = Instant::now();
        let (matrix, tokens) = sum.finish();
        let moment = DampedMoment::new(&layers[0].name, matrix, self.settings.damping)?;
        for layer in layers.iter().filter(|layer| (self.settings.selected)(&layer.name)) {
            let dense = read_weight(self.source, layer)?;
            let zeros_of_layer = self.settings.quota.of_layer(layer)?;
            let problem = LayerProblem { weights: dense.as_ref(), moment: &moment, zeros: zeros_of_layer };
            let pruned: Mat<f64> = if self.round == 0 {
                prune_layer(&problem, &self.settings.layer)
            } else {
                continue_layer(&problem, &self.settings.layer, &read_weight(self.copy.checkpoint(), layer)?)
            };
            let written = write_weight(self.copy, layer, &pruned)?;
            let (loss, scale) = (problem.loss(&written), problem.scale());
            record(LayerRecord {
                round: self.round,
                layer: layer.name.clone(),
                rows: layer.outputs,
                inputs: layer.inputs,
                zeros: zeros(&written),
                loss,
                relative_loss: if scale > 0.0 { loss / scale } else { 0.0 },
                outputs_square: scale,
                damping: moment.damping,
                damping_raised: moment.raised,
                dead_inputs: moment.dead_inputs(),
                tokens,
                condition: moment.condition(),
                seconds: start.elapsed().as_secs_f64(),
            })?;
            start = Instant::now();
        }
        Ok(())
    }
}

/// What a reader should know before trusting the result.
fn warnings(layers: &[LayerRecord], excluded: &[String], all: usize) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    // Several rounds have the same.
    let mut add = |warning: String| {
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    };
    for layer in layers {
        let name = &layer.layer;
        if layer.tokens < layer.inputs {
            let (tokens, inputs) = (layer.tokens, layer.inputs);
            add(format!("layer {name}: {tokens} tokens for {inputs} inputs: use more calibration data"));
        }
        if layer.damping_raised {
            let damping = plain(layer.damping);
            add(format!("layer {name}: the damping was raised to {damping} to factor the moment of its inputs"));
        }
        if layer.dead_inputs > 0 {
            add(format!("layer {name}: {} inputs are zero on the calibration data", layer.dead_inputs));
        }
    }
    if !excluded.is_empty() {
        warnings.push(format!("{} of {all} linear layers were not pruned", excluded.len()));
    }
    warnings
}
