//! An estimate of the memory of a run of pruning, before anything is computed.
//!
//! Models are pruned one after the other. At one time there are the samples, the features of those that pass through the
//! network, one block with the inputs of its layers, the moments of these inputs, and one layer with its factors. Sizes of
//! matrices are exact; their number is an upper bound.

use super::machine_memory::{MemoryShortage, require};
use super::pruning_sizes::{PruningSizes, PruningStudyMemory};
use super::pruning_source::PruningSource;
use super::request_names::RequestNames;
use super::study::{Registry, studies_of};
use crate::compute::KEPT;
use crate::config::{Precision, PruningExperiment};
use crate::prune::model::{Architecture, CHUNK_TOKENS, CHUNKS_HELD, EmbeddingSpec, HeadSpec, Inputs};
use crate::prune::network::MOMENT_TOKENS;
use crate::prune::training::{TRAINING_CHUNKS, TRAINING_TOKENS};
use serde::Serialize;

const NUMBER: f64 = 8.0;
/// Bytes of code, threads, fonts and the drawing code, of a bundled model, and of freed memory that is kept.
const PROGRAM: f64 = 24.0 * 1024.0 * 1024.0 + KEPT as f64;
/// Square matrices of a layer: the moment, its sum, the factor and its parts, the inverse, the matrix of the step.
const SQUARE_MATRICES: f64 = 6.0;
/// Matrices of the size of a layer's weights in the methods, before and after.
const WEIGHT_MATRICES: f64 = 10.0;
/// Copies of records at one time.
const COPIES: f64 = 5.0;

/// Bytes by purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PruningMemory {
    /// Code and threads.
    pub program: u64,
    /// Calibration and held-out samples.
    pub samples: u64,
    /// Features of the samples between two blocks.
    pub features: u64,
    /// A block, and the inputs of its layers.
    pub block: u64,
    /// Second moments of the inputs.
    pub moments: u64,
    /// A layer and its factors.
    pub layer: u64,
    /// The embedding, the head and its outputs.
    pub scores: u64,
    /// The whole network with the moments of Adam, and a batch of a step, where kept weights are trained.
    pub training: u64,
    /// Results.
    pub records: u64,
    /// The figures that are drawn at the same time.
    pub figures: u64,
}

/// Bytes of a set of samples as it is stored.
fn stored(inputs: &Inputs) -> f64 {
    match inputs {
        Inputs::Tokens { ids, .. } => 4.0 * ids.len() as f64,
        Inputs::Images { pixels, .. } => NUMBER * pixels.len() as f64,
    }
}

/// Tokens of a sample.
fn tokens(architecture: &Architecture, inputs: &Inputs) -> f64 {
    match (inputs, &architecture.embedding) {
        (Inputs::Tokens { length, .. }, _) => *length as f64,
        (_, EmbeddingSpec::Image { leading, size, patch, .. }) => leading.len() as f64 + (size / patch).pow(2) as f64,
        (Inputs::Images { .. }, EmbeddingSpec::Tokens { .. }) => 1.0,
    }
}

