//! What is recorded of an augmented state.

use super::features::{cloud_features, tile_groups};
use super::force::{TangentForce, TangentSystem};
use super::neuron::{ActivationRow, NeuronParameters};
use super::record::FluctuationRecord;
use super::square_norm::SquareNorm;
use crate::compute::for_each_chunk;
use crate::dynamics::{StageTime, State};
use crate::network::TwoLayer;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use ndarray::Array2;

impl TangentForce<'_> {
    /// The fluctuation of an augmented state, with the features of the particles where they are requested.
    pub(super) fn observe(
        &mut self,
        system: &TangentSystem<'_>,
        network: &TwoLayer,
        state: &State<f64>,
        features: bool,
    ) -> FluctuationRecord {
        self.evaluate(StageTime::start(state.step), &state.theta);
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
            displacements: displacements(xi, layout.particle_len(), stride, columns),
            features: features.then(|| Array2::zeros((particles, n * outputs))),
        };
        self.add_features(system, network, theta, &mut record);
        let slopes = self.square_gradients(network, theta);
        let weights = system.columns.weights();
        let root = (particles as f64).sqrt();
        for i in 0..particles {
            let q = record.particle_squares[i];
            record.square += q / particles as f64;
            for c in 0..columns {
                record.square_bare[c] += weights[i * columns + c] * q / root;
            }
            let rows = xi[i * layout.particle_len()..][..layout.particle_len()].chunks_exact(stride);
            for (row, slope) in rows.zip(&slopes[i * layout.cloud.parameters..]) {
                for c in 0..columns {
                    record.square_field[c] += 2.0 * slope * row[c] / particles as f64;
                }
            }
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
        let (n, outputs) = (self.linear.inputs.samples, network.outputs);
        let (particles, columns) = (system.ensemble.width, system.columns.count());
        let weights = MatRef::from_row_major_slice(system.columns.weights(), particles, columns);
        for tiles in tile_groups(&self.linear.inputs) {
            let first = tiles.start * self.linear.inputs.tile;
            let phi = cloud_features(network, particles, theta, &self.linear.inputs, tiles);
            let mut bare = Mat::<f64>::zeros(phi.ncols(), columns);
            let scale = 1.0 / (particles as f64).sqrt();
            matmul(bare.as_mut(), Accum::Replace, phi.transpose(), weights, scale, Par::Seq);
            for row in 0..phi.ncols() {
                let at = first * outputs + row;
                let column = phi.col_as_slice(row);
                let mean = column.iter().sum::<f64>() / particles as f64;
                for (i, &v) in column.iter().enumerate() {
                    record.spread += (v - mean).powi(2) / (particles * n) as f64;
                    record.particle_squares[i] += v * v / n as f64;
                    record.particle_overlaps[i] += v * record.f[at] / n as f64;
                    if let Some(features) = &mut record.features {
                        features[(i, at)] = v;
                    }
                }
                (0..columns).for_each(|c| record.bare[(at, c)] = bare[(row, c)]);
            }
        }
    }

    /// `E_x sum_k phi_k grad phi_k` of every particle, (M, p) in canonical order.
    fn square_gradients(&self, network: &TwoLayer, theta: &[f64]) -> Vec<f64> {
        let (inputs, layout) = (&self.linear.inputs, self.linear.layout.cloud);
        let (p, hidden, n) = (layout.parameters, inputs.hidden, inputs.samples);
        let mut out = vec![0.0; layout.width * p];
        for_each_chunk(self.linear.threads, &mut out, p, |i, out, _| {
            let (mut parameters, mut activation) = (NeuronParameters::default(), ActivationRow::default());
            parameters.read(network, layout, theta, i);
            let a = &parameters.outputs;
            let norm: f64 = a.iter().map(|a| a * a).sum();
            for t in 0..inputs.count() {
                let tile = inputs.get(t);
                activation.evaluate(network.activation, &parameters.hidden, tile, inputs.tile);
                for s in 0..inputs.tile.min(n - t * inputs.tile) {
                    let (value, slope) = (activation.value[s], activation.slope[s]);
                    for j in 0..hidden {
                        out[j] += norm * value * slope * tile.in_lanes[j * inputs.tile + s] / n as f64;
                    }
                    for (out, a) in out[hidden..].iter_mut().zip(a) {
                        *out += a * value * value / n as f64;
                    }
                }
            }
        });
        out
    }
}

/// `sum_k |xi_i^k|^2` of every particle.
fn displacements(xi: &[f64], particle_len: usize, stride: usize, columns: usize) -> Vec<f64> {
    let square = |row: &[f64]| row[..columns].iter().map(|v| v * v).sum::<f64>();
    xi.chunks_exact(particle_len).map(|particle| particle.chunks_exact(stride).map(square).sum()).collect()
}
