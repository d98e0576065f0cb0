//! The linearised mean-field system: the field of tangent vectors, and the linearised force in a field.

use super::inputs::InputTiles;
use super::kernel::{NeuronForward, NeuronReverse, SecondOrder};
use super::layout::TangentLayout;
use super::neuron::NeuronGroup;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::compute::{Kernel, Threads, for_each_chunk, vector};
use crate::network::TwoLayer;
use std::ops::Range;

/// Most partial fields, each of a range of particles.
const MOST_PARTS: usize = 32;

/// Most numbers of all partial fields together: 16 MiB.
const PARTIAL_NUMBERS: usize = 1 << 21;

/// Numbers of all partial fields together, at most, of a field of so many numbers.
pub fn most_partial_numbers(field: f64) -> f64 {
    (MOST_PARTS as f64 * field).min(field.max(PARTIAL_NUMBERS as f64))
}

/// Most numbers of the field at the tiles that a particle visits in turn: half of a second-level cache.
const BLOCK_NUMBERS: usize = 1 << 16;

/// Most tiles that a particle visits in turn.
const MOST_BLOCK_TILES: usize = 8;

/// Numbers from which on an array is aligned to cache lines.
const ALIGNED: usize = 128;

/// Particles whose activations are evaluated together, and particles of a task of the reverse pass.
const GROUP: usize = 4;

/// The passes over the particles of a cloud on a fixed sample, for all columns at once.
///
/// Results do not depend on the number of threads: the division into tasks depends on the sizes alone, and partial sums
/// are added in order.
pub(super) struct Linearisation {
    network: TwoLayer,
    ridge: f64,
    pub inputs: InputTiles,
    pub layout: TangentLayout,
    /// `sqrt(M) nu`, (M, stride); zero beyond the columns of the noise.
    weights: Vec<f64>,
    /// 1 for the columns of the noise, 0 for the others, (stride).
    mask: Vec<f64>,
    pub threads: usize,
    partial: Vec<f64>,
}

