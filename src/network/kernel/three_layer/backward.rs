//! The backward passes: derivatives in the pre-activations of both layers, and the gradient or the step.

use super::super::LANES;
use super::super::phases::{BlockRow, PreActivations, WeightGradient};
use super::super::sweep::BackwardOutput;
use super::super::update::{ApplyStep, WriteGradient};
use super::PassContext;
use super::forward::tile_rows;
use super::packed::{PackedActivations, PackedBlocks};
use crate::compute::{DisjointSlice, Pass, Real, Simd, parallel_for};
use std::ops::Range;
use std::sync::PoisonError;

/// Computes D2, which replaces the slopes and is packed for the first layer, and the gradient of a.
pub(super) struct OutputBackward<'a, R> {
    /// Common arguments.
    pub context: PassContext<'a, R>,
    /// Parameters.
    pub theta: &'a DisjointSlice<'a, R>,
    /// Residuals, (n, K).
    pub residual: &'a [R],
    /// H2.
    pub value: &'a [R],
    /// `sigma2'(Z2)`, replaced by D2.
    pub slope: DisjointSlice<'a, R>,
    /// The gradient of a, rows block after block.
    pub grad_a: DisjointSlice<'a, R>,
    /// D2, packed.
    pub output_deltas: PackedBlocks<'a, R>,
}

impl<R: Real> Pass<R> for OutputBackward<'_, R> {
    fn run<S: Simd<R>>(self, _simd: S) {
        let PassContext { network, layout, samples, scratch, .. } = self.context;
        let (count, outputs) = (samples.count(), network.outputs);
        parallel_for(scratch.len(), layout.second.blocks(), &|block, _| {
            // SAFETY: parameters are not written in this pass.
            let rows = unsafe { self.theta.get(layout.second_block(block)) }.as_chunks::<LANES>().0;
            let a = &rows[layout.second.parameters - outputs..];
            let at = block * count * LANES..(block + 1) * count * LANES;
            let value = self.value[at.clone()].as_chunks::<LANES>().0;
            // SAFETY: a block is processed by one thread.
            let (slope, grad_a) = unsafe {
                (self.slope.get_mut(at), self.grad_a.get_mut(block * outputs * LANES..(block + 1) * outputs * LANES))
            };
            let (slope, grad_a) = (slope.as_chunks_mut::<LANES>().0, grad_a.as_chunks_mut::<LANES>().0);
            grad_a.fill([R::zero(); LANES]);
            for ((value, slope), e) in value.iter().zip(slope.iter_mut()).zip(self.residual.chunks_exact(outputs)) {
                let mut delta = [R::zero(); LANES];
                for ((a, grad), &e) in a.iter().zip(grad_a.iter_mut()).zip(e) {
                    for lane in 0..LANES {
                        delta[lane] += e * a[lane];
                        grad[lane] += e * value[lane];
                    }
                }
                for lane in 0..LANES {
                    slope[lane] *= delta[lane];
                }
            }
            let used = layout.second.lanes_in_use(block);
            grad_a.iter_mut().for_each(|row| row[used..].fill(R::zero()));
            for tile in samples.tiles() {
                // SAFETY: a block is processed by one thread.
                unsafe { self.output_deltas.set(block, &tile, &slope[tile.first..tile.first + tile.count]) };
            }
        });
    }
}

/// Computes D1 and the gradient or the step of the first layer.
pub(super) struct FirstLayerBackward<'a, R> {
    /// Common arguments.
    pub context: PassContext<'a, R>,
    /// Parameters.
    pub theta: &'a DisjointSlice<'a, R>,
    /// D2, packed.
    pub output_deltas: &'a PackedActivations<R>,
    /// `sigma1'(Z1)`.
    pub slope: &'a [R],
    /// The use of the gradient.
    pub output: &'a BackwardOutput<'a, R>,
}