/// Bytes of a pass over the blocks with `calibration` samples, and of a score, with parts by purpose.
fn pass_memory(source: &PruningSource, precision: Precision, samples: usize) -> PruningMemory {
    let architecture = &source.architecture;
    let threads = rayon::current_num_threads() as f64;
    let scalar = if precision == Precision::F64 { 8.0 } else { 4.0 };
    let hidden = architecture.hidden as f64;
    let calibration = source.batch_of(0, 1);
    let (batch, all) = source.batch_sizes();
    let held = source.held_out.as_ref().map(|(inputs, _)| inputs);
    // All samples, and a batch of them.
    let sizes = stored(&calibration) * (all + samples.max(batch)) as f64 + held.map_or(0.0, stored);
    let passing = tokens(architecture, &calibration) * samples as f64;
    let scoring = held.map_or(0.0, |inputs| tokens(architecture, inputs) * inputs.count() as f64);
    let longest = tokens(architecture, &calibration).max(held.map_or(0.0, |inputs| tokens(architecture, inputs)));
    let chunk = (CHUNK_TOKENS as f64).max(longest);
    let (mut block, mut moments, mut layer) = (0.0_f64, 0.0_f64, 0.0_f64);
    for spec in &architecture.blocks {
        let layers: Vec<_> = spec.groups().into_iter().flatten().collect();
        let weights: f64 = layers.iter().map(|l| (l.inputs * l.outputs) as f64).sum();
        let widths: f64 = layers.iter().map(|l| (l.inputs + l.outputs) as f64).sum();
        let attention = (architecture.attention.heads as f64) * longest * longest;
        let held = (CHUNKS_HELD as f64 + threads) * chunk * (widths + 2.0 * hidden) + threads * attention;
        // Weights as they are stored and in panels.
        block = block.max(scalar * (2.0 * weights + held) + NUMBER * weights);
        let inputs = spec.groups().map(|group| group[0].inputs as f64);
        // The tokens whose products are summed at a time, and two copies of them.
        let held = 3.0 * MOMENT_TOKENS as f64;
        moments = moments.max(inputs.iter().map(|d| NUMBER * (d * d + held * d)).sum());
        for l in layers {
            let (d, rows) = (l.inputs as f64, l.outputs as f64);
            // Each thread eliminates or solves a row with matrices of its own.
            let square = (SQUARE_MATRICES + 2.0 * threads) * d * d;
            layer = layer.max(NUMBER * (square + WEIGHT_MATRICES * d * rows));
        }
    }
    let (outputs, embedding) = (outputs_of(architecture), embedding_of(architecture));
    let head = scalar * 3.0 * embedding + threads * chunk * outputs * (scalar + NUMBER);
    PruningMemory {
        program: PROGRAM as u64,
        samples: sizes as u64,
        features: (scalar * hidden * passing.max(scoring)) as u64,
        block: block as u64,
        moments: moments as u64,
        layer: layer as u64,
        scores: head as u64,
        training: 0,
        records: 0,
        figures: 0,
    }
}

/// Bytes of the pruning of one model into a folder, with `training` samples of a step of training; 0 without.
pub fn folder_memory(source: &PruningSource, precision: Precision, training: usize) -> PruningMemory {
    PruningMemory {
        training: training_memory(source, precision, training) as u64,
        ..pass_memory(source, precision, source.batch_sizes().0)
    }
}

/// Bytes of training with `batch` samples of a step: all blocks, also in panels, with two moments of every weight, the
/// embedding and the head, the inputs of all blocks, and of the chunks that are computed at one time the gradients of a block and everything
/// between its layers.
fn training_memory(source: &PruningSource, precision: Precision, batch: usize) -> f64 {
    if batch == 0 {
        return 0.0;
    }
    let architecture = &source.architecture;
    let threads = rayon::current_num_threads() as f64;
    let scalar = if precision == Precision::F64 { 8.0 } else { 4.0 };
    let (hidden, length) = (architecture.hidden as f64, tokens(architecture, &source.batch_of(0, 1)));
    let (mut weights, mut largest, mut widest) = (0.0, 0.0_f64, 0.0_f64);
    for block in &architecture.blocks {
        let layers: Vec<_> = block.groups().into_iter().flatten().collect();
        let of_block: f64 = layers.iter().map(|l| (l.inputs * l.outputs) as f64).sum();
        let widths: f64 = layers.iter().map(|l| (l.inputs + l.outputs) as f64).sum();
        (weights, largest, widest) = (weights + of_block, largest.max(of_block), widest.max(widths));
    }
    let chunk = (TRAINING_TOKENS as f64).max(length);
    let chunks = (batch as f64 * length / chunk).ceil();
    let held = chunks.min(TRAINING_CHUNKS as f64);
    let features = batch as f64 * length * hidden * (architecture.blocks.len() + 2) as f64;
    // The values before and after every layer and their gradients, and the shares and scores of a head.
    let within = chunk * (2.0 * widest + 8.0 * hidden) + 2.0 * length * length;
    let outputs = outputs_of(architecture);
    let heads = threads * chunk * (outputs * (scalar + NUMBER) + scalar * 3.0 * hidden);
    let vectors = 3.0 * embedding_of(architecture);
    // Weights in double precision while they are written.
    let written = 2.0 * NUMBER * largest;
    scalar * (4.0 * weights + vectors + features + (held + 1.0) * largest + threads * within) + heads + written
}

