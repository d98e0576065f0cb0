//! The inputs of the sample in the orders of the tangent passes.

use crate::network::TwoLayer;

/// Most samples of a tile: three packs of columns of its rows fit a first-level cache, and all columns a second-level one.
const MOST_SAMPLES: usize = 128;

/// The inputs `x~ = (x, 1)` (`x` without bias) of n samples, divided into tiles of equal size with the least padding: the
/// last tile is padded with zero inputs.
#[derive(Clone, Debug)]
pub(super) struct InputTiles {
    /// Number of samples n, without padding.
    pub samples: usize,
    /// Samples of a tile, a multiple of the lanes of a pack.
    pub tile: usize,
    /// Length of `x~`.
    pub hidden: usize,
    by_sample: Vec<[f64; 2]>,
    by_input: Vec<[f64; 2]>,
    in_lanes: Vec<f64>,
}

/// The inputs of one tile.
#[derive(Clone, Copy)]
pub(super) struct InputTile<'a> {
    /// `[sample / 2][input][sample % 2]`.
    pub by_sample: &'a [[f64; 2]],
    /// `[input / 2][sample][input % 2]`; an odd last input is padded.
    pub by_input: &'a [[f64; 2]],
    /// `[input][sample]`.
    pub in_lanes: &'a [f64],
}

impl InputTiles {
    /// Packs inputs (n, d) row-major.
    pub fn new(network: &TwoLayer, x: &[f64]) -> Self {
        let (d, hidden) = (network.inputs, network.inputs + usize::from(network.bias));
        let samples = x.len() / d;
        let tile = tile_len(samples);
        let padded = samples.next_multiple_of(tile);
        let pairs = hidden.div_ceil(2);
        let mut tiles = InputTiles {
            samples,
            tile,
            hidden,
            by_sample: vec![[0.0; 2]; padded / 2 * hidden],
            by_input: vec![[0.0; 2]; pairs * padded],
            in_lanes: vec![0.0; hidden * padded],
        };
        for s in 0..samples {
            let (t, at) = (s / tile, s % tile);
            for j in 0..hidden {
                let value = if j < d { x[s * d + j] } else { 1.0 };
                tiles.by_sample[s / 2 * hidden + j][s % 2] = value;
                tiles.by_input[t * tile * pairs + j / 2 * tile + at][j % 2] = value;
                tiles.in_lanes[t * tile * hidden + j * tile + at] = value;
            }
        }
        tiles
    }

    /// Number of tiles.
    pub fn count(&self) -> usize {
        self.samples.div_ceil(self.tile)
    }

    /// Number of samples, padding included.
    pub fn padded(&self) -> usize {
        self.count() * self.tile
    }

    /// Tile `t`.
    pub fn get(&self, t: usize) -> InputTile<'_> {
        let (tile, hidden, pairs) = (self.tile, self.hidden, self.hidden.div_ceil(2));
        InputTile {
            by_sample: &self.by_sample[t * tile / 2 * hidden..][..tile / 2 * hidden],
            by_input: &self.by_input[t * tile * pairs..][..tile * pairs],
            in_lanes: &self.in_lanes[t * tile * hidden..][..tile * hidden],
        }
    }
}

/// The samples of a tile: of the sizes up to [`MOST_SAMPLES`] that need at most twice the fewest tiles, the largest of
/// those with the least padding.
fn tile_len(samples: usize) -> usize {
    let fewest = samples.div_ceil(MOST_SAMPLES).max(1);
    let sizes = (fewest..=2 * fewest).map(|count| samples.div_ceil(count).next_multiple_of(8).max(8));
    // The first of equal keys is the minimum.
    sizes.min_by_key(|tile| samples.next_multiple_of(*tile)).unwrap_or(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_little_padding() {
        let expected = [(0, 8), (1, 8), (8, 8), (11, 16), (128, 128), (129, 72), (300, 104), (600, 120), (1797, 120)];
        for (samples, tile) in expected {
            assert_eq!(tile_len(samples), tile, "{samples}");
        }
    }
}
