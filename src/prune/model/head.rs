//! From the features of the last block to the output of a model.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::architecture::{Architecture, HeadSpec};
use super::parts::{Linear, Norm};
use super::scalar::ModelReal;

/// The weights of a head.
pub struct Head<R> {
    pub(super) hidden: usize,
    pub(super) kind: HeadKind<R>,
}

pub(super) enum HeadKind<R> {
    Language { norm: Norm<R>, scores: Linear<R> },
    Classes { norm: Norm<R>, layer: Linear<R> },
    Mean,
}

impl<R: ModelReal> Head<R> {
    /// Reads a head.
    ///
    /// # Errors
    /// Tensors that cannot be read.
    pub fn read(checkpoint: &ModelFolder, architecture: &Architecture) -> Result<Self, PruneError> {
        let hidden = architecture.hidden;
        let kind = match &architecture.head {
            HeadSpec::Language { norm, weight } => HeadKind::Language {
                norm: Norm::read(checkpoint, norm)?,
                scores: Linear::of(checkpoint.read(weight)?, hidden, None),
            },
            HeadSpec::Classes { norm, layer } => {
                HeadKind::Classes { norm: Norm::read(checkpoint, norm)?, layer: Linear::read(checkpoint, layer)? }
            }
            HeadSpec::Mean => HeadKind::Mean,
        };
        Ok(Head { hidden, kind })
    }

    /// The outputs for features `x` (samples, length, hidden): scores (samples, length, vocabulary), scores (samples,
    /// classes), or unit vectors (samples, hidden).
    pub fn apply(&self, x: &[R], length: usize, present: Option<&[bool]>) -> Vec<R> {
        let sample = length * self.hidden;
        match &self.kind {
            HeadKind::Language { norm, scores } => scores.apply(&norm.apply(x)),
            HeadKind::Classes { norm, layer } => {
                let first: Vec<R> = x.chunks_exact(sample).flat_map(|x| &x[..self.hidden]).copied().collect();
                layer.apply(&norm.apply(&first))
            }
            HeadKind::Mean => {
                let present = |sample: usize, token: usize| present.is_none_or(|p| p[sample * length + token]);
                let mut out = Vec::with_capacity(x.len() / length);
                for (index, x) in x.chunks_exact(sample).enumerate() {
                    let mut sum = vec![0.0; self.hidden];
                    for (token, row) in x.chunks_exact(self.hidden).enumerate() {
                        if present(index, token) {
                            sum.iter_mut().zip(row).for_each(|(s, v)| *s += v.to_f64());
                        }
                    }
                    // The length of the mean is divided out, and with it the number of tokens.
                    let norm = sum.iter().map(|s| s * s).sum::<f64>().sqrt();
                    out.extend(sum.iter().map(|s| R::of(s / norm)));
                }
                out
            }
        }
    }
}
