//! The data of a superblock for a fused step on a small batch.

use super::LANES;
use super::phases::BlockRow;
use super::samples::SampleTile;
use super::sweep::{BackwardOutput, BlockSweep, kept_rows};
use super::update::StepConstants;
use crate::compute::Real;

/// Largest batch whose step is fused.
const SMALL_BATCH: usize = 32;

/// The blocks of a superblock and the data of a step on the samples of one tile, for one output, with activations kept
/// between steps and without noise.
pub(super) struct Superblock<'a, R> {
    /// Rows of w, b (if there are biases) and a, block after block.
    pub theta: &'a mut [BlockRow<R>],
    /// Momenta, in the same order.
    pub momentum: &'a mut [BlockRow<R>],
    /// Kept activations, block after block: values, and slopes unless they follow from the values. Those of this step
    /// are replaced by those of the next.
    pub kept: &'a mut [BlockRow<R>],
    /// Rows of a block.
    pub parameters: usize,
    /// Rows of w.
    pub inputs: usize,
    /// Number of neurons of the last block, without padding.
    pub used: usize,
    /// Whether the output weights are trained.
    pub train_a: bool,
    /// The samples of this step.
    pub batch: SampleTile<'a, R>,
    /// The residuals of this step, one per sample.
    pub residual: &'a [R],
    /// The samples of the next step, of the same number.
    pub next_batch: SampleTile<'a, R>,
    /// The constants of the step.
    pub constants: StepConstants<R>,
    /// Bytes of all parameters and momenta of the state.
    pub state_bytes: usize,
}

impl<R: Real> BlockSweep<'_, R> {
    /// The data of superblock `index`; `None` if its step is not fused.
    pub(super) fn superblock(&self, index: usize) -> Option<Superblock<'_, R>> {
        let (backward, forward, kept) = (self.backward.as_ref()?, self.forward.as_ref()?, self.kept.as_ref()?);
        let BackwardOutput::Step { momentum, constants, normals: None } = &backward.output else { return None };
        let (batch, next_batch) = (backward.samples.tiles().next()?, forward.samples.tiles().next()?);
        if self.network.outputs != 1 || backward.samples.count() > SMALL_BATCH {
            return None;
        }
        let per = self.per_superblock;
        let (first, end) = (index * per, ((index + 1) * per).min(self.layout.blocks()));
        let size = self.layout.parameters * LANES;
        let rows = kept_rows(self.network.activation) * batch.count * LANES;
        // SAFETY: every superblock is processed by one thread and has its own ranges of parameters, momenta and kept
        // rows.
        let (theta, momentum, kept) = unsafe {
            let at = first * size..end * size;
            (self.theta.get_mut(at.clone()), momentum.get_mut(at), kept.get_mut(first * rows..end * rows))
        };
        Some(Superblock {
            theta: theta.as_chunks_mut().0,
            momentum: momentum.as_chunks_mut().0,
            kept: kept.as_chunks_mut().0,
            parameters: self.layout.parameters,
            inputs: self.network.inputs,
            used: self.layout.lanes_in_use(end - 1),
            train_a: self.network.trains_output(),
            batch,
            residual: backward.residual,
            next_batch,
            constants: *constants,
            state_bytes: 2 * self.layout.len() * size_of::<R>(),
        })
    }
}
