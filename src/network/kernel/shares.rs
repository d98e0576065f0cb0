//! The division of the neurons of a wide layer into shares, and the sums over them.
//!
//! Below a width ([`Shares::FROM`] unless stated otherwise) a sum over neurons is a chain over superblocks. From that
//! width on the superblocks form [`Shares`] of equal size, up to one superblock: a sum over the neurons of a share is a
//! chain, and a sum over shares is that of a binary tree ([`crate::compute::tree`]). The division is a function of the
//! width alone, so that threads and ranks, which own whole shares, change no bit of a sum, and the partial sums that a
//! thread holds are a few instead of one for each superblock.

use super::layout::{LANES, TwoLayerLayout};
use crate::compute::tree::{TreeNode, TreeSum};
use crate::ranks::{Ranks, SingleRank, part};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Most outputs whose partial sums each of two ranks receives from the other, and each of more ranks from all others. Of
/// more outputs every rank adds an equal part: on two ranks that halves the additions and doubles the messages, on more
/// it also divides the numbers received (measured in `docs/scaling.md`).
const MOST_GATHERED_BY_TWO: usize = 100_000;
const MOST_GATHERED: usize = 2_000;

/// Tasks of a pass for each thread of all ranks, for load balance.
const TASKS_PER_THREAD: usize = 4;

/// The shares of a layer of N neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    width: usize,
    count: usize,
}

impl Shares {
    /// The width from which neurons are divided into shares, 2^20. It has one superblock for each of the 4096 shares.
    pub const FROM: usize = 1 << 20;

    /// Number of shares of a layer with as many superblocks.
    const MOST: usize = 4096;

    /// The shares of `width` neurons where layers are divided from the width `from` on; `None` where they are not. A
    /// layer with less than 4096 superblocks has as many shares as the largest power of two of superblocks.
    pub fn of(width: usize, from: usize) -> Option<Self> {
        let superblocks = Self::layout(width).superblocks();
        let count = Self::MOST.min(1 << superblocks.max(1).ilog2());
        (width >= from && count > 1).then_some(Shares { width, count })
    }

    fn layout(width: usize) -> TwoLayerLayout {
        TwoLayerLayout { width, parameters: 1 }
    }

    /// Number of neurons N.
    pub fn width(self) -> usize {
        self.width
    }

    /// Number of shares S, a power of two.
    pub fn count(self) -> usize {
        self.count
    }

    /// Blocks of a superblock.
    pub(super) fn superblock(self) -> usize {
        Self::layout(self.width).superblock()
    }

    /// The superblocks of a range of shares.
    pub(super) fn superblocks(self, shares: Range<usize>) -> Range<usize> {
        let superblocks = Self::layout(self.width).superblocks();
        superblocks * shares.start / self.count..superblocks * shares.end / self.count
    }

    /// The neurons of a range of shares.
    pub fn neurons(self, shares: Range<usize>) -> Range<usize> {
        let per = self.superblock() * LANES;
        let Range { start, end } = self.superblocks(shares);
        start * per..(end * per).min(self.width)
    }

    /// The shares of a rank.
    pub fn of_rank(self, rank: usize, size: usize) -> Range<usize> {
        part(self.count, rank, size)
    }

    /// The number of nodes that make up the shares of each of `ranks` ranks, summed over the ranks: of vectors that they
    /// exchange for a sum.
    pub fn nodes(self, ranks: usize) -> usize {
        (0..ranks).map(|rank| TreeNode::covering(self.of_rank(rank, ranks), u32::MAX).len()).sum()
    }

    /// Whether the partial sums of `len` outputs are gathered by every rank; otherwise each rank adds a part of the
    /// outputs.
    pub fn gathers(len: usize, ranks: usize) -> bool {
        len <= if ranks <= 2 { MOST_GATHERED_BY_TWO } else { MOST_GATHERED }
    }

    /// The nodes that `threads` threads of each of `ranks` ranks add as tasks, for the shares `own` of one of them.
    pub(super) fn tasks(self, own: Range<usize>, threads: usize, ranks: usize) -> Vec<TreeNode> {
        let parts = (TASKS_PER_THREAD * threads * ranks).next_power_of_two().min(self.count);
        TreeNode::covering(own, (self.count / parts).ilog2())
    }
}

