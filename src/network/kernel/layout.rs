//! Where a neuron's parameter lives in the flat state.

/// Neurons per block.
pub const LANES: usize = 16;

/// Blocks whose contributions are summed by one task before the partial sums are added.
const BLOCKS_PER_SUPERBLOCK: usize = 8;

/// The arrangement of N neurons of p parameters in a flat slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Number of neurons N.
    pub width: usize,
    /// Parameters per neuron p.
    pub parameters: usize,
}

impl Layout {
    /// Length of the flat slice, padding included.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> usize {
        self.width.div_ceil(LANES) * LANES * self.parameters
    }

    /// Position of parameter `row` of neuron `neuron`.
    pub fn index(self, neuron: usize, row: usize) -> usize {
        (neuron / LANES * self.parameters + row) * LANES + neuron % LANES
    }

    /// Length of a superblock's slice.
    pub(crate) fn superblock_len(self) -> usize {
        BLOCKS_PER_SUPERBLOCK * LANES * self.parameters
    }

    /// Sets the padded neurons of a part of the state that starts at `start` to zero.
    pub(crate) fn clear_padding<R: Default>(self, start: usize, part: &mut [R]) {
        let first = start / self.parameters;
        if first + part.len() / self.parameters <= self.width {
            return;
        }
        for neuron in self.width..self.width.next_multiple_of(LANES) {
            for row in 0..self.parameters {
                part[self.index(neuron, row) - start] = R::default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn entries_are_distinct_and_inside() {
        for (width, parameters) in [(1, 1), (15, 3), (16, 3), (17, 3), (300, 2)] {
            let layout = Layout { width, parameters };
            let seen: HashSet<usize> =
                (0..width).flat_map(|i| (0..parameters).map(move |row| layout.index(i, row))).collect();
            assert_eq!(seen.len(), width * parameters);
            assert!(seen.iter().all(|&k| k < layout.len()));
        }
    }

    #[test]
    fn padding_is_exactly_what_is_cleared() {
        let layout = Layout { width: 130, parameters: 2 };
        let mut state = vec![1.0; layout.len()];
        let size = layout.superblock_len();
        for (k, part) in state.chunks_mut(size).enumerate() {
            layout.clear_padding(k * size, part);
        }
        assert_eq!(state.iter().sum::<f64>(), 260.0);
        assert!((0..130).all(|i| (0..2).all(|row| state[layout.index(i, row)] == 1.0)));
    }
}
