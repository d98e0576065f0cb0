//! Ranks that are threads of one process: for tests of divided runs without MPI.

use super::{Communicator, Ranks, Timed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Messages by sender and recipient.
type Messages = Vec<Vec<Vec<u8>>>;

/// The exchange that is going on.
#[derive(Debug, Default)]
struct Exchange {
    /// Number of exchanges that are complete.
    complete: u64,
    /// The messages of the ranks that have arrived, by sender.
    arrived: Vec<Option<Vec<Vec<u8>>>>,
    /// The messages of the last exchange.
    delivered: Arc<Messages>,
    /// Whether a rank has failed; the others then fail too.
    failed: bool,
}

/// What the ranks share.
#[derive(Debug)]
struct Board {
    exchange: Mutex<Exchange>,
    changed: Condvar,
}

/// One of the ranks.
#[derive(Debug)]
struct ThreadRank {
    rank: usize,
    size: usize,
    board: Arc<Board>,
}

/// Runs `work` on `size` ranks, each a thread, whose exchanges are counted; returns the results in the order of the ranks.
///
/// # Panics
/// If a rank panics; the others are ended at their next exchange.
pub fn run_in_process<T: Send>(size: usize, work: impl Fn(Ranks) -> T + Sync) -> Vec<T> {
    let exchange = Exchange { arrived: (0..size).map(|_| None).collect(), ..Exchange::default() };
    let board = Arc::new(Board { exchange: Mutex::new(exchange), changed: Condvar::new() });
    let work = &work;
    std::thread::scope(|scope| {
        let ranks = (0..size).map(|rank| {
            let own = ThreadRank { rank, size, board: Arc::clone(&board) };
            scope.spawn(move || {
                let failure = FailureOnPanic(Arc::clone(&own.board));
                let found = work(Timed::over(Arc::new(own)));
                std::mem::forget(failure);
                found
            })
        });
        let ranks: Vec<_> = ranks.collect();
        ranks.into_iter().map(|rank| rank.join().expect("a rank failed")).collect()
    })
}

/// Tells the other ranks where one panics.
struct FailureOnPanic(Arc<Board>);

impl Drop for FailureOnPanic {
    fn drop(&mut self) {
        self.0.exchange.lock().unwrap_or_else(PoisonError::into_inner).failed = true;
        self.0.changed.notify_all();
    }
}

impl ThreadRank {
    /// Sends one message to every rank; returns the messages of all.
    fn exchange(&self, messages: Vec<Vec<u8>>) -> Arc<Messages> {
        let mut exchange = self.board.exchange.lock().unwrap_or_else(PoisonError::into_inner);
        let own = exchange.complete;
        exchange.arrived[self.rank] = Some(messages);
        if exchange.arrived.iter().all(Option::is_some) {
            let messages = exchange.arrived.iter_mut().filter_map(Option::take).collect();
            exchange.delivered = Arc::new(messages);
            exchange.complete += 1;
            self.board.changed.notify_all();
        }
        while exchange.complete == own && !exchange.failed {
            exchange = self.board.changed.wait(exchange).unwrap_or_else(PoisonError::into_inner);
        }
        assert!(exchange.complete > own, "another rank has failed");
        Arc::clone(&exchange.delivered)
    }
}

fn to_bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_ne_bytes()).collect()
}

fn to_numbers(bytes: &[u8]) -> impl Iterator<Item = f64> {
    bytes.as_chunks().0.iter().map(|bytes| f64::from_ne_bytes(*bytes))
}

impl Communicator for ThreadRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn all_gather(&self, own: &[f64], counts: &[usize]) -> Vec<f64> {
        assert_eq!(own.len(), counts[self.rank]);
        let all = self.all_gather_bytes(&to_bytes(own));
        assert!(all.iter().zip(counts).all(|(bytes, count)| bytes.len() == 8 * count));
        all.iter().flat_map(|bytes| to_numbers(bytes)).collect()
    }

    fn all_to_all(&self, parts: &[Vec<f64>], counts: &[usize]) -> Vec<f64> {
        assert_eq!(parts.len(), self.size);
        let all = self.exchange(parts.iter().map(|part| to_bytes(part)).collect());
        let own = all.iter().map(|messages| &messages[self.rank]);
        assert!(own.clone().zip(counts).all(|(bytes, count)| bytes.len() == 8 * count));
        own.flat_map(|bytes| to_numbers(bytes)).collect()
    }

    fn all_gather_bytes(&self, own: &[u8]) -> Vec<Vec<u8>> {
        self.exchange(vec![own.to_vec()]).iter().map(|messages| messages[0].clone()).collect()
    }

    fn abort(&self, status: i32) -> ! {
        panic!("rank {} ended the run with status {status}", self.rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rank_receives_what_was_sent_to_it() {
        for size in [1, 2, 3, 5] {
            run_in_process(size, |ranks| {
                let own = ranks.rank();
                for round in 0..20 {
                    let value = |from: usize, to: usize| (100 * from + 10 * to + round) as f64;
                    let gathered = ranks.all_gather(&vec![value(own, 0); own], &(0..size).collect::<Vec<_>>());
                    let expected: Vec<f64> = (0..size).flat_map(|from| vec![value(from, 0); from]).collect();
                    assert_eq!(gathered, expected);
                    // Rank q receives q + 1 numbers of each.
                    let parts: Vec<Vec<f64>> = (0..size).map(|to| vec![value(own, to); to + 1]).collect();
                    let received = ranks.all_to_all(&parts, &vec![own + 1; size]);
                    let expected: Vec<f64> = (0..size).flat_map(|from| vec![value(from, own); own + 1]).collect();
                    assert_eq!(received, expected);
                }
            });
        }
    }

    #[test]
    fn exchanges_are_counted_without_what_a_rank_sends_to_itself() {
        let found = run_in_process(3, |ranks| {
            ranks.all_gather(&vec![0.0; 10 + ranks.rank()], &[10, 11, 12]);
            ranks.all_to_all(&vec![vec![1.0; 2]; 3], &[2; 3]);
            ranks.all_gather_bytes(b"abc");
            ranks.totals()
        });
        for (rank, totals) in found.iter().enumerate() {
            assert_eq!((totals.count, totals.bytes), (3, 8 * (33 - 10 - rank as u64) + 8 * 4 + 6));
            assert!(totals.seconds > 0.0);
        }
    }

    #[test]
    #[should_panic(expected = "a rank failed")]
    fn a_rank_that_fails_ends_the_others() {
        run_in_process(3, |ranks| {
            assert!(ranks.rank() != 1, "a failure");
            ranks.barrier();
        });
    }
}
