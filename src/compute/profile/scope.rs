//! Scopes of a thread.

use super::kinds::{NO_KIND, WorkCounts, WorkKind};
use super::tally::{THREAD, ThreadCounters};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether counters are on.
static ON: AtomicBool = AtomicBool::new(false);

/// Turns the counters on.
pub fn start() {
    ON.store(true, Ordering::Relaxed);
}

/// Turns the counters off.
pub fn stop() {
    ON.store(false, Ordering::Relaxed);
}

/// Whether the counters are on.
#[inline]
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Attributes the time of its thread to a kind of work until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct WorkScope {
    /// The slot of the thread before.
    before: usize,
    /// A scope belongs to its thread.
    of_thread: PhantomData<*const ()>,
}

impl Drop for WorkScope {
    fn drop(&mut self) {
        // A thread that ends has no counters any more.
        let _ = THREAD.try_with(|thread| thread.switch(self.before));
    }
}

/// Begins a scope of a kind; none where the counters are off.
#[inline]
pub fn time(kind: WorkKind) -> Option<WorkScope> {
    if is_on() { enter(kind as usize, |_| true) } else { None }
}

/// Begins a scope of a kind on a thread that is in none: parts of other work belong to that.
#[inline]
pub fn within(kind: WorkKind) -> Option<WorkScope> {
    if is_on() { enter(kind as usize, |slot| slot == NO_KIND) } else { None }
}

/// Counts the work of a call, and times it as [`within`].
#[inline]
pub fn pass(kind: WorkKind, counts: impl FnOnce() -> WorkCounts) -> Option<WorkScope> {
    if !is_on() {
        return None;
    }
    count(kind, counts);
    within(kind)
}

/// Adds the work of a call to the kind in whose scope the thread is, or to this one where it is in none.
#[inline]
pub fn count(kind: WorkKind, counts: impl FnOnce() -> WorkCounts) {
    if is_on() {
        let _ = THREAD.try_with(|thread| thread.count(kind as usize, counts()));
    }
}

#[cold]
fn enter(slot: usize, from: impl FnOnce(usize) -> bool) -> Option<WorkScope> {
    let enter = |thread: &ThreadCounters| {
        let before = thread.slot();
        (before != slot && from(before)).then(|| {
            thread.switch(slot);
            WorkScope { before, of_thread: PhantomData }
        })
    };
    THREAD.try_with(enter).ok().flatten()
}

/// The kind in which a thread is, to be handed to the threads that help it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InheritedKind(u8);

impl InheritedKind {
    /// None.
    pub const NONE: InheritedKind = InheritedKind(NO_KIND as u8);

    /// That of the calling thread.
    #[inline]
    pub fn current() -> Self {
        if !is_on() {
            return Self::NONE;
        }
        InheritedKind(THREAD.try_with(|thread| thread.slot() as u8).unwrap_or(NO_KIND as u8))
    }

    /// Begins a scope of this kind on the calling thread.
    pub fn adopt(self) -> Option<WorkScope> {
        if self == Self::NONE || !is_on() { None } else { enter(usize::from(self.0), |_| true) }
    }

    /// The number of the kind.
    pub(in crate::compute) fn code(self) -> u8 {
        self.0
    }

    /// The kind of a number that [`InheritedKind::code`] returned.
    pub(in crate::compute) fn of_code(code: u8) -> Self {
        InheritedKind(code)
    }
}
