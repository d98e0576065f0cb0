//! Matrices (samples, neurons) in the memory orders of the products.
//!
//! The activations of the first hidden layer are the inputs of the second. They are packed like
//! [`Samples`](super::super::Samples), in the same tiles of samples, one block of neurons at a time and by several
//! threads.

use super::super::LANES;
use super::super::phases::BlockRow;
use super::super::samples::SampleTile;
use crate::compute::{DisjointSlice, Real};

/// PackedActivations numbers of every sample and neuron.
#[derive(Debug, Default)]
pub(super) struct PackedActivations<R> {
    neurons: usize,
    /// The number of neurons, plus one for the bias, whose activation is 1; 0 without a backward pass.
    rows: usize,
    /// `[sample / 2][neuron][sample % 2]`.
    forward: Vec<R>,
    /// For each tile `[neuron / 2][sample][neuron % 2]`.
    backward: Vec<R>,
}

impl<R: Real> PackedActivations<R> {
    /// Resizes for `count` samples and `neurons` neurons. `backward`: whether there is a bias, or `None` if there is no
    /// backward pass.
    pub fn reset(&mut self, count: usize, neurons: usize, backward: Option<bool>) {
        let rows = backward.map_or(0, |bias| neurons + usize::from(bias));
        let (forward_len, backward_len) = (count.next_multiple_of(2) * neurons, rows.next_multiple_of(2) * count);
        if (self.neurons, self.rows, self.forward.len(), self.backward.len())
            != (neurons, rows, forward_len, backward_len)
        {
            self.forward.clear();
            self.forward.resize(forward_len, R::zero());
            self.backward.clear();
            self.backward.resize(backward_len, R::zero());
            (self.neurons, self.rows) = (neurons, rows);
        }
    }

    /// Access for writing, block by block.
    pub fn blocks(&mut self) -> PackedBlocks<'_, R> {
        PackedBlocks {
            neurons: self.neurons,
            rows: self.rows,
            forward: DisjointSlice::exclusive(&mut self.forward),
            backward: DisjointSlice::exclusive(&mut self.backward),
        }
    }

    /// `[sample / 2][neuron][sample % 2]` of a tile.
    pub fn forward(&self, tile: &SampleTile<'_, R>) -> &[[R; 2]] {
        self.forward[tile.first * self.neurons..][..tile.count.next_multiple_of(2) * self.neurons].as_chunks().0
    }

    /// `[neuron / 2][sample][neuron % 2]` of a tile.
    pub fn backward(&self, tile: &SampleTile<'_, R>) -> &[[R; 2]] {
        let stride = self.rows.next_multiple_of(2);
        self.backward[tile.first * stride..][..tile.count * stride].as_chunks().0
    }
}

/// [`PackedActivations`], written block by block by several threads.
pub(super) struct PackedBlocks<'a, R> {
    neurons: usize,
    rows: usize,
    forward: DisjointSlice<'a, R>,
    backward: DisjointSlice<'a, R>,
}

impl<R: Real> PackedBlocks<'_, R> {
    /// Writes a block of neurons for the samples of a tile; `values` has one row per sample.
    ///
    /// # Safety
    /// No other thread writes this block at the same time.
    pub unsafe fn set(&self, block: usize, tile: &SampleTile<'_, R>, values: &[BlockRow<R>]) {
        let start = block * LANES;
        let used = (self.neurons - start).min(LANES);
        for (pair, rows) in values.chunks(2).enumerate() {
            let at = (tile.first + 2 * pair) * self.neurons + 2 * start;
            // SAFETY: the caller guarantees exclusive access to the block, and the ranges of blocks are disjoint.
            let out = unsafe { self.forward.get_mut(at..at + 2 * used) }.as_chunks_mut::<2>().0;
            for (lane, out) in out.iter_mut().enumerate() {
                *out = [rows[0][lane], rows.get(1).map_or(R::zero(), |row| row[lane])];
            }
        }
        if self.rows == 0 {
            return;
        }
        let first = tile.first * self.rows.next_multiple_of(2);
        for pair in 0..used.div_ceil(2) {
            let at = first + (start + 2 * pair) * tile.count;
            // SAFETY: as above; blocks begin at even neurons, so a pair belongs to one block.
            let out = unsafe { self.backward.get_mut(at..at + 2 * tile.count) }.as_chunks_mut::<2>().0;
            for (values, out) in values.iter().zip(out) {
                *out = [
                    values[2 * pair],
                    if 2 * pair + 1 < used { values[2 * pair + 1] } else { self.partner(start + used) },
                ];
            }
        }
        if used.is_multiple_of(2) && start + used == self.neurons && self.rows > self.neurons {
            let at = first + self.neurons * tile.count;
            // SAFETY: the row of the bias is written with the last block.
            let out = unsafe { self.backward.get_mut(at..at + 2 * tile.count) }.as_chunks_mut::<2>().0;
            out.fill([R::one(), R::zero()]);
        }
    }

    /// The entry paired with an odd last neuron: 1 for the bias, or padding.
    fn partner(&self, neuron: usize) -> R {
        if neuron < self.rows { R::one() } else { R::zero() }
    }
}
