//! Loss curves of all layers, measured on the network before pruning.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::super::layer::{DampedMoment, LayerMethod, LayerProblem, LayerSettings, Sparsity, prune_layer};
use super::super::model::{FeatureStream, Inputs, ModelReal, TransformerBlock, describe};
use super::allocate::{LossCurve, allocate};
use super::driver::Quota;
use super::moments::MomentSum;
use super::weights::read_weight;
use serde::{Deserialize, Serialize};

/// Fractions of zeros at which the curves for a quota are measured.
pub const CURVE_FRACTIONS: [f64; 8] = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

/// Divides a fraction of zeros of all selected layers between them, such that the sum of their relative losses under the
/// sweep, measured on the network before pruning, is least.
///
/// # Errors
/// As [`super::prune_network`].
pub fn measured_quota<R: ModelReal>(
    source: &ModelFolder,
    inputs: &Inputs,
    fraction: f64,
    damping: f64,
    selected: &dyn Fn(&str) -> bool,
) -> Result<Quota, PruneError> {
    Sparsity::Fraction(fraction).check()?;
    let settings = LayerSettings { method: LayerMethod::Sweep, refit: false, ..LayerSettings::default() };
    let curves = loss_curves::<R>(source, inputs, &CURVE_FRACTIONS, &settings, damping, selected)?;
    let entries: usize = curves.iter().map(|layer| layer.curve.entries).sum();
    let losses: Vec<LossCurve> = curves.iter().map(|layer| layer.curve.clone()).collect();
    let zeros = allocate(&losses, (fraction * entries as f64).round_ties_even() as usize);
    Ok(Quota::PerLayer(curves.into_iter().map(|layer| layer.layer).zip(zeros).collect()))
}

/// The curve of a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerCurve {
    /// The layer.
    pub layer: String,
    /// Its relative loss against its zeros.
    pub curve: LossCurve,
}

/// Measures the relative loss of every selected layer at every one of the `fractions` of zeros, increasing.
///
/// # Errors
/// As [`super::prune_network`].
pub fn loss_curves<R: ModelReal>(
    source: &ModelFolder,
    inputs: &Inputs,
    fractions: &[f64],
    settings: &LayerSettings,
    damping: f64,
    selected: &dyn Fn(&str) -> bool,
) -> Result<Vec<LayerCurve>, PruneError> {
    let architecture = describe(source)?;
    let mut stream = FeatureStream::<R>::new(source, &architecture, inputs)?;
    let mut curves = Vec::new();
    for (index, spec) in architecture.blocks.iter().enumerate() {
        let block = TransformerBlock::read(source, &architecture, index)?;
        let groups = spec.groups();
        let mut sums = groups.map(|layers| MomentSum::new(&layers[0].name, layers[0].inputs));
        stream.tap(&block, &mut |group, inputs| sums[group].add(inputs))?;
        for (layers, sum) in groups.into_iter().zip(sums) {
            let moment = DampedMoment::new(&layers[0].name, sum.finish().0, damping)?;
            for layer in layers.iter().filter(|layer| selected(&layer.name)) {
                let dense = read_weight(source, layer)?;
                let (rows, inputs) = (layer.outputs, layer.inputs);
                let mut points = Vec::new();
                for &fraction in fractions {
                    let sparsity = Sparsity::Fraction(fraction);
                    sparsity.check()?;
                    let zeros = sparsity.of_matrix(&layer.name, rows, inputs)?;
                    let problem = LayerProblem { weights: dense.as_ref(), moment: &moment, zeros };
                    let loss = problem.loss(&prune_layer(&problem, settings));
                    points.push((zeros.total(rows, inputs), loss / problem.scale().max(f64::MIN_POSITIVE)));
                }
                curves.push(LayerCurve {
                    layer: layer.name.clone(),
                    curve: LossCurve { entries: rows * inputs, points },
                });
            }
        }
        stream.pass(&block);
    }
    Ok(curves)
}