/// Scores of a token or of a sample.
fn outputs_of(architecture: &Architecture) -> f64 {
    match (&architecture.head, &architecture.embedding) {
        (HeadSpec::Language { .. }, EmbeddingSpec::Tokens { vocabulary, .. }) => *vocabulary as f64,
        (HeadSpec::Classes { layer, .. }, _) => layer.outputs as f64,
        _ => 0.0,
    }
}

/// Entries of an embedding, about.
fn embedding_of(architecture: &Architecture) -> f64 {
    let hidden = architecture.hidden as f64;
    match &architecture.embedding {
        EmbeddingSpec::Tokens { vocabulary, .. } => *vocabulary as f64 * hidden,
        EmbeddingSpec::Image { .. } => hidden * hidden,
    }
}

impl PruningMemory {
    /// Estimates the memory of an experiment.
    pub fn new(e: &PruningExperiment, source: &PruningSource, registry: &'static Registry) -> Self {
        let (batch, _) = source.batch_sizes();
        let held_out = source.held_out.as_ref().map_or(0, |(inputs, _)| inputs.count());
        let sizes = PruningSizes { experiment: e, batch, held_out, layers: source.layers().len() };
        let studies: Vec<PruningStudyMemory> =
            studies_of(registry.pruning, e).map(|(_, study)| study.memory(sizes)).collect();
        let samples = studies.iter().map(|study| study.samples).max().unwrap_or(batch);
        let records = COPIES * studies.iter().map(|study| study.records).sum::<f64>();
        let threads = rayon::current_num_threads() as f64;
        let figures = threads * studies.iter().map(|study| study.figure).fold(0.0, f64::max);
        let trained = studies.iter().map(|study| study.training_batch).max().unwrap_or(0);
        PruningMemory {
            records: records as u64,
            figures: figures as u64,
            training: training_memory(source, e.precision, trained) as u64,
            ..pass_memory(source, e.precision, samples)
        }
    }

    /// Largest memory at one time, in bytes.
    pub fn total(&self) -> u64 {
        let pruning = self.block.saturating_add(self.moments).saturating_add(self.layer);
        let computing = self.features.saturating_add(pruning.max(self.scores));
        let parts = [self.samples, computing.max(self.training).max(self.figures), self.records];
        parts.iter().fold(self.program, |total, part| total.saturating_add(*part))
    }

    /// Checks that the machine has enough memory.
    ///
    /// # Errors
    /// [`MemoryShortage`] with all parts of the estimate.
    pub fn fits_machine(&self, names: RequestNames) -> Result<(), MemoryShortage> {
        let parts = vec![
            ("the samples", self.samples),
            ("their features", self.features),
            ("a block", self.block),
            ("moments", self.moments),
            ("a layer", self.layer),
            ("scores", self.scores),
            ("training", self.training),
            ("results", self.records),
            ("figures", self.figures),
        ];
        let advice = match names {
            RequestNames::Experiment => "fewer or shorter samples, precision = \"f32\", or fewer --threads",
            RequestNames::Command => "smaller --samples or --length, --precision f32, or fewer --threads",
        };
        require(self.total(), parts, advice)
    }
}