/// What ranks tell each other with every sum: bits that are set on one rank are received by all, after the same sum.
#[derive(Debug, Default)]
pub struct Signals {
    own: AtomicU32,
    agreed: AtomicU32,
}

impl Signals {
    /// Sets bits, which all ranks receive with the next sum.
    pub fn raise(&self, bits: u32) {
        self.own.fetch_or(bits, Ordering::Relaxed);
    }

    /// The bits that were received so far and not taken.
    pub fn agreed(&self) -> u32 {
        self.agreed.load(Ordering::Relaxed)
    }

    /// Removes bits that were received.
    pub fn take(&self, bits: u32) {
        self.agreed.fetch_and(!bits, Ordering::Relaxed);
    }
}

/// The shares of one rank.
#[derive(Clone, Debug)]
pub struct Portion {
    shares: Shares,
    own: Range<usize>,
    ranks: Ranks,
    signals: Arc<Signals>,
}

impl Portion {
    /// The shares that this one of the ranks owns.
    pub fn of(shares: Shares, ranks: Ranks) -> Self {
        let own = shares.of_rank(ranks.rank(), ranks.size());
        Portion { shares, own, ranks, signals: Arc::default() }
    }

    /// All shares, in one process.
    pub fn whole(shares: Shares) -> Self {
        Self::of(shares, SingleRank::ranks())
    }

    /// The division of the layer.
    pub fn shares(&self) -> Shares {
        self.shares
    }

    /// The shares of this rank.
    pub fn own(&self) -> Range<usize> {
        self.own.clone()
    }

    /// The neurons of this rank.
    pub fn neurons(&self) -> Range<usize> {
        self.shares.neurons(self.own.clone())
    }

    /// The ranks.
    pub fn ranks(&self) -> &Ranks {
        &self.ranks
    }

    /// What the ranks tell each other with every sum.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// The tasks of a pass.
    pub(super) fn tasks(&self, threads: usize) -> Vec<TreeNode> {
        self.shares.tasks(self.own.clone(), threads, self.ranks.size())
    }

    /// The sum over all shares, from the sum in progress over those of this rank. Collective.
    ///
    /// # Panics
    /// If the sum in progress is not over the shares of this rank.
    pub fn total(&self, own: &TreeSum, len: usize) -> Vec<f64> {
        let size = self.ranks.size();
        if size == 1 {
            let [(_, root)] = own.nodes() else { panic!("a sum over all shares has one node") };
            return root.clone();
        }
        let nodes = |rank: usize| TreeNode::covering(self.shares.of_rank(rank, size), u32::MAX);
        assert!(own.nodes().iter().map(|(node, _)| *node).eq(nodes(self.ranks.rank())));
        let counts: Vec<usize> = (0..size).map(|rank| nodes(rank).len()).collect();
        if Shares::gathers(len, size) { self.gathered(own, len, &counts) } else { self.divided(own, len, &counts) }
    }

    /// Every rank receives the partial sums of all others, and adds them.
    fn gathered(&self, own: &TreeSum, len: usize, nodes: &[usize]) -> Vec<f64> {
        let raised = self.signals.own.swap(0, Ordering::Relaxed);
        let mut message = Vec::with_capacity(own.nodes().len() * len + 1);
        own.nodes().iter().for_each(|(_, values)| message.extend(values));
        message.push(f64::from(raised));
        let counts: Vec<usize> = nodes.iter().map(|nodes| nodes * len + 1).collect();
        let all = self.ranks.all_gather(&message, &counts);
        let (mut sums, mut first) = (Vec::with_capacity(all.len()), 0);
        for count in counts {
            let (values, bits) = all[first..first + count].split_at(count - 1);
            sums.extend(values);
            self.signals.agreed.fetch_or(bits[0] as u32, Ordering::Relaxed);
            first += count;
        }
        self.root(&sums, len)
    }

