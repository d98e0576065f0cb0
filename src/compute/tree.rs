//! Sums of vectors over the leaves of a binary tree of fixed shape.
//!
//! Floating-point addition is not associative: the bits of a sum depend on its order. Here the order is that of a
//! binary tree over consecutive leaves, `sum(node) = sum(left child) + sum(right child)`. Threads and ranks that own
//! *aligned* nodes add theirs separately, and the remaining nodes are added by the same tree; the bits of the root do
//! not depend on the division.

use std::ops::Range;

/// A node: the sum over the leaves `index 2^level .. (index + 1) 2^level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeNode {
    /// Height above the leaves.
    pub level: u32,
    /// Position among the nodes of its level.
    pub index: usize,
}

impl TreeNode {
    /// The leaf of this index.
    pub fn leaf(index: usize) -> Self {
        TreeNode { level: 0, index }
    }

    /// Its leaves.
    pub fn leaves(self) -> Range<usize> {
        self.index << self.level..(self.index + 1) << self.level
    }

    /// The fewest nodes of at most `2^most_level` leaves that make up a range of leaves, in order.
    pub fn covering(leaves: Range<usize>, most_level: u32) -> Vec<TreeNode> {
        let (mut first, mut nodes) = (leaves.start, Vec::new());
        while first < leaves.end {
            let level = first.trailing_zeros().min(most_level).min((leaves.end - first).ilog2());
            nodes.push(TreeNode { level, index: first >> level });
            first += 1 << level;
        }
        nodes
    }

    /// Whether `right` is the right child of the parent of which this is the left child.
    fn is_left_of(self, right: TreeNode) -> bool {
        self.level == right.level && self.index.is_multiple_of(2) && right.index == self.index + 1
    }
}

/// A sum in progress. Nodes are added from left to right; it holds one vector for each node that waits for its sibling,
/// at most one more than the levels of the tree where it begins at an aligned leaf.
#[derive(Debug, Default)]
pub struct TreeSum {
    nodes: Vec<(TreeNode, Vec<f64>)>,
    spare: Vec<Vec<f64>>,
}

impl TreeSum {
    /// Discards the nodes.
    pub fn clear(&mut self) {
        self.spare.extend(self.nodes.drain(..).map(|(_, values)| values));
    }

    /// A vector of zeros, to be filled and pushed.
    pub fn zeros(&mut self, len: usize) -> Vec<f64> {
        let mut values = self.spare.pop().unwrap_or_default();
        values.clear();
        values.resize(len, 0.0);
        values
    }

    /// Adds the next node, which begins where the last one ends.
    pub fn push(&mut self, mut node: TreeNode, mut values: Vec<f64>) {
        debug_assert!(self.nodes.last().is_none_or(|(last, _)| last.leaves().end == node.leaves().start));
        while let Some((left, mut sum)) = self.nodes.pop_if(|(last, _)| last.is_left_of(node)) {
            sum.iter_mut().zip(&values).for_each(|(sum, value)| *sum += value);
            self.spare.push(std::mem::replace(&mut values, sum));
            node = TreeNode { level: left.level + 1, index: left.index / 2 };
        }
        self.nodes.push((node, values));
    }

    /// Adds the next node, from a slice.
    pub fn push_slice(&mut self, node: TreeNode, values: &[f64]) {
        let mut own = self.zeros(values.len());
        own.copy_from_slice(values);
        self.push(node, own);
    }

    /// The nodes that have not been added to others, in order: those of [`TreeNode::covering`] without a largest level.
    pub fn nodes(&self) -> &[(TreeNode, Vec<f64>)] {
        &self.nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values whose sum depends on the order.
    fn values(leaf: usize) -> Vec<f64> {
        (0..3)
            .map(|k| (leaf as f64 + 0.1).powi(7 - k) * if leaf.is_multiple_of(3) { -1.0 } else { 1.0 / 3.0 })
            .collect()
    }

    fn recursive(leaves: Range<usize>) -> Vec<f64> {
        if leaves.len() == 1 {
            return values(leaves.start);
        }
        let middle = leaves.start.midpoint(leaves.end);
        let (left, right) = (recursive(leaves.start..middle), recursive(middle..leaves.end));
        left.iter().zip(right).map(|(a, b)| a + b).collect()
    }

    fn sum(leaves: Range<usize>) -> TreeSum {
        let mut sum = TreeSum::default();
        leaves.for_each(|leaf| sum.push(TreeNode::leaf(leaf), values(leaf)));
        sum
    }

    #[test]
    fn a_range_is_covered_once_by_few_nodes() {
        for (range, most) in [(0..64, 10), (3..61, 10), (0..1, 3), (5..6, 3), (7..64, 2), (0..0, 4)] {
            let nodes = TreeNode::covering(range.clone(), most);
            let leaves: Vec<usize> = nodes.iter().flat_map(|node| node.leaves()).collect();
            assert_eq!(leaves, range.clone().collect::<Vec<_>>());
            assert!(nodes.iter().all(|node| node.level <= most));
            assert!(most < 10 || nodes.len() <= 10, "{nodes:?}");
        }
    }

    /// The sum is that of the recursion, bit for bit, and not that of the chain, however the leaves are divided.
    #[test]
    fn the_order_of_additions_is_that_of_the_tree() {
        let expected = recursive(0..64);
        let chain = (0..64).map(values).reduce(|a, b| a.iter().zip(b).map(|(a, b)| a + b).collect()).unwrap();
        assert_ne!(chain, expected);
        for parts in [1, 2, 3, 5, 7, 64] {
            let mut whole = TreeSum::default();
            for part in 0..parts {
                let leaves = 64 * part / parts..64 * (part + 1) / parts;
                let own = sum(leaves.clone());
                let nodes: Vec<TreeNode> = own.nodes().iter().map(|(node, _)| *node).collect();
                assert_eq!(nodes, TreeNode::covering(leaves, u32::MAX));
                own.nodes().iter().for_each(|(node, values)| whole.push_slice(*node, values));
            }
            assert!(matches!(whole.nodes(), [(TreeNode { level: 6, index: 0 }, root)] if *root == expected), "{parts}");
        }
    }

    #[test]
    fn few_vectors_are_held() {
        let mut own = TreeSum::default();
        (0..4096).for_each(|leaf| own.push_slice(TreeNode::leaf(leaf), &values(leaf)));
        assert_eq!(own.nodes().len() + own.spare.len(), 13);
    }
}
