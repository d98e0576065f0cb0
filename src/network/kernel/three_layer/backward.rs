//! The backward passes: what is pulled back to either layer, and the gradients or the step.

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

/// D2, in place of the slopes and packed for the first layer, and the gradient of a.
pub(super) struct OutputBackward<'a, R> {
    pub seen: PassContext<'a, R>,
    pub theta: &'a DisjointSlice<'a, R>,
    /// Residuals, (n, K).
    pub residual: &'a [R],
    pub value: &'a [R],
    pub slope: DisjointSlice<'a, R>,
    pub grad_a: DisjointSlice<'a, R>,
    pub pulled: PackedBlocks<'a, R>,
}

impl<R: Real> Pass<R> for OutputBackward<'_, R> {
    fn run<S: Simd<R>>(self, _simd: S) {
        let PassContext { network, layout, samples, scratch, .. } = self.seen;
        let (count, outputs) = (samples.count(), network.outputs);
        parallel_for(scratch.len(), layout.second.blocks(), &|block, _| {
            // SAFETY: nobody writes parameters in this pass.
            let rows = unsafe { self.theta.get(layout.second_block(block)) }.as_chunks::<LANES>().0;
            let a = &rows[layout.second.parameters - outputs..];
            let at = block * count * LANES..(block + 1) * count * LANES;
            let value = self.value[at.clone()].as_chunks::<LANES>().0;
            // SAFETY: a block is handed out once.
            let (slope, grad_a) = unsafe {
                (self.slope.get_mut(at), self.grad_a.get_mut(block * outputs * LANES..(block + 1) * outputs * LANES))
            };
            let (slope, grad_a) = (slope.as_chunks_mut::<LANES>().0, grad_a.as_chunks_mut::<LANES>().0);
            grad_a.fill([R::zero(); LANES]);
            for ((value, slope), e) in value.iter().zip(slope.iter_mut()).zip(self.residual.chunks_exact(outputs)) {
                let mut pull = [R::zero(); LANES];
                for ((a, grad), &e) in a.iter().zip(grad_a.iter_mut()).zip(e) {
                    for lane in 0..LANES {
                        pull[lane] += e * a[lane];
                        grad[lane] += e * value[lane];
                    }
                }
                for lane in 0..LANES {
                    slope[lane] *= pull[lane];
                }
            }
            let used = layout.second.lanes_in_use(block);
            grad_a.iter_mut().for_each(|row| row[used..].fill(R::zero()));
            for tile in samples.tiles() {
                // SAFETY: a block is handed out once.
                unsafe { self.pulled.set(block, &tile, &slope[tile.first..tile.first + tile.count]) };
            }
        });
    }
}

/// D1, and the gradient or the step of the first layer.
pub(super) struct FirstLayerBackward<'a, R> {
    pub seen: PassContext<'a, R>,
    pub theta: &'a DisjointSlice<'a, R>,
    /// D2.
    pub pulled: &'a PackedActivations<R>,
    pub slope: &'a [R],
    pub output: &'a BackwardOutput<'a, R>,
}

impl<R: Real> Pass<R> for FirstLayerBackward<'_, R> {
    fn run<S: Simd<R>>(self, simd: S) {
        let PassContext { network, layers: [_, n2], layout, samples, scratch, .. } = self.seen;
        let count = samples.count();
        let hidden = layout.first.parameters;
        let mean = R::of(1.0 / n2 as f64);
        parallel_for(scratch.len(), layout.first.blocks(), &|block, thread| {
            let mut scratch = scratch[thread].lock().unwrap_or_else(PoisonError::into_inner);
            let scratch = &mut *scratch;
            let used = layout.first.lanes_in_use(block);
            scratch.turned.resize(n2.next_multiple_of(LANES), [R::zero(); LANES]);
            for second in 0..layout.second.blocks() {
                let start = layout.second_block(second).start + block * LANES * LANES;
                // SAFETY: in this pass only blocks of the first layer are written.
                let rows = unsafe { self.theta.get(start..start + used * LANES) }.as_chunks::<LANES>().0;
                turn(rows, &mut scratch.turned[second * LANES..(second + 1) * LANES]);
            }
            scratch.grad.resize(hidden, [R::zero(); LANES]);
            for tile in samples.tiles() {
                let z = tile_rows(&mut scratch.z, tile.count);
                simd.vectorize(PreActivations { w: &scratch.turned[..n2], b: None, x: self.pulled.forward(&tile), z });
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
            let rows = BlockUpdate { at: layout.first_block(block), block, used, trained: hidden };
            rows.end(simd, self.theta, &scratch.grad[..hidden], self.output, &mut scratch.normals);
        });
    }
}