    /// Every rank receives an equal part of the outputs of the partial sums of all others, adds it, and all receive the
    /// parts of the total.
    fn divided(&self, own: &TreeSum, len: usize, nodes: &[usize]) -> Vec<f64> {
        let size = self.ranks.size();
        let part = |rank: usize| part(len, rank, size);
        let to = |rank: usize| own.nodes().iter().flat_map(|(_, values)| &values[part(rank)]).copied().collect();
        let mine = part(self.ranks.rank()).len();
        let counts: Vec<usize> = nodes.iter().map(|nodes| nodes * mine).collect();
        let received = self.ranks.all_to_all(&(0..size).map(to).collect::<Vec<_>>(), &counts);
        let mut total = self.root(&received, mine);
        let raised = self.signals.own.swap(0, Ordering::Relaxed);
        total.push(f64::from(raised));
        let counts: Vec<usize> = (0..size).map(|rank| part(rank).len() + 1).collect();
        let all = self.ranks.all_gather(&total, &counts);
        let (mut sums, mut first) = (Vec::with_capacity(len), 0);
        for count in counts {
            let (values, bits) = all[first..first + count].split_at(count - 1);
            sums.extend(values);
            self.signals.agreed.fetch_or(bits[0] as u32, Ordering::Relaxed);
            first += count;
        }
        sums
    }

    /// The root of the tree from the nodes of all ranks, `len` values each.
    fn root(&self, values: &[f64], len: usize) -> Vec<f64> {
        if len == 0 {
            return Vec::new();
        }
        let size = self.ranks.size();
        let nodes = (0..size).flat_map(|rank| TreeNode::covering(self.shares.of_rank(rank, size), u32::MAX));
        let mut sum = TreeSum::default();
        nodes.zip(values.chunks_exact(len)).for_each(|(node, values)| sum.push_slice(node, values));
        let [(_, root)] = sum.nodes() else { panic!("the ranks own all shares") };
        root.clone()
    }

    /// The sum of a number over all neurons: `of_neurons` gives that over a range of neurons of one share, as indices of
    /// the whole layer. Collective.
    pub fn sum(&self, of_neurons: impl Fn(Range<usize>) -> f64) -> f64 {
        let mut own = TreeSum::default();
        for share in self.own.clone() {
            let mut value = own.zeros(1);
            value[0] = of_neurons(self.shares.neurons(share..share + 1));
            own.push(TreeNode::leaf(share), value);
        }
        self.total(&own, 1)[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::run_in_process;

    #[test]
    fn shares_are_a_function_of_the_width() {
        assert_eq!(Shares::of(Shares::FROM - 1, Shares::FROM), None);
        assert_eq!(Shares::of(Shares::FROM, Shares::FROM).unwrap().count(), 4096);
        assert_eq!(Shares::of(100_000_000, Shares::FROM).unwrap().count(), 4096);
        assert_eq!(Shares::of(200, 100).unwrap().count(), 4);
        assert_eq!(Shares::of(32, 1), None);
        for (width, from) in [(Shares::FROM, 1), (3_000_001, 1), (200, 1), (1025, 1)] {
            let shares = Shares::of(width, from).unwrap();
            let ends: Vec<usize> = (0..shares.count()).map(|i| shares.neurons(i..i + 1).end).collect();
            assert!(shares.neurons(0..1).start == 0 && ends[shares.count() - 1] == width);
            assert!(
                (1..shares.count()).all(|i| shares.neurons(i..i + 1).start == ends[i - 1] && ends[i - 1] < ends[i])
            );
        }
    }

    /// Totals of few and of many outputs have the same bits on any number of ranks, and signals reach all of them.
    #[test]
    fn totals_do_not_depend_on_ranks() {
        let shares = Shares::of(5000, 1).unwrap();
        let total = |ranks: Ranks, len: usize| {
            let own_rank = ranks.rank();
            let portion = Portion::of(shares, ranks);
            let mut sum = TreeSum::default();
            for share in portion.own() {
                let values: Vec<f64> = (0..len).map(|k| 1.0 / (share * 31 + k + 1) as f64).collect();
                sum.push_slice(TreeNode::leaf(share), &values);
            }
            portion.signals().raise(1 << own_rank);
            (portion.total(&sum, len), portion.signals().agreed())
        };
        for len in [1, 7, MOST_GATHERED + 5, MOST_GATHERED_BY_TWO + 5] {
            let (expected, _) = total(SingleRank::ranks(), len);
            for size in [2, 3, 4, 7] {
                for (found, signals) in run_in_process(size, |ranks| total(ranks, len)) {
                    assert!(found == expected, "{len} {size}");
                    assert_eq!(signals, (1 << size) - 1);
                }
            }
        }
    }
}
