//! Ranks that are processes started by `mpirun`, through the Message Passing Interface.

use super::{Communicator, Ranks, Timed};
use mpi::Count;
use mpi::datatype::{Partition, PartitionMut};
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, CommunicatorCollectives};
use std::sync::Arc;

/// Most numbers that one call exchanges: counts and positions are 32-bit numbers.
const MOST_NUMBERS: usize = 1 << 30;

/// The processes of `mpirun`.
#[derive(Clone, Copy, Debug)]
pub struct MessagePassing {
    rank: usize,
    size: usize,
}

/// Keeps the connection between the processes; dropping it ends it in order.
pub struct Connection {
    _universe: Universe,
}

impl MessagePassing {
    /// Connects the processes, once in a program; `None` where they are connected already. All exchanges are made by the
    /// thread that calls this.
    pub fn connect() -> Option<(Connection, Ranks)> {
        let (universe, _) = mpi::initialize_with_threading(mpi::Threading::Funneled)?;
        let world = universe.world();
        let index = |value: i32| usize::try_from(value).expect("ranks are not negative");
        let own = MessagePassing { rank: index(world.rank()), size: index(world.size()) };
        Some((Connection { _universe: universe }, Timed::over(Arc::new(own))))
    }
}

fn count(value: usize) -> Count {
    Count::try_from(value).expect("pieces are bounded")
}

/// The counts as MPI takes them, and the positions of the parts.
fn partition(counts: &[usize]) -> (Vec<Count>, Vec<Count>) {
    let mut position = 0;
    let positions = counts.iter().map(|&length| {
        let first = count(position);
        position += length;
        first
    });
    let positions = positions.collect();
    (counts.iter().map(|&length| count(length)).collect(), positions)
}

/// Gathers values of any type of MPI, all of whose parts are shorter than its counts allow.
fn gather<T: mpi::traits::Equivalence + Clone>(own: &[T], counts: &[usize], zero: T) -> Vec<T> {
    // The address of an empty slice of bytes is that of MPI_IN_PLACE, so that no empty slice is without a buffer.
    let (total, spare): (usize, _) = (counts.iter().sum(), [zero.clone()]);
    let mut all = Vec::with_capacity(total + 1);
    all.resize(total, zero);
    let own = if own.is_empty() { &spare[..0] } else { own };
    let (lengths, positions) = partition(counts);
    let mut parts = PartitionMut::new(&mut all[..], lengths, positions);
    SimpleCommunicator::world().all_gather_varcount_into(own, &mut parts);
    all
}

/// Gathers values in pieces, so that every count fits.
fn gather_in_pieces<T: mpi::traits::Equivalence + Clone>(own: &[T], counts: &[usize], zero: T) -> Vec<T> {
    let piece = (MOST_NUMBERS / counts.len()).max(1);
    let longest = counts.iter().copied().max().unwrap_or(0);
    if longest <= piece {
        return gather(own, counts, zero);
    }
    let mut parts: Vec<Vec<T>> = counts.iter().map(|&count| Vec::with_capacity(count)).collect();
    for first in (0..longest).step_by(piece) {
        let of = |count: usize| first.min(count)..(first + piece).min(count);
        let lengths: Vec<usize> = counts.iter().map(|&count| of(count).len()).collect();
        let all = gather(&own[of(own.len())], &lengths, zero.clone());
        let mut rest = &all[..];
        for (part, length) in parts.iter_mut().zip(lengths) {
            let (own, others) = rest.split_at(length);
            part.extend_from_slice(own);
            rest = others;
        }
    }
    parts.concat()
}

impl Communicator for MessagePassing {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn all_gather(&self, own: &[f64], counts: &[usize]) -> Vec<f64> {
        assert_eq!(own.len(), counts[self.rank]);
        gather_in_pieces(own, counts, 0.0)
    }

    fn all_to_all(&self, parts: &[Vec<f64>], counts: &[usize]) -> Vec<f64> {
        let sent = parts.concat();
        let (lengths, positions) = partition(&parts.iter().map(Vec::len).collect::<Vec<_>>());
        let own = Partition::new(&sent[..], lengths, positions);
        let mut received = vec![0.0; counts.iter().sum()];
        let (lengths, positions) = partition(counts);
        let mut all = PartitionMut::new(&mut received[..], lengths, positions);
        SimpleCommunicator::world().all_to_all_varcount_into(&own, &mut all);
        received
    }

    fn all_gather_bytes(&self, own: &[u8]) -> Vec<Vec<u8>> {
        let lengths = gather(&[own.len() as u64], &vec![1; self.size], 0_u64);
        let lengths: Vec<usize> = lengths.into_iter().map(|length| length as usize).collect();
        let all = gather_in_pieces(own, &lengths, 0_u8);
        let mut rest = &all[..];
        let take = |length: &usize| {
            let (own, others) = rest.split_at(*length);
            rest = others;
            own.to_vec()
        };
        lengths.iter().map(take).collect()
    }

    fn abort(&self, status: i32) -> ! {
        SimpleCommunicator::world().abort(status)
    }
}
