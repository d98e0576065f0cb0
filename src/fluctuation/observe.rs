//! What is recorded of an augmented state.

use super::features::{cloud_features, tile_groups};
use super::force::{TangentForce, TangentSystem};
use super::linearisation::Linearisation;
use super::neuron::NeuronGroup;
use super::record::FluctuationRecord;
use super::square_norm::SquareNorm;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::compute::{Kernel, RowProduct, for_each_chunk, for_each_chunk_pair, vector};
use crate::dynamics::{StageTime, State};
use crate::network::TwoLayer;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use ndarray::Array2;
use std::ops::Range;

/// Particles whose sums are added together: the lanes of a pack.
const GROUP: usize = 8;

impl TangentForce<'_> {
    /// The fluctuation of an augmented state, with the features of the particles where they are requested.
    pub(super) fn observe(
        &mut self,
        system: &TangentSystem<'_>,
        network: &TwoLayer,
        state: &State<f64>,
        features: bool,
    ) -> FluctuationRecord {
        self.evaluate_once(StageTime::start(state.step), &state.theta);
        let layout = self.linear.layout;
        let (particles, columns, stride) = (layout.cloud.width, layout.columns, layout.stride());
        let (theta, xi) = state.theta.split_at(layout.cloud_len());
        let (n, outputs) = (self.linear.inputs.samples, network.outputs);
        let entry = |row: usize, column: usize| self.point.field[row * stride + column];
        let field = Array2::from_shape_fn((n * outputs, columns), |(row, c)| entry(row, c));
        let bias = layout.mean_column().map(|c| (0..n * outputs).map(|row| entry(row, c)).collect());
        let square_bias =
            layout.square_column().map(|c| (0..n * outputs).map(|row| entry(row, c)).sum::<f64>() / n as f64);
        let mut record = FluctuationRecord {
            time: state.time,
            f: self.point.f.clone(),
            field,
            bare: Array2::zeros((n * outputs, columns)),
            bias,
            spread: 0.0,
            square: 0.0,
            square_bare: vec![0.0; columns],
            square_field: vec![0.0; columns],
            square_bias,
            square_norm: SquareNorm::observe(network, layout, system.columns.weights(), &state.theta),
            particle_squares: vec![0.0; particles],
            particle_overlaps: vec![0.0; particles],
            displacements: vec![0.0; particles],
            features: features.then(|| Array2::zeros((particles, n * outputs))),
        };
        self.add_features(system, network, theta, &mut record);
        self.add_tangents(network, theta, xi, &mut record);
        let weights = system.columns.weights();
        let root = (particles as f64).sqrt();
        for (q, weights) in record.particle_squares.iter().zip(weights.chunks_exact(columns)) {
            record.square += q / particles as f64;
            record.square_bare.iter_mut().zip(weights).for_each(|(sum, nu)| *sum += nu * q / root);
        }
        record.square_field.iter_mut().zip(&record.square_bare).for_each(|(sum, bare)| *sum += bare);
        record
    }

    /// The quantities that are sums over the features of single particles.
    fn add_features(
        &self,
        system: &TangentSystem<'_>,
        network: &TwoLayer,
        theta: &[f64],
        record: &mut FluctuationRecord,
    ) {
        let (inputs, outputs, particles) = (&self.linear.inputs, network.outputs, system.ensemble.width);
        let weights = MatRef::from_row_major_slice(system.columns.weights(), particles, system.columns.count());
        let groups: Vec<_> = tile_groups(inputs).collect();
        let mut parts: Vec<Option<(Mat<f64>, Mat<f64>)>> = groups.iter().map(|_| None).collect();
        for_each_chunk(self.linear.threads, &mut parts, 1, |index, part, _| {
            let phi = cloud_features(network, particles, theta, inputs, groups[index].clone());
            let mut bare = Mat::<f64>::zeros(phi.ncols(), weights.ncols());
            let scale = 1.0 / (particles as f64).sqrt();
            profile::count(WorkKind::Columns, || {
                let size = phi.nrows() * phi.ncols();
                WorkCounts::of::<f64>(2 * size * weights.ncols(), 0, size + weights.nrows() * weights.ncols())
            });
            matmul(bare.as_mut(), Accum::Replace, phi.transpose(), weights, scale, Par::Seq);
            part[0] = Some((phi, bare));
        });
        for (tiles, (phi, bare)) in groups.into_iter().zip(parts.into_iter().flatten()) {
            record.add_features(tiles.start * inputs.tile * outputs, &phi, bare.as_ref(), outputs);
        }
    }

    /// The quantities that are sums over the tangent vectors of single particles: their squares, and the fluctuation of
    /// the mean of `|phi|^2` through them.
    fn add_tangents(&self, network: &TwoLayer, theta: &[f64], xi: &[f64], record: &mut FluctuationRecord) {
        let (linear, layout) = (&self.linear, self.linear.layout);
        let (particles, len, columns) = (layout.cloud.width, layout.particle_len(), layout.columns);
        let mut partial = vec![0.0; particles.div_ceil(GROUP) * columns];
        let squares = (&mut record.displacements[..], GROUP);
        for_each_chunk_pair(linear.threads, squares, (&mut partial, columns), |index, squares, sums, _| {
            let neurons = index * GROUP..index * GROUP + squares.len();
            let slopes = square_gradients(linear, network, theta, neurons.clone());
            let rows = xi[neurons.start * len..neurons.end * len].chunks_exact(layout.stride());
            for (at, (row, slope)) in rows.zip(slopes).enumerate() {
                let row = &row[..columns];
                squares[at / layout.cloud.parameters] += vector::dot(row, row);
                vector::axpy(2.0 * slope / particles as f64, row, sums);
            }
        });
        for part in partial.chunks_exact(columns) {
            record.square_field.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
    }
}

