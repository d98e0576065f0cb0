//! A whole model in memory: its loss, and the gradients of its linear layers.
//!
//! A batch is computed in chunks of samples whose size depends on the length of a sample alone, and the gradients of the
//! chunks are added in their order, so that results do not depend on the number of threads. Of the forward pass the inputs
//! of the blocks are held; each block is computed again in the backward pass.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::super::model::{
    Architecture, BlockGradient, Embedding, Head, Inputs, ModelReal, Targets, TransformerBlock, describe,
};
use crate::compute::profile::{self, WorkKind};
use rayon::prelude::*;

/// Tokens of a chunk of samples in training, about.
pub const TRAINING_TOKENS: usize = 256;
/// Chunks whose gradients of a block are held at a time.
pub const TRAINING_CHUNKS: usize = 8;

/// Samples, and the classes of those of a classifier.
#[derive(Clone, Debug)]
pub struct LabelledBatch {
    /// The samples.
    pub inputs: Inputs,
    /// A class for each, of a classifier.
    pub labels: Option<Vec<usize>>,
}

/// A model in memory.
pub struct LoadedNetwork<R> {
    /// What its configuration describes.
    pub architecture: Architecture,
    /// Its blocks.
    pub blocks: Vec<TransformerBlock<R>>,
    embedding: Embedding<R>,
    head: Head<R>,
}

/// Takes the index of a block, the block, and the gradients of its weights in the order of [`TransformerBlock::layers`].
pub type GradientSink<'a, R> = dyn FnMut(usize, &mut TransformerBlock<R>, Vec<Vec<R>>) + 'a;

/// A chunk on its way through the network.
struct TrainingChunk<R> {
    /// The inputs of the blocks (samples, length, hidden), from the first block on.
    features: Vec<Vec<R>>,
    /// The gradient at the features behind the last block that was computed backwards.
    gradient: Vec<R>,
    present: Option<Vec<bool>>,
    loss: f64,
}

impl<R: ModelReal> LoadedNetwork<R> {
    /// Reads a model.
    ///
    /// # Errors
    /// A model that is not supported, tensors that cannot be read.
    pub fn read(checkpoint: &ModelFolder) -> Result<Self, PruneError> {
        let architecture = describe(checkpoint)?;
        let block = |index| TransformerBlock::read(checkpoint, &architecture, index);
        Ok(LoadedNetwork {
            blocks: (0..architecture.blocks.len()).map(block).collect::<Result<_, _>>()?,
            embedding: Embedding::read(checkpoint, &architecture, None)?,
            head: Head::read(checkpoint, &architecture)?,
            architecture,
        })
    }

    /// The mean cross entropy of a batch in nats: over samples, and of a text over its tokens but the first. `update` is
    /// called with every block from the last to the first, and may change it.
    ///
    /// # Errors
    /// Inputs that do not fit the model.
    ///
    /// # Panics
    /// If the model has no scores, or there is no label for every sample of a classifier.
    pub fn backward(&mut self, batch: &LabelledBatch, update: &mut GradientSink<'_, R>) -> Result<f64, PruneError> {
        let _timed = profile::region(WorkKind::ModelPasses);
        let length = self.architecture.embedding.length(&batch.inputs)?;
        let (count, chunk) = (batch.inputs.count(), (TRAINING_TOKENS / length).max(1));
        let firsts: Vec<usize> = (0..count).step_by(chunk).collect();
        let mut chunks: Vec<TrainingChunk<R>> = firsts
            .into_par_iter()
            .with_max_len(1)
            .map(|first| self.forward(batch, (first, chunk.min(count - first)), length))
            .collect();
        for (index, block) in self.blocks.iter_mut().enumerate().rev() {
            let mut sums: Vec<Vec<R>> = Vec::new();
            for held in chunks.chunks_mut(TRAINING_CHUNKS) {
                let one = |chunk: &mut TrainingChunk<R>| {
                    let x = chunk.features.pop().expect("an input for every block");
                    let gradient = std::mem::take(&mut chunk.gradient);
                    let BlockGradient { input, weights } =
                        block.backward(&x, length, chunk.present.as_deref(), gradient);
                    chunk.gradient = input;
                    weights
                };
                let found: Vec<Vec<Vec<R>>> = held.par_iter_mut().with_max_len(1).map(one).collect();
                for weights in found {
                    match sums.is_empty() {
                        true => sums = weights,
                        false => sums.iter_mut().flatten().zip(weights.iter().flatten()).for_each(|(s, g)| *s += *g),
                    }
                }
            }
            update(index, block, sums);
        }
        Ok(chunks.iter().map(|chunk| chunk.loss).sum())
    }

    /// The forward pass of samples (first, number), and the gradient at its end.
    fn forward(&self, batch: &LabelledBatch, (first, samples): (usize, usize), length: usize) -> TrainingChunk<R> {
        let inputs = batch.inputs.range(first..first + samples);
        let present = if let Inputs::Tokens { present, .. } = &inputs { present.clone() } else { None };
        let mut x = self.embedding.apply(&inputs);
        let mut features = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            features.push(x.clone());
            block.apply(&mut x, length, present.as_deref());
        }
        let targets = match (&inputs, &batch.labels) {
            (_, Some(labels)) => Targets::Labels(&labels[first..first + samples]),
            (Inputs::Tokens { ids, .. }, None) => Targets::Tokens(ids),
            (Inputs::Images { .. }, None) => panic!("a label for every sample of a classifier"),
        };
        let weight = 1.0 / batch.inputs.count() as f64;
        let (loss, gradient) = self.head.loss_gradient(&x, length, targets, weight);
        TrainingChunk { features, gradient, present, loss }
    }
}