/// Columns of a block as rows: the lanes of `out` are the rows of `rows`, zero beyond them.
fn turn<R: Real>(rows: &[BlockRow<R>], out: &mut [BlockRow<R>]) {
    for (lane, out) in out.iter_mut().enumerate() {
        *out = std::array::from_fn(|i| rows.get(i).map_or(R::zero(), |row| row[lane]));
    }
}

/// The gradient or the step of the second layer.
pub(super) struct SecondLayerBackward<'a, R> {
    pub seen: PassContext<'a, R>,
    pub theta: &'a DisjointSlice<'a, R>,
    /// H1.
    pub packed: &'a PackedActivations<R>,
    /// D2.
    pub pull: &'a [R],
    pub grad_a: &'a [R],
    pub output: &'a BackwardOutput<'a, R>,
}

impl<R: Real> Pass<R> for SecondLayerBackward<'_, R> {
    fn run<S: Simd<R>>(self, simd: S) {
        let PassContext { network, layout, samples, scratch, .. } = self.seen;
        let (count, outputs, parameters) = (samples.count(), network.outputs, layout.second.parameters);
        let hidden = parameters - outputs;
        parallel_for(scratch.len(), layout.second.blocks(), &|block, thread| {
            let mut scratch = scratch[thread].lock().unwrap_or_else(PoisonError::into_inner);
            let scratch = &mut *scratch;
            // The rows of a are put in after the sums.
            scratch.grad.resize(parameters, [R::zero(); LANES]);
            for tile in samples.tiles() {
                let delta = &self.pull[(block * count + tile.first) * LANES..][..tile.count * LANES];
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
            let rows = BlockUpdate {
                at: layout.second_block(block),
                block: layout.first.blocks() + block,
                used: layout.second.lanes_in_use(block),
                trained: if network.fixed_output { hidden } else { parameters },
            };
            rows.end(simd, self.theta, &scratch.grad[..parameters], self.output, &mut scratch.normals);
        });
    }
}

/// The rows of a block, when their sums are there.
struct BlockUpdate {
    /// Their place in the state.
    at: Range<usize>,
    /// Number of the block among all.
    block: usize,
    /// BlockRow that are not padding.
    used: usize,
    /// Rows that are trained; the others follow them.
    trained: usize,
}

impl BlockUpdate {
    /// The gradient, or the step.
    fn end<R: Real, S: Simd<R>>(
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
                // SAFETY: parameters are only read; the block's part of the gradient belongs to this call alone.
                let (theta, out) = unsafe { (theta.get(at.clone()), out.get_mut(at)) };
                let (theta, out) = (theta.as_chunks::<LANES>().0, out.as_chunks_mut::<LANES>().0);
                let (moved, fixed) = out.split_at_mut(trained);
                let (grad, theta) = (&grad[..trained], &theta[..trained]);
                simd.vectorize(WriteGradient { grad, factor: None, theta, ridge: *ridge, out: moved });
                fixed.fill([R::zero(); LANES]);
                if used < LANES {
                    // Also the sign of zero.
                    out.iter_mut().for_each(|row| row[used..].fill(R::zero()));
                }
            }
            BackwardOutput::Step { momentum, constants, normals } => {
                if let Some(normals) = normals {
                    buffer.resize(at.len(), R::zero());
                    normals(block, buffer);
                }
                let normals = if normals.is_some() { &buffer.as_chunks().0[..trained] } else { &[] };
                // SAFETY: the block's parts of parameters and momenta belong to this call alone.
                let (theta, momentum) = unsafe { (theta.get_mut(at.clone()), momentum.get_mut(at)) };
                let (theta, momentum) = (theta.as_chunks_mut::<LANES>().0, momentum.as_chunks_mut::<LANES>().0);
                let (theta, momentum) = (&mut theta[..trained], &mut momentum[..trained]);
                let constants = *constants;
                simd.vectorize(ApplyStep { grad: &grad[..trained], factor: None, theta, momentum, normals, constants });
            }
        }
    }
}