impl Linearisation {
    /// The passes for a cloud of `layout`. `weights` are nu, (M, C) row-major; `x` are the inputs (n, d).
    pub fn new(
        network: &TwoLayer,
        ridge: f64,
        x: &[f64],
        layout: TangentLayout,
        weights: &[f64],
        threads: Threads,
    ) -> Self {
        let (stride, columns) = (layout.stride(), layout.columns);
        let root = (layout.cloud.width as f64).sqrt();
        let mut padded = vec![0.0; layout.cloud.width * stride];
        for (to, from) in padded.chunks_exact_mut(stride).zip(weights.chunks_exact(columns)) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = root * from);
        }
        Linearisation {
            network: network.clone(),
            ridge,
            inputs: InputTiles::new(network, x),
            layout,
            weights: padded,
            mask: (0..stride).map(|c| f64::from(u8::from(c < columns))).collect(),
            threads: threads.count(),
            partial: Vec::new(),
        }
    }

    /// Numbers of the partial fields of the last field.
    #[cfg(test)]
    pub fn partial_numbers(&self) -> usize {
        self.partial.len()
    }

    /// Triples of a sample, a particle and a column: columns of the system without padding, and of the noise alone where
    /// the second order is computed.
    fn triples(&self) -> (usize, usize) {
        let (layout, pairs) = (self.layout, self.inputs.samples * self.layout.cloud.width);
        match layout.second_order {
            true => (pairs * (layout.columns + 2), pairs * layout.columns),
            false => (pairs * layout.columns, 0),
        }
    }

    /// Scalars of the tangent vectors and of a field.
    fn scalars(&self) -> (usize, usize) {
        let tangents = self.layout.cloud.width * self.layout.particle_len();
        (tangents, self.inputs.padded() * self.network.outputs * self.layout.stride())
    }

    /// The counted work of [`Linearisation::field`]: the product with the inputs, two multiply-adds for each output, and
    /// three more with the second order; activations with all derivatives.
    fn field_counts(&self) -> WorkCounts {
        let ((all, second), outputs) = (self.triples(), self.network.outputs);
        let operations = 2 * all * (self.inputs.hidden + 2 * outputs) + 6 * second * outputs;
        let (tangents, field) = self.scalars();
        WorkCounts::of::<f64>(operations, self.inputs.samples * self.layout.cloud.width, tangents + field)
    }

    /// The counted work of [`Linearisation::force`]: the products with the inputs and their transpose, two multiply-adds
    /// for each output and two and a half for its term of the second product, and four more with the second order.
    fn force_counts(&self) -> WorkCounts {
        let ((all, second), outputs) = (self.triples(), self.network.outputs);
        let operations = all * (4 * self.inputs.hidden + 9 * outputs) + 8 * second * outputs;
        let (tangents, field) = self.scalars();
        WorkCounts::of::<f64>(operations, self.inputs.samples * self.layout.cloud.width, 2 * tangents + field)
    }

    /// Tiles that a particle visits in turn.
    fn block_tiles(&self) -> usize {
        let tile_len = self.inputs.tile * self.network.outputs * self.layout.stride();
        let most = (BLOCK_NUMBERS / tile_len).clamp(1, MOST_BLOCK_TILES);
        let tiles = self.inputs.count().max(1);
        tiles.div_ceil(tiles.div_ceil(most))
    }

    /// The tiles in blocks.
    fn blocks(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        let (tiles, block) = (self.inputs.count(), self.block_tiles());
        (0..tiles.div_ceil(block)).map(move |index| index * block..((index + 1) * block).min(tiles))
    }

    /// What the second order needs of particle `i`.
    fn second_order(&self, i: usize) -> Option<SecondOrder<'_>> {
        let stride = self.layout.stride();
        let weights = &self.weights[i * stride..(i + 1) * stride];
        self.layout.mean_column().map(|mean_column| SecondOrder { mask: &self.mask, weights, mean_column })
    }

    /// Writes the field `(1/M) sum_i (sqrt(M) nu_i phi_i + grad phi_i . xi_i)` of tangent vectors `xi`, (n, K, stride),
    /// with the second order in the column of `zeta`:
    ///
    /// ```text
    /// (1/M) sum_i ( grad phi_i . zeta_i + sum_k ( 1/2 grad^2 phi_i [xi_i^k, xi_i^k] + sqrt(M) nu_i^k grad phi_i . xi_i^k ) )
    /// ```
    pub fn field(&mut self, theta: &[f64], xi: &[f64], out: &mut Vec<f64>) {
        profile::count(WorkKind::Columns, || self.field_counts());
        let mut partial = std::mem::take(&mut self.partial);
        let particles = self.layout.cloud.width;
        let tile_len = self.inputs.tile * self.network.outputs * self.layout.stride();
        let (blocks, block_len) = (self.blocks().len(), self.block_tiles() * tile_len);
        let parts = (PARTIAL_NUMBERS / (blocks * block_len)).clamp(1, MOST_PARTS);
        let part = particles.div_ceil(parts).next_multiple_of(GROUP);
        let part_len = blocks * block_len;
        partial.resize(particles.div_ceil(part) * part_len, 0.0);
        for_each_chunk(self.threads, &mut partial, block_len, |task, out, _| {
            let first = task / blocks * part;
            self.add_fields(theta, xi, first..(first + part).min(particles), task % blocks, out);
        });
        let scale = 1.0 / particles as f64;
        out.resize(self.inputs.count() * tile_len, 0.0);
        for_each_chunk(self.threads, out, tile_len, |t, out, _| {
            out.fill(0.0);
            for part in partial.chunks_exact(part_len) {
                out.iter_mut().zip(&part[t * tile_len..]).for_each(|(sum, v)| *sum += v);
            }
            out.iter_mut().for_each(|v| *v *= scale);
        });
        self.partial = partial;
    }

    /// Writes the sum over some particles of their contributions to the field at a block of tiles.
    fn add_fields(&self, theta: &[f64], xi: &[f64], particles: Range<usize>, block: usize, out: &mut [f64]) {
        let Linearisation { network, inputs, layout, weights, .. } = self;
        let (stride, outputs, particle_len) = (layout.stride(), network.outputs, layout.particle_len());
        let tiles = self.blocks().nth(block).unwrap_or_default();
        let (mut group, mut u) = (NeuronGroup::default(), vec![0.0; inputs.tile * stride]);
        let (mut output_tangent, mut output_sums) = (Vec::with_capacity((outputs * stride).max(ALIGNED)), Vec::new());
        out.fill(0.0);
        for first in particles.clone().step_by(GROUP) {
            let neurons = first..(first + GROUP).min(particles.end);
            group.read(network, layout.cloud, theta, neurons.clone());
            group.evaluate(network.activation, inputs, tiles.clone());
            for (neuron, i) in neurons.enumerate() {
                let (a, xi) = (group.outputs(neuron), &xi[i * particle_len..(i + 1) * particle_len]);
                let weights = &weights[i * stride..(i + 1) * stride];
                output_tangent.clear();
                output_sums.clear();
                for (xi_a, &a) in xi[inputs.hidden * stride..].chunks_exact(stride).zip(a) {
                    output_tangent.extend(xi_a.iter().zip(weights).map(|(xi, nu)| xi + a * nu));
                    let noise = &xi_a[..layout.columns];
                    output_sums.push([noise, weights].map(|other| vector::dot(noise, &other[..layout.columns])));
                }
                for (t, out) in tiles.clone().zip(out.chunks_exact_mut(inputs.tile * outputs * stride)) {
                    f64::vectorize(NeuronForward {
                        tile: inputs.get(t),
                        activation: group.row(neuron, t),
                        a,
                        xi,
                        output_tangent: &output_tangent,
                        output_sums: &output_sums,
                        second: self.second_order(i),
                        u: &mut u,
                        out,
                        stride,
                    });
                }
            }
        }
    }

    /// Writes the linearised gradient of the potential of every particle, in the layout of the tangent vectors `xi`:
    ///
    /// ```text
    /// H_i xi_i + E_x[ drive . grad phi_i ],   H_i = E_x[ e . grad^2 phi_i ] + lambda
    /// ```
    ///
    /// and in the column of `zeta` in addition
    /// `sum_k ( E_x[ drive^k . grad^2 phi_i xi_i^k ] + 1/2 E_x[ e . grad^3 phi_i [xi_i^k, xi_i^k] ] )`. `residual` is e
    /// divided by n, (n, K), and `drive` is divided by n, (n, K, stride); both with padding, zero there.
    pub fn force(&self, theta: &[f64], xi: &[f64], residual: &[f64], drive: &[f64], out: &mut [f64]) {
        let Linearisation { network, ridge, inputs, layout, .. } = self;
        let (stride, outputs, particle_len) = (layout.stride(), network.outputs, layout.particle_len());
        let trained = network.trained();
        profile::count(WorkKind::Columns, || self.force_counts());
        for_each_chunk(self.threads, out, GROUP * particle_len, |task, out, _| {
            let (mut group, mut u) = (NeuronGroup::default(), vec![0.0; inputs.tile * stride]);
            let first = task * GROUP;
            let xi = &xi[first * particle_len..][..out.len()];
            group.read(network, layout.cloud, theta, first..first + out.len() / particle_len);
            out.iter_mut().zip(xi).for_each(|(out, xi)| *out = ridge * xi);
            for tiles in self.blocks() {
                group.evaluate(network.activation, inputs, tiles.clone());
                let particles = out.chunks_exact_mut(particle_len).zip(xi.chunks_exact(particle_len));
                for (neuron, (out, xi)) in particles.enumerate() {
                    for t in tiles.clone() {
                        let rows = t * inputs.tile * outputs..(t + 1) * inputs.tile * outputs;
                        f64::vectorize(NeuronReverse {
                            tile: inputs.get(t),
                            activation: group.row(neuron, t),
                            a: group.outputs(neuron),
                            xi,
                            residual: &residual[rows.clone()],
                            drive: &drive[rows.start * stride..rows.end * stride],
                            second: self.second_order(first + neuron),
                            u: &mut u,
                            out,
                            stride,
                        });
                    }
                }
            }
            for out in out.chunks_exact_mut(particle_len) {
                out[..trained.start * stride].fill(0.0);
                out[trained.end * stride..].fill(0.0);
            }
        });
    }
}
