//! The exchanges of a rank, counted and timed.

use super::{Communicator, ExchangeTotals, Ranks};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Ranks whose exchanges are counted and timed. The time of an exchange includes that for which the rank waits for the
/// others.
#[derive(Debug)]
pub struct Timed {
    ranks: Ranks,
    totals: Mutex<ExchangeTotals>,
}

impl Timed {
    /// These ranks, with their exchanges counted from now on.
    pub fn over(ranks: Ranks) -> Ranks {
        Arc::new(Timed { ranks, totals: Mutex::default() })
    }

    /// Makes an exchange; `received` gives the bytes of what it returns.
    fn timed<T>(&self, exchange: impl FnOnce(&dyn Communicator) -> T, received: impl FnOnce(&T) -> usize) -> T {
        let begun = Instant::now();
        let found = exchange(&*self.ranks);
        let seconds = begun.elapsed().as_secs_f64();
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.count += 1;
        totals.bytes += received(&found) as u64;
        totals.seconds += seconds;
        found
    }
}

impl Communicator for Timed {
    fn rank(&self) -> usize {
        self.ranks.rank()
    }

    fn size(&self) -> usize {
        self.ranks.size()
    }

    fn all_gather(&self, own: &[f64], counts: &[usize]) -> Vec<f64> {
        self.timed(|ranks| ranks.all_gather(own, counts), |all| 8 * (all.len() - own.len()))
    }

    fn all_to_all(&self, parts: &[Vec<f64>], counts: &[usize]) -> Vec<f64> {
        let own = counts[self.rank()];
        self.timed(|ranks| ranks.all_to_all(parts, counts), |received| 8 * (received.len() - own))
    }

    fn all_gather_bytes(&self, own: &[u8]) -> Vec<Vec<u8>> {
        let bytes = |all: &Vec<Vec<u8>>| all.iter().map(Vec::len).sum::<usize>() - own.len();
        self.timed(|ranks| ranks.all_gather_bytes(own), bytes)
    }

    fn abort(&self, status: i32) -> ! {
        self.ranks.abort(status)
    }

    fn totals(&self) -> ExchangeTotals {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
