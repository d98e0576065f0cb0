//! Second moments of the inputs of linear layers, accumulated in double precision.

use super::super::error::PruneError;
use super::super::model::ModelReal;
use crate::compute::profile::{self, WorkKind};
use crate::sparse::recovery::Interrupt;
use crate::sparse::recovery::dense::gram;
use faer::{Mat, MatRef};

/// Tokens whose products are summed at a time. Partial sums depend on it, and on nothing else.
const TOKENS: usize = 4096;

/// The sum of `x x^T` over tokens.
pub(super) struct MomentSum {
    layer: String,
    sum: Mat<f64>,
    tokens: usize,
    /// (tokens, inputs), row-major, not yet in the sum.
    pending: Vec<f64>,
}

impl MomentSum {
    /// Of no tokens, of a layer with this number of inputs; its name is for messages.
    pub fn new(layer: &str, inputs: usize) -> Self {
        MomentSum { layer: layer.into(), sum: Mat::zeros(inputs, inputs), tokens: 0, pending: Vec::new() }
    }

    /// Adds the inputs (tokens, inputs) of a layer.
    ///
    /// # Errors
    /// [`PruneError::LayerInput`].
    pub fn add<R: ModelReal>(&mut self, inputs: &[R]) -> Result<(), PruneError> {
        let d = self.sum.nrows();
        if let Some(at) = inputs.iter().position(|v| !v.to_f64().is_finite()) {
            return Err(PruneError::LayerInput {
                layer: self.layer.clone(),
                feature: at % d,
                value: inputs[at].to_f64(),
                precision: R::NAME,
            });
        }
        self.pending.reserve_exact(TOKENS * d - self.pending.len());
        for tokens in inputs.chunks(TOKENS * d) {
            let (now, later) = tokens.split_at(tokens.len().min(TOKENS * d - self.pending.len()));
            self.pending.extend(now.iter().map(|v| v.to_f64()));
            if self.pending.len() == TOKENS * d {
                self.flush();
            }
            self.pending.extend(later.iter().map(|v| v.to_f64()));
        }
        Ok(())
    }

    fn flush(&mut self) {
        let d = self.sum.nrows();
        let tokens = self.pending.len() / d;
        if tokens > 0 {
            let _timed = profile::region(WorkKind::MomentProducts);
            self.sum += gram(MatRef::from_column_major_slice(&self.pending, d, tokens), None, Interrupt::NEVER);
            self.tokens += tokens;
            self.pending.clear();
        }
    }

    /// The mean of `x x^T` (d, d), and the number of tokens.
    pub fn finish(mut self) -> (Mat<f64>, usize) {
        self.flush();
        (faer::Scale(1.0 / self.tokens.max(1) as f64) * self.sum, self.tokens)
    }
}
