//! The exchanges between ranks that hold the shares of a network.

use super::machine::Machine;
use crate::network::Shares;

const NUMBER: f64 = 8.0;

/// What a rank exchanges with the others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ExchangeWork {
    /// Messages that follow each other.
    pub messages: f64,
    /// Bytes received from other ranks.
    pub bytes: f64,
    /// Numbers that are copied and added.
    pub numbers: f64,
}

impl ExchangeWork {
    /// The sum of `len` numbers over the shares of all ranks, as [`crate::network::Portion::total`] forms it.
    ///
    /// Every rank sends one vector for each of its nodes of the tree of shares, C on all ranks together. They are
    /// gathered by all ranks ([`Shares::gathers`]): log2 R messages, C len numbers; or each rank receives and adds an equal
    /// part of the outputs, and gathers the parts of the total: R - 1 and log2 R messages, C len / R and len numbers.
    pub fn sum(shares: Shares, ranks: usize, len: f64) -> Self {
        if ranks < 2 {
            return ExchangeWork::default();
        }
        let (size, nodes) = (ranks as f64, shares.nodes(ranks) as f64);
        let (depth, others) = (size.log2().ceil(), (size - 1.0) / size);
        if Shares::gathers(len as usize, ranks) {
            return ExchangeWork { messages: depth, bytes: NUMBER * others * nodes * len, numbers: nodes * len };
        }
        let part = nodes * len / size;
        ExchangeWork { messages: size - 1.0 + depth, bytes: NUMBER * others * (part + len), numbers: part + len }
    }

    /// The gathering of `len` numbers, of which every rank holds an equal part.
    pub fn gather(ranks: usize, len: f64) -> Self {
        if ranks < 2 {
            return ExchangeWork::default();
        }
        let size = ranks as f64;
        ExchangeWork { messages: size.log2().ceil(), bytes: NUMBER * len * (size - 1.0) / size, numbers: len }
    }

    /// The same exchange this many times.
    #[must_use]
    pub fn times(self, count: f64) -> Self {
        ExchangeWork { messages: count * self.messages, bytes: count * self.bytes, numbers: count * self.numbers }
    }

    /// Both exchanges.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        ExchangeWork {
            messages: self.messages + other.messages,
            bytes: self.bytes + other.bytes,
            numbers: self.numbers + other.numbers,
        }
    }

    /// Wall seconds.
    pub fn seconds(self, machine: &Machine) -> f64 {
        self.messages * machine.latency + self.bytes / machine.bandwidth + self.numbers * machine.addition
    }

    /// Bytes of the buffers of one exchange: what is sent, what is received, and the nodes that are added.
    pub fn buffer_bytes(self) -> f64 {
        3.0 * NUMBER * self.numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine = Machine {
        full_rate: 1e10,
        batch_rate: 1e10,
        threads: 1,
        ranks: 1,
        latency: 1e-6,
        bandwidth: 1e9,
        addition: 1e-9,
    };

    fn shares() -> Shares {
        Shares::of(1 << 20, Shares::FROM).unwrap()
    }

    #[test]
    fn one_rank_exchanges_nothing() {
        assert_eq!(ExchangeWork::sum(shares(), 1, 1e6).seconds(&MACHINE), 0.0);
        assert_eq!(ExchangeWork::gather(1, 1e6).seconds(&MACHINE), 0.0);
    }

    /// Few outputs are gathered: log2 R messages, and R - 1 vectors from others.
    #[test]
    fn gathered_sums_have_the_depth_of_a_tree() {
        for (ranks, depth) in [(2, 1.0), (4, 2.0), (1024, 10.0)] {
            let sum = ExchangeWork::sum(shares(), ranks, 100.0);
            assert_eq!((sum.messages, sum.bytes), (depth, 800.0 * (ranks as f64 - 1.0)));
            let seconds = depth * 1e-6 + sum.bytes / 1e9 + ranks as f64 * 100.0 * 1e-9;
            assert!((sum.seconds(&MACHINE) - seconds).abs() < 1e-12);
        }
        // Of three ranks, none of which holds one node: three, two and three nodes would be four, four and three.
        let nodes = shares().nodes(3) as f64;
        assert!(nodes > 3.0);
        assert_eq!(ExchangeWork::sum(shares(), 3, 100.0).numbers, 100.0 * nodes);
    }

    /// Two ranks gather more outputs than four, which then add parts of them.
    #[test]
    fn the_crossover_depends_on_ranks() {
        let messages = |ranks, len| ExchangeWork::sum(shares(), ranks, len).messages;
        assert_eq!((messages(2, 6e4), messages(4, 6e4)), (1.0, 3.0 + 2.0));
        assert_eq!((messages(2, 2e5), messages(4, 1e3)), (2.0, 2.0));
    }

    /// Many outputs: the bytes hardly depend on the number of ranks, the messages are as many.
    #[test]
    fn divided_sums_have_bytes_that_do_not_grow_with_ranks() {
        let [few, many] = [4, 1024].map(|ranks| ExchangeWork::sum(shares(), ranks, 1e6));
        assert!(many.bytes < 1.4 * few.bytes && few.bytes < many.bytes);
        assert_eq!((few.messages, many.messages), (3.0 + 2.0, 1023.0 + 10.0));
        let twice = ExchangeWork::sum(shares(), 4, 2e6);
        assert_eq!((twice.bytes, twice.messages), (2.0 * few.bytes, few.messages));
    }
}
