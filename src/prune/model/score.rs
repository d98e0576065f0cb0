//! The score of a model on held-out data: the cross entropy of the next token or of the label, per sample.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::architecture::{Architecture, EmbeddingSpec, HeadSpec};
use super::head::Head;
use super::inputs::{Inputs, require_classes};
use super::loss::cross_entropy;
use super::scalar::ModelReal;
use super::stream::through;
use serde::{Deserialize, Serialize};

/// The scores of samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The mean cross entropy in nats of every sample: over its tokens but the first, or of its label.
    pub losses: Vec<f64>,
    /// Whether the largest score of every sample is that of its label; empty for language models.
    pub hits: Vec<bool>,
}

/// Means of the scores of samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanScores {
    /// Mean cross entropy in nats.
    pub loss: f64,
    /// `exp` of it, of language models.
    pub perplexity: Option<f64>,
    /// Accuracy, of classifiers.
    pub accuracy: Option<f64>,
}

impl Scores {
    /// The means.
    pub fn mean(&self) -> MeanScores {
        let accuracy = self.accuracy();
        let perplexity = accuracy.is_none().then(|| self.perplexity());
        MeanScores { loss: self.loss(), perplexity, accuracy }
    }

    /// The mean cross entropy in nats.
    pub fn loss(&self) -> f64 {
        self.losses.iter().sum::<f64>() / self.losses.len() as f64
    }

    /// `exp` of the mean cross entropy.
    pub fn perplexity(&self) -> f64 {
        self.loss().exp()
    }

    /// The fraction of hits; none for language models.
    pub fn accuracy(&self) -> Option<f64> {
        let hits = self.hits.iter().filter(|hit| **hit).count();
        (!self.hits.is_empty()).then(|| hits as f64 / self.hits.len() as f64)
    }
}

/// Scores a language model on tokens, or a classifier on inputs with `labels`.
///
/// # Errors
/// A model without scores, labels that are missing or do not fit, tensors that cannot be read, inputs that do not fit,
/// cross entropies that are not finite.
pub fn score<R: ModelReal>(
    checkpoint: &ModelFolder,
    architecture: &Architecture,
    inputs: &Inputs,
    labels: Option<&[usize]>,
) -> Result<Scores, PruneError> {
    let wrong = |what: &str, reason: String| PruneError::Inputs { what: what.into(), reason };
    let classes = match &architecture.head {
        HeadSpec::Mean => {
            let reason = format!("a model of type {} has no scores", architecture.family);
            return Err(wrong(&checkpoint.folder().display().to_string(), reason));
        }
        HeadSpec::Language { .. } => None,
        HeadSpec::Classes { layer, .. } => Some(layer.outputs),
    };
    if let Some(classes) = classes {
        let labels = labels.ok_or_else(|| wrong("labels", "missing: a classifier is scored on labels".into()))?;
        if labels.len() != inputs.count() {
            let reason = format!("{} of them for {} samples: expected one for each", labels.len(), inputs.count());
            return Err(wrong("labels", reason));
        }
        require_classes("labels", labels, classes)?;
    }
    let vocabulary = if let EmbeddingSpec::Tokens { vocabulary, .. } = architecture.embedding { vocabulary } else { 0 };
    let stream = through::<R>(checkpoint, architecture, inputs)?;
    let head = Head::read(checkpoint, architecture)?;
    let parts = match (inputs, classes, labels) {
        (Inputs::Tokens { ids, length, .. }, None, _) if *length > 1 => stream.outputs(&head, |first, scores| {
            scores
                .chunks_exact(length * vocabulary)
                .enumerate()
                .map(|(sample, scores)| {
                    let ids = &ids[(first + sample) * length..][..*length];
                    let next = scores.chunks_exact(vocabulary).zip(&ids[1..]);
                    let total: f64 = next.map(|(scores, id)| cross_entropy(scores, *id as usize)).sum();
                    (total / (length - 1) as f64, None)
                })
                .collect::<Vec<_>>()
        }),
        (_, Some(classes), Some(labels)) => stream.outputs(&head, |first, scores| {
            let samples = scores.chunks_exact(classes).zip(&labels[first..]);
            samples.map(|(scores, label)| (cross_entropy(scores, *label), Some(largest(scores) == *label))).collect()
        }),
        _ => return Err(wrong("inputs", "samples of one token: expected at least two".into())),
    };
    let samples = parts.concat();
    let losses: Vec<f64> = samples.iter().map(|(loss, _)| *loss).collect();
    if let Some(sample) = losses.iter().position(|loss| !loss.is_finite()) {
        let reason =
            format!("the cross entropy of sample {sample} (from 0) is {}: the outputs overflow", losses[sample]);
        return Err(wrong(&format!("{}, scored on the held-out data", checkpoint.folder().display()), reason));
    }
    Ok(Scores { losses, hits: samples.iter().filter_map(|(_, hit)| *hit).collect() })
}

/// The index of the largest score, the lowest of several.
fn largest<R: ModelReal>(scores: &[R]) -> usize {
    (1..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best })
}
