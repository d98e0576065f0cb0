//! Where a parameter of a three-layer network is stored in the flat state.

use super::super::{LANES, TwoLayerLayout};
use std::ops::Range;

/// The arrangement of both hidden layers: blocks of the first, with rows of w and b, then blocks of the second, with rows
/// of u, c and a. A neuron of the second layer is one whose inputs are the neurons of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreeLayerLayout {
    /// Neurons of the first layer.
    pub first: TwoLayerLayout,
    /// Neurons of the second layer.
    pub second: TwoLayerLayout,
}

impl ThreeLayerLayout {
    /// Length of the flat slice, padding included.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> usize {
        self.first.len() + self.second.len()
    }

    /// Position of parameter `row` of neuron `neuron` of the first layer.
    pub fn first_index(self, neuron: usize, row: usize) -> usize {
        self.first.index(neuron, row)
    }

    /// Position of parameter `row` of neuron `neuron` of the second layer.
    pub fn second_index(self, neuron: usize, row: usize) -> usize {
        self.first.len() + self.second.index(neuron, row)
    }

    /// The blocks of both layers as ranges of the state.
    pub fn block_ranges(self) -> Vec<Range<usize>> {
        let mut blocks = self.first.block_ranges(0);
        blocks.extend(self.second.block_ranges(self.first.len()));
        blocks
    }

    /// Position in the state of block `block` of the first layer.
    pub(super) fn first_block(self, block: usize) -> Range<usize> {
        let size = LANES * self.first.parameters;
        block * size..(block + 1) * size
    }

    /// Position in the state of block `block` of the second layer.
    pub(super) fn second_block(self, block: usize) -> Range<usize> {
        let (start, size) = (self.first.len(), LANES * self.second.parameters);
        start + block * size..start + (block + 1) * size
    }
}
