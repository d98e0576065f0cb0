//! The part of a state that one function steps on a small batch.

use super::LANES;
use super::phases::BlockRow;
use super::samples::SampleTile;
use super::sweep::{BackwardOutput, BlockSweep};
use super::update::StepConstants;
use crate::compute::{Real, activation::ActivationFunction};

/// Largest batch whose step is one function per superblock.
const SMALL: usize = 32;

/// The blocks of a superblock, with what a step on the samples of one tile asks for; for one output, activations kept
/// between steps, and no noise.
pub(super) struct Superblock<'a, R> {
    /// Rows of w, b (where there is one) and a, block after block.
    pub theta: &'a mut [BlockRow<R>],
    /// Momenta.
    pub momentum: &'a mut [BlockRow<R>],
    /// Values, and slopes where they do not follow from them, block after block: this step's in, the next step's out.
    pub kept: &'a mut [BlockRow<R>],
    /// Rows of a block.
    pub parameters: usize,
    /// Rows of w.
    pub inputs: usize,
    /// Neurons of the last block that are not padding.
    pub used: usize,
    /// Whether output weights are trained.
    pub train_a: bool,
    /// This step's samples.
    pub batch: SampleTile<'a, R>,
    /// The residuals of this step.
    pub residual: &'a [R],
    /// The next step's samples, as many.
    pub next_batch: SampleTile<'a, R>,
    /// The constants of the step.
    pub constants: StepConstants<R>,
    /// Bytes of all parameters and momenta of the state.
    pub state_bytes: usize,
}

impl<R: Real> BlockSweep<'_, R> {
    /// A superblock whose step can be one function; `None` where it cannot.
    pub(super) fn superblock<F: ActivationFunction>(&self, index: usize) -> Option<Superblock<'_, R>> {
        let (backward, forward, kept) = (self.backward.as_ref()?, self.forward.as_ref()?, self.kept.as_ref()?);
        let BackwardOutput::Step { momentum, constants, normals: None } = &backward.output else { return None };
        let (batch, next_batch) = (backward.samples.tiles().next()?, forward.samples.tiles().next()?);
        if self.network.outputs != 1 || backward.samples.count() > SMALL {
            return None;
        }
        let per = self.layout.superblock();
        let (first, end) = (index * per, ((index + 1) * per).min(self.layout.blocks()));
        let size = self.layout.parameters * LANES;
        let rows = if F::SLOPE_FROM_VALUE { batch.count } else { 2 * batch.count } * LANES;
        // SAFETY: every superblock is handed out once, and its parts of parameters, momenta and kept values are its own.
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
