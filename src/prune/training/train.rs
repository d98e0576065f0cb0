//! The steps of a training: batches, Adam, and the trained weights in the copy of the model.

use super::super::checkpoint::ModelCopy;
use super::super::error::PruneError;
use super::super::model::{Architecture, HeadSpec, Inputs, LinearSpec, ModelReal, require_classes};
use super::adam::AdamMoments;
use super::network::{LabelledBatch, LoadedNetwork};
use crate::compute::rng::{Role, random_order, stream};
use serde::{Deserialize, Serialize};

/// How kept weights are trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingSettings {
    /// Steps after every round.
    pub steps: usize,
    /// The first rate; it decreases linearly to 0 behind the last step.
    pub rate: f64,
    /// Samples of a step.
    pub batch: usize,
}

/// The random streams of a training.
#[derive(Clone, Copy, Debug)]
pub struct TrainingStreams {
    /// The seed of the experiment.
    pub seed: u64,
    /// The round, from 0.
    pub round: usize,
}

/// The mean of the losses of the last tenth of the steps of a training, at least one; NaN of none.
pub fn last_losses(losses: &[f64]) -> f64 {
    let last = &losses[losses.len() - losses.len().div_ceil(10)..];
    last.iter().sum::<f64>() / last.len() as f64
}

/// Checks that a model can be trained on samples.
///
/// # Errors
/// A model without scores, labels that are missing or do not fit the samples or the classes.
pub fn require_targets(
    architecture: &Architecture,
    inputs: &Inputs,
    labels: Option<&[usize]>,
) -> Result<(), PruneError> {
    let wrong = |what: &str, reason: String| Err(PruneError::Inputs { what: what.into(), reason });
    match (&architecture.head, labels) {
        (HeadSpec::Mean, _) => {
            let reason = format!("a model of type {} has no task loss to train on", architecture.family);
            wrong("training of kept weights", reason)
        }
        (HeadSpec::Language { .. }, _) => match inputs {
            Inputs::Tokens { length, .. } if *length < 2 => {
                wrong("calibration data", format!("samples of {length} token: expected at least two"))
            }
            _ => Ok(()),
        },
        (HeadSpec::Classes { .. }, None) => {
            wrong("the labels of the calibration data", "missing: a classifier is trained on labels".into())
        }
        (HeadSpec::Classes { layer, .. }, Some(labels)) => {
            let (count, classes) = (inputs.count(), layer.outputs);
            if labels.len() != count {
                let reason = format!("{} of them for {count} samples: expected one for every sample", labels.len());
                return wrong("the labels of the calibration data", reason);
            }
            require_classes("the labels of the calibration data", labels, classes)
        }
    }
}

/// Trains the entries that are not zero of the `selected` layers of `copy` and writes them. Step t uses
/// [`TrainingSettings::batch`] different samples of `data`, at random; `step` is called with its loss. The moments start at
/// zero.
///
/// # Errors
/// Those of [`require_targets`] and of `step`; a batch that is larger than the data, losses that are not finite, files that
/// cannot be read or written.
pub fn train_kept<R: ModelReal>(
    copy: &mut ModelCopy,
    data: &LabelledBatch,
    settings: &TrainingSettings,
    streams: TrainingStreams,
    selected: &dyn Fn(&str) -> bool,
    step: &mut dyn FnMut(f64) -> Result<(), PruneError>,
) -> Result<(), PruneError> {
    let TrainingSettings { steps, rate, batch } = *settings;
    let mut network = LoadedNetwork::<R>::read(copy.checkpoint())?;
    let count = data.inputs.count();
    require_targets(&network.architecture, &data.inputs, data.labels.as_deref())?;
    if batch > count {
        let reason = format!("{batch}: expected at most {count}, the calibration samples that there are");
        return Err(PruneError::Inputs { what: "samples of a training step".into(), reason });
    }
    let layers: Vec<Vec<LinearSpec>> =
        network.architecture.blocks.iter().map(|block| block.groups().concat()).collect();
    let mut moments: Vec<Vec<Option<AdamMoments<R>>>> = layers
        .iter()
        .map(|layers| {
            let moments = |layer: &LinearSpec| AdamMoments::new(layer.inputs * layer.outputs);
            layers.iter().map(|layer| selected(&layer.name).then(|| moments(layer))).collect()
        })
        .collect();
    for index in 0..steps {
        let mut rng = stream(streams.seed, Role::PruneTraining, streams.round as u64, index as u64);
        let chosen = random_order(&mut rng, count, batch);
        let labels = data.labels.as_ref().map(|labels| chosen.iter().map(|&sample| labels[sample]).collect());
        let samples = LabelledBatch { inputs: data.inputs.select(&chosen), labels };
        let now = rate * (1.0 - index as f64 / steps as f64);
        let loss = network.backward(&samples, &mut |block, weights, gradients| {
            for ((layer, moments), gradient) in weights.layers_mut().into_iter().zip(&mut moments[block]).zip(gradients)
            {
                if let Some(moments) = moments {
                    moments.step(layer.weight_mut(), &gradient, index + 1, now);
                }
            }
        })?;
        if !loss.is_finite() {
            return Err(PruneError::TrainingLoss { step: index + 1, steps, rate, loss });
        }
        step(loss)?;
    }
    for (block, specs) in network.blocks.iter().zip(&layers) {
        for (layer, spec) in block.layers().into_iter().zip(specs).filter(|(_, spec)| selected(&spec.name)) {
            let weight: Vec<f64> = layer.weight().iter().map(|w| w.to_f64()).collect();
            copy.replace(&spec.weight(), &weight)?;
        }
    }
    Ok(())
}
