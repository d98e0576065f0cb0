//! The pruned models of the study of methods.

use super::{Compare, CompareArrays};
use crate::analysis::fit::Bootstrap;
use crate::prune::network::LayerRecord;
use crate::record::npz::{shaped, whole};
use crate::run::pruning_task::PrunedModel;
use crate::run::study::PruningSubject;
use ndarray::Array3;

/// Distinguishes the resamples of this study.
const SALT: u64 = 60;

/// The pruned models, method by method.
pub(super) struct ModelTable<'a> {
    sparsities: usize,
    found: &'a [PrunedModel],
}

impl<'a> ModelTable<'a> {
    /// The models, method by method, of each at so many sparsities.
    pub fn new(sparsities: usize, found: &'a [PrunedModel]) -> Self {
        ModelTable { sparsities, found }
    }

    /// The model of a method at a sparsity.
    pub fn at(&self, method: usize, sparsity: usize) -> &PrunedModel {
        &self.found[method * self.sparsities + sparsity]
    }

    /// All models.
    pub fn all(&self) -> &[PrunedModel] {
        self.found
    }

    /// The arrays of the records.
    pub fn arrays(&self, spec: &Compare, subject: &PruningSubject<'_>) -> CompareArrays {
        let layers = subject.source.layers();
        let methods = subject.experiment.pruning.methods.len();
        let by_layer = |of: &dyn Fn(&LayerRecord) -> f64| -> Array3<f64> {
            let values = self.found.iter().flat_map(|model| model.record.layers.iter().map(of)).collect();
            shaped((methods, self.sparsities, layers.len()), values)
        };
        let samples = subject.dense.losses.len();
        let shape = (methods, self.sparsities, samples);
        let hits = || self.found.iter().flat_map(|model| model.hits.iter().map(|hit| f64::from(u8::from(*hit))));
        CompareArrays {
            fraction: spec.sparsities.iter().map(|sparsity| sparsity.fraction()).collect(),
            rows: whole(layers.iter().map(|layer| layer.outputs)),
            inputs: whole(layers.iter().map(|layer| layer.inputs)),
            losses: shaped(shape, self.found.iter().flat_map(|model| model.losses.iter().copied()).collect()),
            hits: (!subject.dense.hits.is_empty()).then(|| shaped(shape, hits().collect())),
            zeros: by_layer(&|layer| layer.zeros as f64),
            layer_loss: by_layer(&|layer| layer.loss),
            layer_relative_loss: by_layer(&|layer| layer.relative_loss),
            damping: by_layer(&|layer| layer.damping),
            damping_raised: by_layer(&|layer| f64::from(u8::from(layer.damping_raised))),
            dead_inputs: by_layer(&|layer| layer.dead_inputs as f64),
            tokens: by_layer(&|layer| layer.tokens as f64),
            condition: by_layer(&|layer| layer.condition),
        }
    }
}

/// The resamples of the held-out samples, the same for all comparisons.
pub(super) fn bootstrap(subject: &PruningSubject<'_>) -> Bootstrap {
    Bootstrap::new(subject.experiment.seed, SALT)
}
