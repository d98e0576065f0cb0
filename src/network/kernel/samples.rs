//! A batch of inputs in the two orders in which the kernels read it.
//!
//! Samples pass through a block in *tiles*, whose pre-activations stay in the cache. Inside a tile, the forward pass reads
//! two samples at a time, `[sample / 2][input][sample % 2]`; the backward pass reads two inputs at a time,
//! `[input / 2][sample][input % 2]`, where the bias counts as one more input that is 1. Odd counts are padded with zeros.

use crate::compute::Real;

/// Largest number of samples in a tile.
const TILE: usize = 128;

/// A packed batch.
#[derive(Clone, Debug, Default)]
pub struct Samples<R> {
    count: usize,
    inputs: usize,
    /// Rows of w and b.
    hidden: usize,
    tile: usize,
    forward: Vec<R>,
    backward: Vec<R>,
}

/// The packed samples of one tile.
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
    /// Makes room for `count` samples of `inputs` inputs; what was there is lost. `backward`: whether a backward pass will
    /// come, and then whether there is a bias.
    pub fn reset(&mut self, count: usize, inputs: usize, backward: Option<bool>) {
        self.count = count;
        self.inputs = inputs;
        self.hidden = backward.map_or(0, |bias| inputs + usize::from(bias));
        let tiles = count.div_ceil(TILE).max(1);
        // Whole register tiles of 12 samples, so that the last tile is the only one with a rest.
        self.tile = if tiles == 1 { count.max(1) } else { count.div_ceil(tiles).next_multiple_of(12) };
        self.forward.clear();
        self.forward.resize(count.next_multiple_of(2) * inputs, R::zero());
        self.backward.clear();
        self.backward.resize(self.hidden.next_multiple_of(2) * count, R::zero());
    }

    /// Fills every sample; `row(s)` gives its inputs.
    pub fn fill<'x>(&mut self, row: impl Fn(usize) -> &'x [R])
    where
        R: 'x,
    {
        (0..self.count).for_each(|s| self.set(s, row(s)));
    }

    /// Fills sample `s`.
    pub fn set(&mut self, s: usize, x: &[R]) {
        let d = self.inputs;
        let x = &x[..d];
        let pair = &mut self.forward[s / 2 * 2 * d..][..2 * d];
        for (two, &x) in pair.as_chunks_mut::<2>().0.iter_mut().zip(x) {
            two[s % 2] = x;
        }
        if self.hidden == 0 {
            return;
        }
        let (tile, s) = (s / self.tile, s % self.tile);
        let start = tile * self.tile;
        let count = self.tile.min(self.count - start);
        let tile = &mut self.backward[start * self.hidden.next_multiple_of(2)..];
        let mut place = s;
        let tile = tile.as_chunks_mut::<2>().0;
        let (pairs, odd) = x.as_chunks::<2>();
        for pair in pairs {
            tile[place] = *pair;
            place += count;
        }
        if let [last] = *odd {
            tile[place] = [last, if self.hidden > d { R::one() } else { R::zero() }];
        } else if self.hidden > d {
            tile[place] = [R::one(), R::zero()];
        }
    }

    /// Number of samples.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The tiles in order.
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
