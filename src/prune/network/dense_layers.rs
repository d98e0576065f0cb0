//! The layers of a network before pruning, with the damped moments of their inputs.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::super::layer::DampedMoment;
use super::super::model::{FeatureStream, Inputs, LinearSpec, ModelReal, TransformerBlock, describe};
use super::moments::MomentSum;
use super::weights::read_weight;
use faer::Mat;

/// A layer before pruning.
pub(super) struct DenseLayer<'a> {
    /// Its place in the network.
    pub spec: &'a LinearSpec,
    /// Its weight (inputs, outputs): column r holds the inputs of output r.
    pub weight: &'a Mat<f64>,
    /// The moment of its inputs behind the layers before it, none of which is pruned.
    pub moment: &'a DampedMoment,
}

/// Calls `each` with every selected layer of a network, in order. The moments are those of the samples `inputs`, damped by
/// `damping` times the mean of their diagonal.
///
/// # Errors
/// A model that is not supported, samples that do not fit it, inputs of layers that are not finite, moments that cannot be
/// factored, weights that cannot be read; those of `each`.
pub(super) fn each_dense_layer<R: ModelReal>(
    source: &ModelFolder,
    inputs: &Inputs,
    damping: f64,
    selected: &dyn Fn(&str) -> bool,
    each: &mut dyn FnMut(&DenseLayer<'_>) -> Result<(), PruneError>,
) -> Result<(), PruneError> {
    let architecture = describe(source)?;
    let mut stream = FeatureStream::<R>::new(source, &architecture, inputs)?;
    for (index, block_spec) in architecture.blocks.iter().enumerate() {
        let block = TransformerBlock::read(source, &architecture, index)?;
        let groups = block_spec.groups();
        let mut sums = groups.map(|layers| MomentSum::<R>::new(&layers[0].name, layers[0].inputs));
        stream.tap(&block, &mut |group, inputs| sums[group].add(inputs))?;
        for (layers, sum) in groups.into_iter().zip(sums) {
            let moment = DampedMoment::new(&layers[0].name, sum.finish().0, damping)?;
            for spec in layers.iter().filter(|spec| selected(&spec.name)) {
                each(&DenseLayer { spec, weight: &read_weight(source, spec)?, moment: &moment })?;
            }
        }
        if index + 1 < architecture.blocks.len() {
            stream.pass(&block);
        }
    }
    Ok(())
}
