//! The memory layout of the parameters of a three-layer network.

use super::super::{LANES, TwoLayerLayout};
use std::ops::Range;

/// The memory layout of both hidden layers: blocks of the first, with rows of w and b, then blocks of the second, with
/// rows of u, c and a. The inputs of a neuron of the second layer are the neurons of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreeLayerLayout {
    /// The layout of the first layer.
    pub first: TwoLayerLayout,
    /// The layout of the second layer.
    pub second: TwoLayerLayout,
}

impl ThreeLayerLayout {
    /// Length of the flat slice, padding included.
    pub fn len(self) -> usize {
        self.first.len() + self.second.len()
    }

    /// Index of parameter `row` of neuron `neuron` of the first layer.
    pub fn first_index(self, neuron: usize, row: usize) -> usize {
        self.first.index(neuron, row)
    }

    /// Index of parameter `row` of neuron `neuron` of the second layer.
    pub fn second_index(self, neuron: usize, row: usize) -> usize {
        self.first.len() + self.second.index(neuron, row)
    }

    /// The ranges of the blocks of both layers in a state slice.
    pub fn block_ranges(self) -> Vec<Range<usize>> {
        let mut blocks = self.first.block_ranges(0);
        blocks.extend(self.second.block_ranges(self.first.len()));
        blocks
    }

    /// The range of block `block` of the first layer in a state slice.
    pub(super) fn first_block(self, block: usize) -> Range<usize> {
        let size = LANES * self.first.parameters;
        block * size..(block + 1) * size
    }

    /// The range of block `block` of the second layer in a state slice.
    pub(super) fn second_block(self, block: usize) -> Range<usize> {
        let (start, size) = (self.first.len(), LANES * self.second.parameters);
        start + block * size..start + (block + 1) * size
    }
}
