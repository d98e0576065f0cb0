//! The features of all samples, passed through one block at a time. Samples are computed in chunks, whose sizes depend on
//! the length of a sample alone, so that results do not depend on the number of threads.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::architecture::Architecture;
use super::block::TransformerBlock;
use super::embedding::Embedding;
use super::head::Head;
use super::inputs::Inputs;
use super::scalar::ModelReal;
use crate::compute::profile::{self, WorkKind};
use rayon::prelude::*;

/// Tokens of a chunk, about.
pub const CHUNK_TOKENS: usize = 256;
/// Most chunks whose inputs of linear layers are held at a time.
pub const CHUNKS_HELD: usize = 8;
/// Chunks that are held for every thread: memory that is used again soon is in the cache.
const CHUNKS_PER_THREAD: usize = 2;

/// The features of samples between two blocks.
pub struct FeatureStream<R> {
    /// (samples, length, hidden).
    x: Vec<R>,
    hidden: usize,
    length: usize,
    present: Option<Vec<bool>>,
}

/// A chunk of samples: features, and which tokens are there.
type Chunk<'a, R> = (&'a [R], Option<&'a [bool]>);

impl<R: ModelReal> FeatureStream<R> {
    /// The features before the first block.
    ///
    /// # Errors
    /// Tensors that cannot be read, inputs that do not fit the model.
    pub fn new(checkpoint: &ModelFolder, architecture: &Architecture, inputs: &Inputs) -> Result<Self, PruneError> {
        let length = architecture.embedding.length(inputs)?;
        let embedding = Embedding::<R>::read(checkpoint, architecture, Some(inputs))?;
        let present = if let Inputs::Tokens { present, .. } = inputs { present.clone() } else { None };
        Ok(FeatureStream { x: embedding.apply(inputs), hidden: architecture.hidden, length, present })
    }

    /// Tokens of all samples, without padding.
    pub fn tokens(&self) -> usize {
        let all = self.x.len() / self.hidden;
        self.present.as_ref().map_or(all, |present| present.iter().filter(|present| **present).count())
    }

    /// Samples of a chunk.
    fn chunk_samples(&self) -> usize {
        (CHUNK_TOKENS / self.length).max(1)
    }

    /// Passes the features through a block.
    pub fn pass(&mut self, block: &TransformerBlock<R>) {
        let _timed = profile::region(WorkKind::ModelPasses);
        let (length, tokens) = (self.length, self.chunk_samples() * self.length);
        let present = self.present.as_deref();
        self.x.par_chunks_mut(tokens * self.hidden).enumerate().for_each(|(index, x)| {
            let present = present.map(|present| &present[index * tokens..][..x.len() / self.hidden]);
            block.apply(x, length, present);
        });
    }

    /// Passes the inputs of every group of linear layers of a block to `sink`, chunk by chunk in order, padding excepted:
    /// the index of the group, and (tokens, inputs). The features are not changed.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn tap(
        &self,
        block: &TransformerBlock<R>,
        sink: &mut impl FnMut(usize, &[R]) -> Result<(), PruneError>,
    ) -> Result<(), PruneError> {
        let _timed = profile::region(WorkKind::ModelPasses);
        let tokens = self.chunk_samples() * self.length;
        let chunks: Vec<Chunk<'_, R>> = self
            .x
            .chunks(tokens * self.hidden)
            .enumerate()
            .map(|(index, x)| {
                let present = self.present.as_deref();
                (x, present.map(|present| &present[index * tokens..][..x.len() / self.hidden]))
            })
            .collect();
        let held = (CHUNKS_PER_THREAD * rayon::current_num_threads()).min(CHUNKS_HELD);
        for held in chunks.chunks(held) {
            let inputs: Vec<[Vec<R>; 4]> = held
                .par_iter()
                .with_max_len(1)
                .map(|(x, present)| block.inputs(x.to_vec(), self.length, *present).map(|input| there(input, *present)))
                .collect();
            for inputs in inputs {
                for (group, input) in inputs.iter().enumerate() {
                    sink(group, input)?;
                }
            }
        }
        Ok(())
    }

    /// The outputs of a head, as in [`Head::apply`]; `reduce` is called with the index of the first sample of every chunk
    /// and its outputs, and its results are returned in order.
    pub fn outputs<T: Send>(&self, head: &Head<R>, reduce: impl Fn(usize, Vec<R>) -> T + Sync) -> Vec<T> {
        let _timed = profile::region(WorkKind::ModelPasses);
        let (samples, tokens) = (self.chunk_samples(), self.chunk_samples() * self.length);
        let present = self.present.as_deref();
        let chunks = self.x.par_chunks(tokens * self.hidden).enumerate();
        let output = |(index, x): (usize, &[R])| {
            let present = present.map(|present| &present[index * tokens..][..x.len() / self.hidden]);
            reduce(index * samples, head.apply(x, self.length, present))
        };
        chunks.map(output).collect()
    }
}

/// The rows (tokens, inputs) of the tokens that are there.
fn there<R: ModelReal>(input: Vec<R>, present: Option<&[bool]>) -> Vec<R> {
    let Some(present) = present else { return input };
    let width = input.len() / present.len();
    let rows = input.chunks_exact(width).zip(present);
    rows.filter(|(_, present)| **present).flat_map(|(row, _)| row).copied().collect()
}

/// The outputs of a model for inputs, as in [`Head::apply`].
///
/// # Errors
/// Tensors that cannot be read, inputs that do not fit the model.
pub fn outputs<R: ModelReal>(
    checkpoint: &ModelFolder,
    architecture: &Architecture,
    inputs: &Inputs,
) -> Result<Vec<R>, PruneError> {
    let stream = through(checkpoint, architecture, inputs)?;
    Ok(stream.outputs(&Head::read(checkpoint, architecture)?, |_, outputs| outputs).concat())
}

/// The features after the last block.
pub(super) fn through<R: ModelReal>(
    checkpoint: &ModelFolder,
    architecture: &Architecture,
    inputs: &Inputs,
) -> Result<FeatureStream<R>, PruneError> {
    let mut stream = FeatureStream::new(checkpoint, architecture, inputs)?;
    for index in 0..architecture.blocks.len() {
        stream.pass(&TransformerBlock::read(checkpoint, architecture, index)?);
    }
    Ok(stream)
}
