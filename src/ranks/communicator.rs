//! The operations by which ranks exchange numbers. All of them are collective: every rank calls them in the same order.

use std::fmt::Debug;
use std::sync::Arc;

/// The ranks of a run, shared by its parts.
pub type Ranks = Arc<dyn Communicator>;

/// Exchanges of a rank.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ExchangeTotals {
    /// Their number.
    pub count: u64,
    /// Bytes received from other ranks.
    pub bytes: u64,
    /// Wall seconds, those of waiting for other ranks included.
    pub seconds: f64,
}

/// Exchanges between the ranks of a run.
///
/// There are no partial operations and no sums: the order of additions is that of the callers, and no library may
/// change it.
pub trait Communicator: Debug + Send + Sync {
    /// Index of this rank, below [`Communicator::size`].
    fn rank(&self) -> usize;

    /// Number of ranks, at least 1.
    fn size(&self) -> usize;

    /// The numbers of all ranks, in their order. `counts` are their numbers of numbers, the same on every rank;
    /// `counts[rank]` is the length of `own`.
    fn all_gather(&self, own: &[f64], counts: &[usize]) -> Vec<f64>;

    /// Sends `parts[q]` to rank q; returns the numbers that were sent to this rank, in the order of the senders.
    /// `counts` are their numbers.
    fn all_to_all(&self, parts: &[Vec<f64>], counts: &[usize]) -> Vec<f64>;

    /// The messages of all ranks, in their order, of any lengths.
    fn all_gather_bytes(&self, own: &[u8]) -> Vec<Vec<u8>>;

    /// Ends all ranks at once, with this exit status, where one of them cannot go on.
    fn abort(&self, status: i32) -> !;

    /// The exchanges of this rank so far, where they are counted ([`super::Timed`]).
    fn totals(&self) -> ExchangeTotals {
        ExchangeTotals::default()
    }

    /// Whether this rank writes records and prints: the first does.
    fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// Waits until every rank has arrived.
    fn barrier(&self) {
        self.all_gather_bytes(&[]);
    }
}
