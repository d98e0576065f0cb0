//! The linearised mean-field system: the field of tangent vectors, and the linearised force in a field.

use super::inputs::InputTiles;
use super::kernel::{NeuronForward, NeuronReverse, SecondOrder};
use super::layout::TangentLayout;
use super::neuron::{ActivationRow, NeuronParameters};
use crate::compute::{Kernel, Threads, for_each_chunk};
use crate::network::TwoLayer;

/// Most partial fields, each of a range of particles.
const MOST_PARTS: usize = 8;

/// Tasks above which the particles are not divided further.
const ENOUGH_TASKS: usize = 64;

/// Particles of a task of the reverse pass.
const PARTICLES_PER_TASK: usize = 4;

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
    /// 1 for the columns of the noise, (stride).
    mask: Vec<f64>,
    pub threads: usize,
    partial: Vec<f64>,
}

/// The buffers of one task.
#[derive(Default)]
struct TaskBuffers {
    parameters: NeuronParameters,
    activation: ActivationRow,
    u: Vec<f64>,
    output_tangent: Vec<f64>,
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

    /// Writes the field `(1/M) sum_i (sqrt(M) nu_i phi_i + grad phi_i . xi_i)` of tangent vectors `xi`, (n, K, stride),
    /// with the second order in the column of `zeta`:
    ///
    /// ```text
    /// (1/M) sum_i ( grad phi_i . zeta_i + sum_k ( 1/2 grad^2 phi_i [xi_i^k, xi_i^k] + sqrt(M) nu_i^k grad phi_i . xi_i^k ) )
    /// ```
    pub fn field(&mut self, theta: &[f64], xi: &[f64], out: &mut Vec<f64>) {
        let Linearisation { network, inputs, layout, weights, mask, threads, partial, .. } = self;
        let (particles, stride, outputs) = (layout.cloud.width, layout.stride(), network.outputs);
        let (tiles, tile_len) = (inputs.count(), inputs.tile * outputs * stride);
        let parts = ENOUGH_TASKS.div_ceil(tiles).clamp(1, MOST_PARTS).min(particles);
        let part = particles.div_ceil(parts);
        partial.resize(parts * tiles * tile_len, 0.0);
        for_each_chunk(*threads, partial, tile_len, |task, out, _| {
            let (first, t) = (task / tiles * part, task % tiles);
            let tile = inputs.get(t);
            let mut buffers = TaskBuffers { u: vec![0.0; inputs.tile * stride], ..TaskBuffers::default() };
            out.fill(0.0);
            for i in first..(first + part).min(particles) {
                let TaskBuffers { parameters, activation, u, output_tangent } = &mut buffers;
                parameters.read(network, layout.cloud, theta, i);
                activation.evaluate(network.activation, &parameters.hidden, tile, inputs.tile);
                let xi = &xi[i * layout.particle_len()..][..layout.particle_len()];
                let weights = &weights[i * stride..(i + 1) * stride];
                output_tangent.clear();
                for (xi_a, &a) in xi[inputs.hidden * stride..].chunks_exact(stride).zip(&parameters.outputs) {
                    output_tangent.extend(xi_a.iter().zip(weights).map(|(xi, nu)| xi + a * nu));
                }
                f64::dispatch(NeuronForward {
                    tile,
                    activation,
                    a: &parameters.outputs,
                    xi,
                    output_tangent,
                    second: layout.mean_column().map(|mean_column| SecondOrder { mask, weights, mean_column }),
                    u,
                    out,
                    stride,
                });
            }
        });
        let scale = 1.0 / particles as f64;
        out.clear();
        out.resize(tiles * tile_len, 0.0);
        for part in partial.chunks_exact(tiles * tile_len) {
            out.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
        out.iter_mut().for_each(|v| *v *= scale);
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
        let Linearisation { network, ridge, inputs, layout, weights, mask, threads, .. } = self;
        let (stride, outputs, particle_len) = (layout.stride(), network.outputs, layout.particle_len());
        for_each_chunk(*threads, out, PARTICLES_PER_TASK * particle_len, |task, out, _| {
            let mut buffers = TaskBuffers { u: vec![0.0; inputs.tile * stride], ..TaskBuffers::default() };
            for (at, out) in out.chunks_exact_mut(particle_len).enumerate() {
                let i = task * PARTICLES_PER_TASK + at;
                let TaskBuffers { parameters, activation, u, .. } = &mut buffers;
                parameters.read(network, layout.cloud, theta, i);
                let xi = &xi[i * particle_len..(i + 1) * particle_len];
                let weights = &weights[i * stride..(i + 1) * stride];
                out.iter_mut().zip(xi).for_each(|(out, xi)| *out = ridge * xi);
                for t in 0..inputs.count() {
                    let tile = inputs.get(t);
                    activation.evaluate(network.activation, &parameters.hidden, tile, inputs.tile);
                    let rows = t * inputs.tile * outputs..(t + 1) * inputs.tile * outputs;
                    f64::dispatch(NeuronReverse {
                        tile,
                        activation,
                        a: &parameters.outputs,
                        xi,
                        residual: &residual[rows.clone()],
                        drive: &drive[rows.start * stride..rows.end * stride],
                        second: layout.mean_column().map(|mean_column| SecondOrder { mask, weights, mean_column }),
                        u,
                        out,
                        stride,
                    });
                }
                let trained = network.trained();
                out[..trained.start * stride].fill(0.0);
                out[trained.end * stride..].fill(0.0);
            }
        });
    }
}