impl<R: Real> Pass<R> for FirstLayerBackward<'_, R> {
    fn run<S: Simd<R>>(self, simd: S) {
        let PassContext { network, layers: [_, n2], layout, samples, scratch, .. } = self.context;
        let count = samples.count();
        let hidden = layout.first.parameters;
        let mean = R::of(1.0 / n2 as f64);
        parallel_for(scratch.len(), layout.first.blocks(), &|block, thread| {
            let mut scratch = scratch[thread].lock().unwrap_or_else(PoisonError::into_inner);
            let scratch = &mut *scratch;
            let used = layout.first.lanes_in_use(block);
            scratch.transposed.resize(n2.next_multiple_of(LANES), [R::zero(); LANES]);
            for second in 0..layout.second.blocks() {
                let start = layout.second_block(second).start + block * LANES * LANES;
                // SAFETY: only blocks of the first layer are written in this pass.
                let rows = unsafe { self.theta.get(start..start + used * LANES) }.as_chunks::<LANES>().0;
                transpose(rows, &mut scratch.transposed[second * LANES..(second + 1) * LANES]);
            }
            scratch.grad.resize(hidden, [R::zero(); LANES]);
            for tile in samples.tiles() {
                let z = tile_rows(&mut scratch.z, tile.count);
                simd.vectorize(PreActivations {
                    w: &scratch.transposed[..n2],
                    b: None,
                    x: self.output_deltas.forward(&tile),
                    z,
                });
                let z = &mut z[..tile.count];
                let slope = &self.slope[(block * count + tile.first) * LANES..][..tile.count * LANES];
                for (z, slope) in z.iter_mut().zip(slope.as_chunks::<LANES>().0) {
                    for lane in 0..LANES {
                        z[lane] = z[lane] * mean * slope[lane];
                    }
                }
                let grad = &mut scratch.grad[..];
                simd.vectorize(WeightGradient {
                    delta: z,
                    x: tile.backward,
                    grad,
                    bias: network.bias,
                    from_zero: tile.first == 0,
                });
            }
            let update = BlockUpdate { at: layout.first_block(block), block, used, trained: hidden };
            update.run(simd, self.theta, &scratch.grad[..hidden], self.output, &mut scratch.normals);
        });
    }
}

/// Writes the transpose of `rows` to `out`, padded with zeros.
fn transpose<R: Real>(rows: &[BlockRow<R>], out: &mut [BlockRow<R>]) {
    for (lane, out) in out.iter_mut().enumerate() {
        *out = std::array::from_fn(|i| rows.get(i).map_or(R::zero(), |row| row[lane]));
    }
}

/// Computes the gradient or the step of the second layer.
pub(super) struct SecondLayerBackward<'a, R> {
    /// Common arguments.
    pub context: PassContext<'a, R>,
    /// Parameters.
    pub theta: &'a DisjointSlice<'a, R>,
    /// H1, packed.
    pub packed: &'a PackedActivations<R>,
    /// D2.
    pub deltas: &'a [R],
    /// The gradient of a, rows block after block.
    pub grad_a: &'a [R],
    /// The use of the gradient.
    pub output: &'a BackwardOutput<'a, R>,
}

impl<R: Real> Pass<R> for SecondLayerBackward<'_, R> {
    fn run<S: Simd<R>>(self, simd: S) {
        let PassContext { network, layout, samples, scratch, .. } = self.context;
        let (count, outputs, parameters) = (samples.count(), network.outputs, layout.second.parameters);
        let hidden = parameters - outputs;
        parallel_for(scratch.len(), layout.second.blocks(), &|block, thread| {
            let mut scratch = scratch[thread].lock().unwrap_or_else(PoisonError::into_inner);
            let scratch = &mut *scratch;
            // The rows of a are copied after the sums.
            scratch.grad.resize(parameters, [R::zero(); LANES]);
            for tile in samples.tiles() {
                let delta = &self.deltas[(block * count + tile.first) * LANES..][..tile.count * LANES];
                let grad = &mut scratch.grad[..hidden];
                let (bias, from_zero) = (network.bias, tile.first == 0);
                simd.vectorize(WeightGradient {
                    delta: delta.as_chunks().0,
                    x: self.packed.backward(&tile),
                    grad,
                    bias,
                    from_zero,
                });
            }
            let grad_a = &self.grad_a[block * outputs * LANES..(block + 1) * outputs * LANES];
            scratch.grad[hidden..parameters].copy_from_slice(grad_a.as_chunks().0);
            let update = BlockUpdate {
                at: layout.second_block(block),
                block: layout.first.blocks() + block,
                used: layout.second.lanes_in_use(block),
                trained: if network.fixed_output { hidden } else { parameters },
            };
            update.run(simd, self.theta, &scratch.grad[..parameters], self.output, &mut scratch.normals);
        });
    }
}

