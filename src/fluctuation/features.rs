//! The features of the particles of a cloud.

use super::inputs::InputTiles;
use super::neuron::{ActivationRow, NeuronParameters};
use crate::network::TwoLayer;
use faer::Mat;
use std::ops::Range;

/// Tiles whose features are held at a time.
const TILES: usize = 4;

/// The ranges of tiles whose features are held at a time.
pub(super) fn tile_groups(inputs: &InputTiles) -> impl Iterator<Item = Range<usize>> {
    let count = inputs.count();
    (0..count).step_by(TILES).map(move |first| first..(first + TILES).min(count))
}

/// The features `phi_k(x; theta_i)` of a state slice at the samples of some tiles, as a matrix (M, samples K) with
/// column `s K + k`.
pub(super) fn cloud_features(
    network: &TwoLayer,
    width: usize,
    theta: &[f64],
    inputs: &InputTiles,
    tiles: Range<usize>,
) -> Mat<f64> {
    let (outputs, layout) = (network.outputs, network.layout(width));
    let first = tiles.start * inputs.tile;
    let samples = (tiles.end * inputs.tile).min(inputs.samples) - first;
    let mut out = Mat::zeros(width, samples * outputs);
    let (mut parameters, mut activation) = (NeuronParameters::default(), ActivationRow::default());
    for i in 0..width {
        parameters.read(network, layout, theta, i);
        for t in tiles.clone() {
            activation.evaluate_value(network.activation, &parameters.hidden, inputs.get(t), inputs.tile);
            let at = t * inputs.tile - first;
            for (s, value) in activation.value.iter().enumerate().take(samples - at) {
                for (k, a) in parameters.outputs.iter().enumerate() {
                    out[(i, (at + s) * outputs + k)] = a * value;
                }
            }
        }
    }
    out
}
