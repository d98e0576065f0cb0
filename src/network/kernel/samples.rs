//! A batch of inputs in the two memory orders that the kernels need.
//!
//! Samples are processed in *tiles* whose pre-activations fit the cache. In a tile, the forward pass reads two samples
//! at a time, `[sample / 2][input][sample % 2]`; the backward pass reads two inputs at a time,
//! `[input / 2][sample][input % 2]`, with a further input of 1 for the bias. Odd counts are padded with zeros.

use crate::compute::Real;

/// Largest number of samples in a tile.
const TILE: usize = 128;

/// Samples that are packed together: consecutive pairs of inputs of eight samples fill whole cache lines.
const GROUP: usize = 8;

/// A packed batch of n inputs.
#[derive(Clone, Debug, Default)]
pub struct Samples<R> {
    count: usize,
    inputs: usize,
    /// Number of rows of w and b; 0 if there is no backward pass.
    hidden: usize,
    /// Samples of a tile.
    tile: usize,
    /// All tiles in the order of the forward pass.
    forward: Vec<R>,
    /// All tiles in the order of the backward pass.
    backward: Vec<R>,
}

/// The packed samples of a tile.
#[derive(Clone, Copy)]
pub(super) struct SampleTile<'a, R> {
    /// Index of the first sample.
    pub first: usize,
    /// Number of samples.
    pub count: usize,
    /// `[sample / 2][input][sample % 2]`.
    pub forward: &'a [[R; 2]],
    /// `[input / 2][sample][input % 2]`.
    pub backward: &'a [[R; 2]],
}

impl<R: Real> Samples<R> {
    /// Allocates `count` samples of `inputs` inputs and discards the contents. `backward`: whether neurons have a bias,
    /// or `None` if there is no backward pass.
    pub fn reset(&mut self, count: usize, inputs: usize, backward: Option<bool>) {
        self.count = count;
        self.inputs = inputs;
        self.hidden = backward.map_or(0, |bias| inputs + usize::from(bias));
        let tiles = count.div_ceil(TILE).max(1);
        // Whole register tiles of 12 samples in all tiles but the last.
        self.tile = if tiles == 1 { count.max(1) } else { count.div_ceil(tiles).next_multiple_of(12) };
        // Setting the samples writes all entries but the partner of an odd last one.
        self.forward.resize(count.next_multiple_of(2) * inputs, R::zero());
        self.forward[count / 2 * 2 * inputs..].fill(R::zero());
        self.backward.resize(self.hidden.next_multiple_of(2) * count, R::zero());
    }

    /// Sets every sample; `row(s)` are the inputs of sample s.
    pub fn fill<'x>(&mut self, row: impl Fn(usize) -> &'x [R])
    where
        R: 'x,
    {
        for start in (0..self.count).step_by(self.tile.max(1)) {
            let end = self.count.min(start + self.tile);
            let grouped = start + (end - start) / GROUP * GROUP;
            (start..grouped).step_by(GROUP).for_each(|s| self.set_group(s, std::array::from_fn(|i| row(s + i))));
            (grouped..end).for_each(|s| self.set(s, row(s)));
        }
    }

    /// Sets the inputs of the samples from `first` on, an even number of a group that lies in one tile.
    fn set_group(&mut self, first: usize, x: [&[R]; GROUP]) {
        let d = self.inputs;
        let x = x.map(|x| &x[..d]);
        let forward = self.forward[first * d..(first + GROUP) * d].as_chunks_mut::<2>().0;
        for (forward, [even, odd]) in forward.chunks_exact_mut(d).zip(x.as_chunks::<2>().0) {
            let inputs = even.iter().zip(*odd);
            forward.iter_mut().zip(inputs).for_each(|(entry, (&even, &odd))| *entry = [even, odd]);
        }
        if self.hidden == 0 {
            return;
        }
        let start = first / self.tile * self.tile;
        let count = self.tile.min(self.count - start);
        let stride = self.hidden.next_multiple_of(2);
        let backward = self.backward[start * stride..][..count * stride].as_chunks_mut::<2>().0;
        let at = |pair: usize| pair * count + (first - start);
        let pairs = x.map(|x| &x.as_chunks::<2>().0[..d / 2]);
        for j in 0..d / 2 {
            let group = &mut backward[at(j)..][..GROUP];
            for i in 0..GROUP {
                group[i] = pairs[i][j];
            }
        }
        if self.hidden > d / 2 * 2 {
            // The last pair contains the bias, behind the last of an odd number of inputs.
            let bias = if self.hidden > d { R::one() } else { R::zero() };
            let group = &mut backward[at(d / 2)..][..GROUP];
            for (entry, x) in group.iter_mut().zip(x) {
                *entry = if d % 2 == 1 { [x[d - 1], bias] } else { [bias, R::zero()] };
            }
        }
    }

    /// Sets the inputs of sample `s`.
    pub fn set(&mut self, s: usize, x: &[R]) {
        let d = self.inputs;
        let x = &x[..d];
        let pair = &mut self.forward[s / 2 * 2 * d..][..2 * d];
        for (entry, &x) in pair.as_chunks_mut::<2>().0.iter_mut().zip(x) {
            entry[s % 2] = x;
        }
        if self.hidden == 0 {
            return;
        }
        let (tile, s) = (s / self.tile, s % self.tile);
        let start = tile * self.tile;
        let count = self.tile.min(self.count - start);
        let tile = &mut self.backward[start * self.hidden.next_multiple_of(2)..];
        let mut index = s;
        let tile = tile.as_chunks_mut::<2>().0;
        let (pairs, odd) = x.as_chunks::<2>();
        for pair in pairs {
            tile[index] = *pair;
            index += count;
        }
        if let [last] = *odd {
            tile[index] = [last, if self.hidden > d { R::one() } else { R::zero() }];
        } else if self.hidden > d {
            tile[index] = [R::one(), R::zero()];
        }
    }

    /// Number of samples.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The tiles, in order of the samples.
    pub(super) fn tiles(&self) -> impl Iterator<Item = SampleTile<'_, R>> {
        let stride = self.hidden.next_multiple_of(2);
        (0..self.count).step_by(self.tile.max(1)).map(move |first| {
            let count = self.tile.min(self.count - first);
            let forward = &self.forward[first * self.inputs..][..count.next_multiple_of(2) * self.inputs];
            let backward = &self.backward[first * stride..][..count * stride];
            SampleTile { first, count, forward: forward.as_chunks().0, backward: backward.as_chunks().0 }
        })
    }
}
