//! Processor time of threads that are in no scope.

use super::clock::process_nanoseconds;
use super::kinds::{KINDS, WorkKind};
use super::scope::{WorkScope, is_on, time};
use super::tally::{THREAD, sums};
use std::sync::{Mutex, PoisonError};

/// The region of the process, and what was attributed to regions.
struct Regions {
    /// The kind of the present region.
    kind: Option<WorkKind>,
    /// Processor time of the process that was in no scope, when it was last read.
    unscoped: i64,
    /// Processor time outside of scopes by kind, in nanoseconds. Scopes enter their time late, so that single readings
    /// may be negative; the sum is right.
    attributed: [i64; KINDS],
}

static REGIONS: Mutex<Regions> = Mutex::new(Regions { kind: None, unscoped: 0, attributed: [0; KINDS] });

impl Regions {
    /// Attributes the time since the last reading.
    fn settle(&mut self) {
        let _ = THREAD.try_with(|thread| thread.settle_now());
        // Without a clock of the process there is nothing to divide.
        let Some(process) = process_nanoseconds() else { return };
        let scoped: u64 = sums()[..KINDS].iter().map(|sum| sum.processor).sum();
        let unscoped = process as i64 - scoped as i64;
        let spent = unscoped - std::mem::replace(&mut self.unscoped, unscoped);
        if let Some(kind) = self.kind {
            self.attributed[kind as usize] += spent;
        }
    }
}

/// Attributes the time of all threads that are in no scope to a kind of work until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct WorkRegion {
    /// The kind of the region before, where this one is of the process.
    before: Option<Option<WorkKind>>,
    _scope: Option<WorkScope>,
}

/// Begins a scope of a kind on the calling thread, and, where it is no thread of a pool, a region: the time of all threads
/// that are in no scope is of this kind too. For calls of milliseconds, which distribute their work over a pool; none
/// where the counters are off.
pub fn region(kind: WorkKind) -> Option<WorkRegion> {
    if !is_on() {
        return None;
    }
    let of_process = rayon::current_thread_index().is_none();
    let before = of_process.then(|| replace(Some(kind)));
    Some(WorkRegion { before, _scope: time(kind) })
}

impl Drop for WorkRegion {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            replace(before);
        }
    }
}

/// Begins a region, or none; returns the one before.
fn replace(kind: Option<WorkKind>) -> Option<WorkKind> {
    let mut regions = REGIONS.lock().unwrap_or_else(PoisonError::into_inner);
    regions.settle();
    std::mem::replace(&mut regions.kind, kind)
}

/// Attributes the time until now.
pub(super) fn settle() {
    REGIONS.lock().unwrap_or_else(PoisonError::into_inner).settle();
}

/// Processor time outside of scopes that was attributed to regions, by kind, in nanoseconds.
pub(super) fn processor_nanoseconds() -> [i64; KINDS] {
    REGIONS.lock().unwrap_or_else(PoisonError::into_inner).attributed
}
