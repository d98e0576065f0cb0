//! The counters of every thread.

use super::clock::thread_nanoseconds;
use super::kinds::{KINDS, NO_KIND, WorkCounts};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Least time between two readings of the processor clock of a thread that stays in scopes.
const SETTLE_EVERY: Duration = Duration::from_micros(200);

/// Least time that a thread is in or out of scopes before its processor clock is read at the boundary.
const SETTLE_AT_BOUNDARY: Duration = Duration::from_micros(50);

/// Slots of a thread: the kinds, and what is in none.
const SLOTS: usize = KINDS + 1;

/// What was counted of a kind of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkTotals {
    /// Wall time in nanoseconds, summed over threads.
    pub wall: u64,
    /// Processor time in nanoseconds, summed over threads.
    pub processor: u64,
    /// Floating point operations in single and in double precision.
    pub operations: [u64; 2],
    /// Evaluations of activation functions in single and in double precision.
    pub activations: [u64; 2],
    /// Bytes of memory traffic.
    pub bytes: u64,
}

impl WorkTotals {
    /// What was added since an earlier reading.
    pub fn since(&self, earlier: &WorkTotals) -> WorkTotals {
        let pair = |now: [u64; 2], then: [u64; 2]| [0, 1].map(|i| now[i].saturating_sub(then[i]));
        WorkTotals {
            wall: self.wall.saturating_sub(earlier.wall),
            processor: self.processor.saturating_sub(earlier.processor),
            operations: pair(self.operations, earlier.operations),
            activations: pair(self.activations, earlier.activations),
            bytes: self.bytes.saturating_sub(earlier.bytes),
        }
    }
}

/// The counters of a slot of one thread. Only that thread writes them.
#[derive(Default)]
struct Slot {
    wall: AtomicU64,
    processor: AtomicU64,
    operations: [AtomicU64; 2],
    activations: [AtomicU64; 2],
    bytes: AtomicU64,
}

/// Adds to a counter that only the calling thread writes.
fn add(counter: &AtomicU64, value: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(value), Ordering::Relaxed);
}

impl Slot {
    fn read(&self) -> WorkTotals {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WorkTotals {
            wall: value(&self.wall),
            processor: value(&self.processor),
            operations: [0, 1].map(|i| value(&self.operations[i])),
            activations: [0, 1].map(|i| value(&self.activations[i])),
            bytes: value(&self.bytes),
        }
    }
}

/// The slots of all threads that were ever in a scope.
static ALL: Mutex<Vec<Arc<[Slot; SLOTS]>>> = Mutex::new(Vec::new());

/// The sums over all threads, by slot.
pub(super) fn sums() -> Vec<WorkTotals> {
    let mut sums = vec![WorkTotals::default(); SLOTS];
    for thread in ALL.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        for (sum, slot) in sums.iter_mut().zip(thread.iter()) {
            let read = slot.read();
            sum.wall += read.wall;
            sum.processor += read.processor;
            sum.bytes += read.bytes;
            for i in 0..2 {
                sum.operations[i] += read.operations[i];
                sum.activations[i] += read.activations[i];
            }
        }
    }
    sums
}

thread_local! {
    /// The counters of the calling thread.
    pub(super) static THREAD: ThreadCounters = ThreadCounters::new();
}

/// The counters of a thread, and its clock.
pub(super) struct ThreadCounters {
    slots: Arc<[Slot; SLOTS]>,
    /// The present slot, and since when.
    slot: Cell<usize>,
    since: Cell<Instant>,
    /// Wall time by slot since the processor clock was read, in nanoseconds.
    pending: [Cell<u64>; SLOTS],
    settled: Cell<Instant>,
    processor: Cell<Option<u64>>,
}

impl ThreadCounters {
    fn new() -> Self {
        let slots: Arc<[Slot; SLOTS]> = Arc::default();
        ALL.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&slots));
        let now = Instant::now();
        ThreadCounters {
            slots,
            slot: Cell::new(NO_KIND),
            since: Cell::new(now),
            pending: Default::default(),
            settled: Cell::new(now),
            processor: Cell::new(thread_nanoseconds()),
        }
    }

    /// The present slot.
    pub fn slot(&self) -> usize {
        self.slot.get()
    }

    /// Enters another slot.
    pub fn switch(&self, to: usize) {
        let from = self.slot.replace(to);
        let now = Instant::now();
        let spent = now.duration_since(self.since.replace(now));
        self.pending[from].set(self.pending[from].get() + nanoseconds(spent));
        let boundary = (from == NO_KIND || to == NO_KIND) && spent >= SETTLE_AT_BOUNDARY;
        if boundary || now.duration_since(self.settled.get()) >= SETTLE_EVERY {
            self.settle(now);
        }
    }

    /// Enters the time until now into the counters.
    pub fn settle_now(&self) {
        self.switch(self.slot());
        self.settle(self.since.get());
    }

    /// Divides the processor time since the last reading among the slots, in proportion to their wall times. Where the
    /// system does not tell it, it is the wall time.
    fn settle(&self, now: Instant) {
        self.settled.set(now);
        let wall: u64 = self.pending.iter().map(Cell::get).sum();
        let reading = thread_nanoseconds();
        let processor = match (reading, self.processor.replace(reading)) {
            (Some(now), Some(before)) => now.saturating_sub(before),
            _ => wall,
        };
        for (pending, slot) in self.pending.iter().zip(self.slots.iter()) {
            let own = pending.take();
            if own > 0 {
                add(&slot.wall, own);
                add(&slot.processor, (processor as f64 * own as f64 / wall as f64).round() as u64);
            }
        }
    }

    /// Adds counts to the present slot, or to `otherwise` outside of scopes.
    pub fn count(&self, otherwise: usize, counts: WorkCounts) {
        let slot = &self.slots[if self.slot() == NO_KIND { otherwise } else { self.slot() }];
        let precision = usize::from(!counts.single);
        add(&slot.operations[precision], counts.operations);
        add(&slot.activations[precision], counts.activations);
        add(&slot.bytes, counts.bytes);
    }

    /// What this thread has counted, by slot.
    #[cfg(test)]
    pub fn counted(&self) -> Vec<WorkTotals> {
        self.slots.iter().map(Slot::read).collect()
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
