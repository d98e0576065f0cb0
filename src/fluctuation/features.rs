//! The features of the particles of a cloud.

use super::inputs::InputTiles;
use super::neuron::NeuronGroup;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::network::TwoLayer;
use faer::reborrow::ReborrowMut;
use faer::{Mat, MatMut};
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
    let mut buffer = FeatureBuffer::default();
    buffer.evaluate(network, width, theta, inputs, tiles);
    buffer.features
}

/// A matrix for features that are needed one group of tiles after the other, so that megabytes are not allocated and
/// cleared for each of them.
pub(super) struct FeatureBuffer {
    features: Mat<f64>,
    group: NeuronGroup,
}

impl Default for FeatureBuffer {
    fn default() -> Self {
        FeatureBuffer { features: Mat::new(), group: NeuronGroup::default() }
    }
}

impl FeatureBuffer {
    /// [`cloud_features`] in this buffer.
    pub fn evaluate(
        &mut self,
        network: &TwoLayer,
        width: usize,
        theta: &[f64],
        inputs: &InputTiles,
        tiles: Range<usize>,
    ) -> MatMut<'_, f64> {
        let first = tiles.start * inputs.tile;
        let columns = ((tiles.end * inputs.tile).min(inputs.samples) - first) * network.outputs;
        if self.features.nrows() != width || self.features.ncols() < columns {
            self.features = Mat::zeros(width, columns);
        }
        let mut out = self.features.as_mut().subcols_mut(0, columns);
        write_features(network, theta, inputs, tiles, &mut self.group, out.as_mut());
        out
    }
}

/// Writes features (M, samples K).
fn write_features(
    network: &TwoLayer,
    theta: &[f64],
    inputs: &InputTiles,
    tiles: Range<usize>,
    group: &mut NeuronGroup,
    mut out: MatMut<'_, f64>,
) {
    let width = out.nrows();
    let (outputs, layout) = (network.outputs, network.layout(width));
    let first = tiles.start * inputs.tile;
    let samples = (tiles.end * inputs.tile).min(inputs.samples) - first;
    profile::count(WorkKind::Columns, || {
        let pairs = width * samples;
        WorkCounts::of::<f64>(2 * pairs * inputs.hidden, pairs, theta.len() + pairs * outputs)
    });
    for start in (0..width).step_by(GROUP) {
        let neurons = start..(start + GROUP).min(width);
        group.read(network, layout, theta, neurons.clone());
        group.evaluate_value(network.activation, inputs, tiles.clone());
        for t in tiles.clone() {
            let at = t * inputs.tile - first;
            let values: [&[f64]; GROUP] = std::array::from_fn(|g| group.values(g.min(neurons.len() - 1), t));
            for k in 0..outputs {
                let a: [f64; GROUP] = std::array::from_fn(|g| group.outputs(g.min(neurons.len() - 1))[k]);
                for s in 0..inputs.tile.min(samples - at) {
                    let column = &mut column_mut(&mut out, (at + s) * outputs + k)[neurons.clone()];
                    column.iter_mut().enumerate().for_each(|(g, out)| *out = a[g] * values[g][s]);
                }
            }
        }
    }
}

/// A column of a matrix, whose columns are contiguous.
pub(super) fn column_mut<'a>(matrix: &'a mut MatMut<'_, f64>, column: usize) -> &'a mut [f64] {
    let column = matrix.rb_mut().col_mut(column).try_as_col_major_mut();
    column.expect("columns are contiguous").as_slice_mut()
}
