//! The features of the particles of a cloud.

use super::inputs::InputTiles;
use super::neuron::NeuronGroup;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::network::TwoLayer;
use faer::Mat;
use std::ops::Range;

/// Tiles whose features are held at a time.
const TILES: usize = 2;

/// Neurons that are evaluated together: their features at one sample fill a cache line.
const GROUP: usize = 8;

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
    profile::count(WorkKind::Columns, || {
        let pairs = width * samples;
        WorkCounts::of::<f64>(2 * pairs * inputs.hidden, pairs, theta.len() + pairs * outputs)
    });
    let mut out = Mat::zeros(width, samples * outputs);
    let mut group = NeuronGroup::default();
    for start in (0..width).step_by(GROUP) {
        let neurons = start..(start + GROUP).min(width);
        group.read(network, layout, theta, neurons.clone());
        group.evaluate_value(network.activation, inputs, tiles.clone());
        for t in tiles.clone() {
            let at = t * inputs.tile - first;
            let values: [&[f64]; GROUP] = std::array::from_fn(|g| group.values(g.min(neurons.len() - 1), t));
            for s in 0..inputs.tile.min(samples - at) {
                for k in 0..outputs {
                    let column = &mut out.col_as_slice_mut((at + s) * outputs + k)[neurons.clone()];
                    let of_neurons = column.iter_mut().enumerate();
                    of_neurons.for_each(|(g, out)| *out = group.outputs(g)[k] * values[g][s]);
                }
            }
        }
    }
    out
}
