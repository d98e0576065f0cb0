//! The time, the arithmetic and the memory traffic of this process, by kind of work.
//!
//! Counters are off until [`start`]; until then every function of this module is one relaxed load. They change no
//! result: nothing reads them but [`totals`].
//!
//! **Time.** A [`WorkScope`] attributes the time of its thread to a kind, from [`time`] or [`within`] until it is
//! dropped. Scopes nest; the innermost counts. The processor clock of a thread is read at most once in
//! some tenths of a millisecond, as that is a system call, and divided among the kinds since the last reading in proportion to
//! their wall times. Threads that share a parallel loop of `parallel_for` are in the kind of its caller. A
//! [`WorkRegion`] also attributes the processor time of threads that are in no scope, as those of a thread pool are.
//!
//! **Arithmetic.** [`count`] adds [`WorkCounts`], which callers compute from the sizes of a call, to the kind of the
//! thread. Every thread writes its own counters, so that no cache line is shared.

mod clock;
mod kinds;
pub mod peak;
mod region;
mod scope;
mod tally;

pub use clock::process_nanoseconds;
pub use kinds::{WorkCounts, WorkKind};
pub use region::{WorkRegion, region};
pub use scope::{InheritedKind, WorkScope, count, is_on, pass, start, stop, time, within};
pub use tally::WorkTotals;

/// What all threads have counted since the process began, by kind, in the order of [`WorkKind`]. Time in scopes that
/// have not ended, of other threads, is not in it.
pub fn totals() -> Vec<WorkTotals> {
    region::settle();
    let mut totals = tally::sums();
    for (total, unscoped) in totals.iter_mut().zip(region::processor_nanoseconds()) {
        total.processor = total.processor.saturating_add_signed(unscoped);
    }
    totals.truncate(kinds::KINDS);
    totals
}

/// What the calling thread has counted of a kind since it began.
#[cfg(test)]
pub(crate) fn counted_here(kind: WorkKind) -> WorkTotals {
    tally::THREAD.with(|thread| thread.counted()[kind as usize])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    /// Counts go to the kind of the scope, or to the one that is named; a scope restores the kind before it.
    #[test]
    fn counts_belong_to_the_innermost_scope() {
        start();
        let counts = |n: u64| move || WorkCounts { operations: n, activations: 1, bytes: 8, single: false };
        count(WorkKind::Kernels, counts(1));
        {
            let _recording = time(WorkKind::Recording);
            count(WorkKind::Kernels, counts(10));
            assert!(within(WorkKind::Kernels).is_none(), "a part of recording is recording");
            let _random = time(WorkKind::Random);
            count(WorkKind::Kernels, counts(100));
        }
        {
            let _pass = pass(WorkKind::Kernels, counts(1000));
            assert_eq!(InheritedKind::current().code(), WorkKind::Kernels as u8);
        }
        assert_eq!(InheritedKind::current(), InheritedKind::NONE);
        let operations = |kind: WorkKind| counted_here(kind).operations[1];
        assert_eq!([WorkKind::Kernels, WorkKind::Recording, WorkKind::Random].map(operations), [1001, 10, 100]);
        assert_eq!(counted_here(WorkKind::Kernels).activations, [0, 2]);
        assert_eq!(counted_here(WorkKind::Kernels).bytes, 16);
    }

    /// The threads of a parallel loop are in the kind of its caller, and their processor time is of that kind.
    #[test]
    fn threads_of_a_loop_are_in_the_kind_of_its_caller() {
        start();
        let _scope = time(WorkKind::Sweeps);
        let wrong = AtomicUsize::new(0);
        crate::compute::parallel_for(3, 60, &|_, _| {
            if InheritedKind::current().code() != WorkKind::Sweeps as u8 {
                wrong.fetch_add(1, Ordering::Relaxed);
            }
            std::thread::sleep(Duration::from_micros(200));
        });
        assert_eq!(wrong.into_inner(), 0);
    }
}