/// The use of the gradient of one block.
struct BlockUpdate {
    /// The range of the block in a state slice.
    at: Range<usize>,
    /// Index of the block among those of both layers.
    block: usize,
    /// Number of neurons, without padding.
    used: usize,
    /// Number of trained rows; fixed rows follow.
    trained: usize,
}

impl BlockUpdate {
    /// Writes the gradient, or takes the step.
    fn run<R: Real, S: Simd<R>>(
        self,
        simd: S,
        theta: &DisjointSlice<'_, R>,
        grad: &[BlockRow<R>],
        output: &BackwardOutput<'_, R>,
        buffer: &mut Vec<R>,
    ) {
        let BlockUpdate { at, block, used, trained } = self;
        match output {
            BackwardOutput::Gradient { out, ridge } => {
                // SAFETY: parameters are only read; no other call accesses the gradient of this block.
                let (theta, out) = unsafe { (theta.get(at.clone()), out.get_mut(at)) };
                write_gradient(simd, (theta, grad), *ridge, (trained, used), out);
            }
            BackwardOutput::Update(update) => {
                buffer.resize(at.len(), R::zero());
                // SAFETY: no other call writes the parameters of this block.
                let theta = unsafe { theta.get(at.clone()) };
                write_gradient(simd, (theta, grad), update.ridge, (trained, used), buffer);
                // SAFETY: no other call accesses the ranges of this block, and `theta` is not used any more.
                unsafe { update.apply(at, buffer) };
            }
            BackwardOutput::Step { momentum, constants, normals } => {
                if let Some(normals) = normals {
                    buffer.resize(at.len(), R::zero());
                    normals(block, buffer);
                }
                let normals = if normals.is_some() { &buffer.as_chunks().0[..trained] } else { &[] };
                // SAFETY: no other call accesses the parameters and momenta of this block.
                let (theta, momentum) = unsafe { (theta.get_mut(at.clone()), momentum.get_mut(at)) };
                let (theta, momentum) = (theta.as_chunks_mut::<LANES>().0, momentum.as_chunks_mut::<LANES>().0);
                let (theta, momentum) = (&mut theta[..trained], &mut momentum[..trained]);
                let constants = *constants;
                simd.vectorize(ApplyStep { grad: &grad[..trained], factor: None, theta, momentum, normals, constants });
            }
        }
    }
}

/// Writes the gradient of a block from the sums over samples. `trained`: the number of trained rows, which fixed rows follow;
/// `used`: the number of neurons, which padding follows.
fn write_gradient<R: Real, S: Simd<R>>(
    simd: S,
    (theta, grad): (&[R], &[BlockRow<R>]),
    ridge: R,
    (trained, used): (usize, usize),
    out: &mut [R],
) {
    let (theta, out) = (theta.as_chunks::<LANES>().0, out.as_chunks_mut::<LANES>().0);
    let (out_trained, out_fixed) = out.split_at_mut(trained);
    let (grad, theta) = (&grad[..trained], &theta[..trained]);
    simd.vectorize(WriteGradient { grad, factor: None, theta, ridge, out: out_trained });
    out_fixed.fill([R::zero(); LANES]);
    if used < LANES {
        // Padding is +0, not -0.
        out.iter_mut().for_each(|row| row[used..].fill(R::zero()));
    }
}