impl FluctuationRecord {
    /// Adds what depends on the features (M, rows) at some rows of the sample, from `first` on, whose bare fluctuations
    /// are `bare` (rows, C).
    fn add_features(&mut self, first: usize, phi: &Mat<f64>, bare: MatRef<'_, f64>, outputs: usize) {
        let (particles, n) = (phi.nrows(), self.f.len() / outputs);
        for row in 0..phi.ncols() {
            let at = first + row;
            let (f, share) = (self.f[at] / n as f64, 1.0 / n as f64);
            let column = phi.col_as_slice(row);
            let mean = column.iter().sum::<f64>() / particles as f64;
            let spread: f64 = column.iter().map(|v| (v - mean).powi(2)).sum();
            self.spread += spread / (particles * n) as f64;
            let sums = self.particle_squares.iter_mut().zip(&mut self.particle_overlaps);
            for ((square, overlap), &v) in sums.zip(column) {
                *square += v * v * share;
                *overlap += v * f;
            }
            self.bare.row_mut(at).iter_mut().zip(bare.row(row).iter()).for_each(|(to, from)| *to = *from);
            if let Some(features) = &mut self.features {
                features.column_mut(at).iter_mut().zip(column).for_each(|(to, from)| *to = *from);
            }
        }
    }
}

/// `E_x sum_k phi_k grad phi_k` of at most [`GROUP`] particles, (particles, p) in canonical order.
fn square_gradients(linear: &Linearisation, network: &TwoLayer, theta: &[f64], neurons: Range<usize>) -> Vec<f64> {
    let (inputs, layout) = (&linear.inputs, linear.layout.cloud);
    let (hidden, n) = (inputs.hidden, inputs.samples);
    let mut out = vec![0.0; neurons.len() * layout.parameters];
    // The particles are in the lanes of the product with the inputs; those of padding are zero.
    let (mut weights, mut product) = (vec![0.0; inputs.tile * GROUP], vec![0.0; hidden * GROUP]);
    let mut group = NeuronGroup::default();
    group.read(network, layout, theta, neurons);
    for t in 0..inputs.count() {
        let samples = inputs.tile.min(n - t * inputs.tile);
        group.evaluate_slope(network.activation, inputs, t..t + 1);
        for (neuron, out) in out.chunks_exact_mut(layout.parameters).enumerate() {
            let (a, value, slope) = (group.outputs(neuron), group.values(neuron, t), group.slopes(neuron, t));
            let scale = vector::dot(a, a) / n as f64;
            let rows = weights.chunks_exact_mut(GROUP).zip(value.iter().zip(slope));
            rows.for_each(|(weights, (value, slope))| weights[neuron] = scale * value * slope);
            let square = vector::dot(&value[..samples], &value[..samples]) / n as f64;
            out[hidden..].iter_mut().zip(a).for_each(|(out, a)| *out += a * square);
        }
        f64::vectorize(RowProduct {
            coefficients: inputs.get(t).by_input,
            terms: &weights,
            out: &mut product,
            columns: GROUP,
            accumulate: true,
        });
    }
    for (neuron, out) in out.chunks_exact_mut(layout.parameters).enumerate() {
        let of_neuron = product.chunks_exact(GROUP).map(|row| row[neuron]);
        out[..hidden].iter_mut().zip(of_neuron).for_each(|(out, v)| *out = v);
    }
    out
}
