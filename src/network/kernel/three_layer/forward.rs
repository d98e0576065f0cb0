//! The forward passes: activations of both hidden layers, and partial predictions.

use super::super::phases::{BlockRow, PreActivations};
use super::super::{LANES, activation};
use super::PassContext;
use super::packed::{PackedActivations, PackedBlocks};
use crate::compute::{DisjointSlice, Pass, Real, Simd, parallel_for};
use std::sync::PoisonError;

/// Computes H1 and its slopes, and packs H1 for the second layer.
pub(super) struct FirstLayerForward<'a, R> {
    /// Common arguments.
    pub context: PassContext<'a, R>,
    /// Parameters.
    pub theta: &'a [R],
    /// H1.
    pub value: DisjointSlice<'a, R>,
    /// `sigma1'(Z1)`.
    pub slope: DisjointSlice<'a, R>,
    /// H1, packed.
    pub packed: PackedBlocks<'a, R>,
}

impl<R: Real> Pass<R> for FirstLayerForward<'_, R> {
    fn run<S: Simd<R>>(self, simd: S) {
        let PassContext { network, layout, samples, scratch, .. } = self.context;
        let (d, count) = (network.inputs, samples.count());
        parallel_for(scratch.len(), layout.first.blocks(), &|block, thread| {
            let mut scratch = scratch[thread].lock().unwrap_or_else(PoisonError::into_inner);
            let rows = self.theta[layout.first_block(block)].as_chunks::<LANES>().0;
            let b = network.bias.then(|| &rows[d]);
            for tile in samples.tiles() {
                let z = tile_rows(&mut scratch.z, tile.count);
                simd.vectorize(PreActivations { w: &rows[..d], b, x: tile.forward, z });
                let z = &z[..tile.count];
                // SAFETY: a block is processed by one thread, and the rows of a tile are borrowed once at a time.
                let (value, slope) = unsafe { rows_of(&self.value, &self.slope, block, count, tile.first, tile.count) };
                value.copy_from_slice(z);
                let function = network.activations[0];
                activation::value_and_derivative(function, value.as_flattened_mut(), slope.as_flattened_mut());
                // SAFETY: as above.
                unsafe { self.packed.set(block, &tile, value) };
            }
        });
    }
}

/// Computes H2 and its slopes, and the partial predictions of every block.
pub(super) struct SecondLayerForward<'a, R> {
    /// Common arguments.
    pub context: PassContext<'a, R>,
    /// Parameters.
    pub theta: &'a [R],
    /// H1, packed.
    pub packed: &'a PackedActivations<R>,
    /// H2.
    pub value: DisjointSlice<'a, R>,
    /// `sigma2'(Z2)`.
    pub slope: DisjointSlice<'a, R>,
    /// Partial predictions, (blocks, n, K).
    pub partial: DisjointSlice<'a, f64>,
}

impl<R: Real> Pass<R> for SecondLayerForward<'_, R> {
    fn run<S: Simd<R>>(self, simd: S) {
        let PassContext { network, layers: [n1, _], layout, samples, scratch } = self.context;
        let (count, outputs) = (samples.count(), network.outputs);
        // The factor 1/N1 is applied here only.
        let mean = R::of(1.0 / n1 as f64);
        parallel_for(scratch.len(), layout.second.blocks(), &|block, thread| {
            let mut scratch = scratch[thread].lock().unwrap_or_else(PoisonError::into_inner);
            let rows = self.theta[layout.second_block(block)].as_chunks::<LANES>().0;
            let none = [R::zero(); LANES];
            let c = if network.bias { &rows[n1] } else { &none };
            let a = &rows[layout.second.parameters - outputs..];
            for tile in samples.tiles() {
                let z = tile_rows(&mut scratch.z, tile.count);
                simd.vectorize(PreActivations { w: &rows[..n1], b: None, x: self.packed.forward(&tile), z });
                // SAFETY: a block is processed by one thread, and the rows of a tile are borrowed once at a time.
                let (value, slope) = unsafe { rows_of(&self.value, &self.slope, block, count, tile.first, tile.count) };
                for (value, z) in value.iter_mut().zip(z.iter()) {
                    for lane in 0..LANES {
                        value[lane] = z[lane] * mean + c[lane];
                    }
                }
                let function = network.activations[1];
                activation::value_and_derivative(function, value.as_flattened_mut(), slope.as_flattened_mut());
                let at = (block * count + tile.first) * outputs;
                // SAFETY: as above.
                let partial = unsafe { self.partial.get_mut(at..at + tile.count * outputs) };
                for (value, f) in value.iter().zip(partial.chunks_exact_mut(outputs)) {
                    for (a, f) in a.iter().zip(f) {
                        *f = sum(a, value);
                    }
                }
            }
        });
    }
}

/// `sum_l a_l h_l` over the lanes l of a block, with rounded products in eight interleaved partial sums.
fn sum<R: Real>(a: &BlockRow<R>, h: &BlockRow<R>) -> f64 {
    let mut sums = [0.0; 8];
    for (a, h) in a.as_chunks::<8>().0.iter().zip(h.as_chunks::<8>().0) {
        for lane in 0..8 {
            sums[lane] += (a[lane] * h[lane]).to_f64();
        }
    }
    sums.iter().sum()
}

/// The rows of a buffer for the samples of a tile, their number rounded up to even. The buffer is grown if necessary.
pub(super) fn tile_rows<R: Real>(z: &mut Vec<BlockRow<R>>, count: usize) -> &mut [BlockRow<R>] {
    let rows = count.next_multiple_of(2);
    if z.len() < rows {
        z.resize(rows, [R::zero(); LANES]);
    }
    &mut z[..rows]
}

/// The rows of values and slopes of a block for samples `first .. first + samples` of `count`.
///
/// # Safety
/// These rows are not borrowed by any other call at the same time.
unsafe fn rows_of<'a, R: Real>(
    value: &'a DisjointSlice<'_, R>,
    slope: &'a DisjointSlice<'_, R>,
    block: usize,
    count: usize,
    first: usize,
    samples: usize,
) -> (&'a mut [BlockRow<R>], &'a mut [BlockRow<R>]) {
    let at = (block * count + first) * LANES..(block * count + first + samples) * LANES;
    // SAFETY: guaranteed by the caller.
    let (value, slope) = unsafe { (value.get_mut(at.clone()), slope.get_mut(at)) };
    (value.as_chunks_mut().0, slope.as_chunks_mut().0)
}
