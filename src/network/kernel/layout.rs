//! The memory layout of the neurons of one layer.

/// Neurons per block.
pub const LANES: usize = 32;

/// Most blocks of a superblock.
const MOST_BLOCKS: usize = 8;

/// Least number of superblocks of a state with as many blocks, for load balance among threads.
const LEAST_SUPERBLOCKS: usize = 4;

/// The memory layout of N neurons with p parameters each in a flat slice: blocks of [`LANES`] neurons, and in a block
/// one row of [`LANES`] values per parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoLayerLayout {
    /// Number of neurons N.
    pub width: usize,
    /// Parameters per neuron p.
    pub parameters: usize,
}

impl TwoLayerLayout {
    /// Length of the flat slice, padding included.
    pub fn len(self) -> usize {
        self.width.div_ceil(LANES) * LANES * self.parameters
    }

    /// Index of parameter `row` of neuron `neuron`.
    pub fn index(self, neuron: usize, row: usize) -> usize {
        (neuron / LANES * self.parameters + row) * LANES + neuron % LANES
    }

    /// Number of blocks, including a padded one.
    pub(crate) fn blocks(self) -> usize {
        self.width.div_ceil(LANES)
    }

    /// Blocks per superblock, the unit of work and of summation. Depends on the width alone.
    pub(crate) fn superblock(self) -> usize {
        (self.blocks() / LEAST_SUPERBLOCKS).clamp(1, MOST_BLOCKS)
    }

    /// Number of superblocks.
    pub(crate) fn superblocks(self) -> usize {
        self.blocks().div_ceil(self.superblock())
    }

    /// The ranges of the blocks in a state slice in which the layer starts at `start`.
    pub(crate) fn block_ranges(self, start: usize) -> Vec<std::ops::Range<usize>> {
        let size = LANES * self.parameters;
        (0..self.blocks()).map(|block| start + block * size..start + (block + 1) * size).collect()
    }

    /// Number of neurons of block `block`, without padding.
    pub(crate) fn lanes_in_use(self, block: usize) -> usize {
        self.width.saturating_sub(block * LANES).min(LANES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn entries_are_distinct_and_inside() {
        for (width, parameters) in [(1, 1), (31, 3), (32, 3), (33, 3), (300, 2)] {
            let layout = TwoLayerLayout { width, parameters };
            let seen: HashSet<usize> =
                (0..width).flat_map(|i| (0..parameters).map(move |row| layout.index(i, row))).collect();
            assert_eq!(seen.len(), width * parameters);
            assert!(seen.iter().all(|&k| k < layout.len()));
        }
    }

    #[test]
    fn superblocks_cover_the_blocks() {
        for width in [1, 31, 32, 33, 1000, 100_000] {
            let layout = TwoLayerLayout { width, parameters: 2 };
            assert!(layout.superblocks() * layout.superblock() >= layout.blocks());
            assert!((layout.superblocks() - 1) * layout.superblock() < layout.blocks());
            assert_eq!((0..layout.blocks()).map(|b| layout.lanes_in_use(b)).sum::<usize>(), width);
        }
    }
}
