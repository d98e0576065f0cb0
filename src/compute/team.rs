//! Parallel loops of tens of microseconds.
//!
//! Starting a parallel loop costs a fraction of a microsecond while the workers spin, against about sixteen for a
//! general-purpose thread pool. Workers spin for a while and then sleep. The tasks are divided into one range per
//! thread; a thread takes tasks from the front of its own range and then steals from the back of the others'. A worker
//! that has not joined when no task is left is not waited for. A loop therefore never takes longer than on one thread,
//! apart from the system call that wakes a sleeping worker.

use super::profile::InheritedKind;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::Thread;

/// Number of polls after which a worker sleeps: some tens of microseconds. It does not yield before: on a busy machine
/// it would lose its processor for milliseconds.
const SPINS: u32 = 2000;

/// Most threads of a team.
pub const MOST_THREADS: usize = 64;

/// Bit of [`Shared::state`] that is set while workers may join a loop.
const OPEN: u64 = 1;
/// One worker in the count of workers that have joined, which is stored in the bits of [`WORKERS`].
const ONE_WORKER: u64 = 2;
const WORKERS: u64 = 0xfffe;
/// One loop in the count of loops, which is stored in the upper bits.
const ONE_LOOP: u64 = 0x1_0000;

/// The number of threads that a computation may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One thread: for many small runs in parallel.
    One,
    /// As many as the current rayon pool has, where the computation is large enough to profit.
    Pool,
}

impl Threads {
    /// The number of threads.
    pub fn count(self) -> usize {
        match self {
            Threads::One => 1,
            Threads::Pool => rayon::current_num_threads(),
        }
    }
}

/// The body of a loop, called with the index of the task and the index of the thread.
type Body<'a> = dyn Fn(usize, usize) + Sync + 'a;

/// The state that a caller and its workers share.
struct Shared {
    /// The number of loops so far, the number of workers that have joined the present one, and whether it is open.
    state: AtomicU64,
    /// The body of the open loop. Written only while the loop is closed and has no workers, read only by workers that
    /// have joined.
    body: UnsafeCell<Option<*const Body<'static>>>,
    /// The remaining tasks of each thread: the first in the upper half, the end in the lower.
    ranges: Vec<AtomicU64>,
    sleeping: Vec<AtomicBool>,
    /// The processor on which the caller ran when it opened the loop.
    caller: AtomicUsize,
    /// The kind of work of the caller, by its number.
    kind: AtomicU8,
    quit: AtomicBool,
    panicked: AtomicBool,
}

// SAFETY: `body` is the only field that is not already `Sync`; its accesses are ordered by `state`, as stated there.
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `body` is to a `Sync` closure and is used only during the loop that stored it.
unsafe impl Send for Shared {}

/// The workers of a caller.
struct Team {
    shared: Arc<Shared>,
    workers: Vec<(Thread, std::thread::JoinHandle<()>)>,
}

/// Teams that are not running a loop.
static IDLE: Mutex<Vec<Team>> = Mutex::new(Vec::new());

/// Calls `body(task, thread)` once for every task below `tasks`, on up to `threads` threads. Concurrent calls have
/// different `thread`, which is below `threads`. The assignment of tasks to threads is not deterministic.
///
/// # Panics
/// If `body` panics.
pub fn parallel_for(threads: usize, tasks: usize, body: &Body<'_>) {
    let threads = threads.min(tasks).min(MOST_THREADS);
    if threads <= 1 {
        (0..tasks).for_each(|task| body(task, 0));
        return;
    }
    let lock = || IDLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let idle = {
        let mut teams = lock();
        teams.iter().position(|team| team.shared.ranges.len() == threads).map(|i| teams.swap_remove(i))
    };
    let team = idle.unwrap_or_else(|| Team::new(threads));
    team.run(tasks, body);
    lock().push(team);
}

impl Team {
    fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            body: UnsafeCell::new(None),
            ranges: (0..threads).map(|_| AtomicU64::new(0)).collect(),
            sleeping: (0..threads).map(|_| AtomicBool::new(false)).collect(),
            caller: AtomicUsize::new(usize::MAX),
            kind: AtomicU8::new(InheritedKind::NONE.code()),
            quit: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
        });
        let workers = (1..threads).filter_map(|index| {
            let shared = Arc::clone(&shared);
            // If a thread cannot be created, the others steal its tasks.
            let handle =
                std::thread::Builder::new().name(format!("kernel-{index}")).spawn(move || shared.work(index)).ok()?;
            Some((handle.thread().clone(), handle))
        });
        let workers = workers.collect();
        Team { shared, workers }
    }

    /// Runs a loop on the calling thread and the workers.
    fn run(&self, tasks: usize, body: &Body<'_>) {
        let shared = &*self.shared;
        let threads = shared.ranges.len();
        assert!(u32::try_from(tasks).is_ok());
        for (thread, range) in shared.ranges.iter().enumerate() {
            let (first, end) = (tasks * thread / threads, tasks * (thread + 1) / threads);
            range.store((first as u64) << 32 | end as u64, Ordering::Relaxed);
        }
        // SAFETY: only the lifetime is changed. `Close` below waits for the workers before this function returns or
        // unwinds, and the closed state lets no worker use the pointer afterwards.
        let stored = unsafe { std::mem::transmute::<*const Body<'_>, *const Body<'static>>(body) };
        // SAFETY: the state is closed and counts no worker, so no thread reads; a team has one caller at a time, which
        // has removed it from `IDLE`.
        unsafe { *shared.body.get() = Some(stored) };
        shared.caller.store(affinity::current(), Ordering::Relaxed);
        shared.kind.store(InheritedKind::current().code(), Ordering::Relaxed);
        let state = shared.state.load(Ordering::Relaxed);
        shared.state.store((state & !(OPEN | WORKERS)).wrapping_add(ONE_LOOP) | OPEN, Ordering::SeqCst);
        for (worker, (thread, _)) in self.workers.iter().enumerate() {
            if shared.sleeping[worker + 1].load(Ordering::SeqCst) {
                thread.unpark();
            }
        }
        /// Closes the loop and waits for the workers that have joined, also if the body panics on the calling thread.
        struct Close<'a>(&'a Shared);
        impl Drop for Close<'_> {
            fn drop(&mut self) {
                self.0.state.fetch_and(!OPEN, Ordering::AcqRel);
                let mut spins = 0_u32;
                while self.0.state.load(Ordering::Acquire) & WORKERS != 0 {
                    back_off(&mut spins);
                }
            }
        }
        let close = Close(shared);
        shared.run_tasks(0, body);
        drop(close);
        assert!(!shared.panicked.swap(false, Ordering::Relaxed), "a worker thread panicked");
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.quit.store(true, Ordering::SeqCst);
        for (thread, handle) in self.workers.drain(..) {
            thread.unpark();
            // Workers catch the panics of the body, so that the result of `join` carries no information.
            let _ = handle.join();
        }
    }
}

impl Shared {
    /// The main loop of a worker thread.
    fn work(&self, index: usize) {
        let (mut last, mut spins, mut excluded) = (0, 0, usize::MAX);
        while !self.quit.load(Ordering::Relaxed) {
            let state = self.state.load(Ordering::SeqCst);
            if state & OPEN == 0 || state / ONE_LOOP == last {
                spins += 1;
                if spins < SPINS {
                    std::hint::spin_loop();
                } else {
                    self.sleeping[index].store(true, Ordering::SeqCst);
                    // Either this load observes the new loop, or its caller observes `sleeping` and wakes the worker.
                    let now = self.state.load(Ordering::SeqCst);
                    if (now & OPEN == 0 || now / ONE_LOOP == last) && !self.quit.load(Ordering::SeqCst) {
                        std::thread::park();
                    }
                    self.sleeping[index].store(false, Ordering::SeqCst);
                    spins = 0;
                }
                continue;
            }
            let joined = state + ONE_WORKER;
            if self.state.compare_exchange(state, joined, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                // A loaded scheduler tends to wake a worker on the processor of its caller, where the two would
                // alternate.
                let caller = self.caller.load(Ordering::Relaxed);
                if caller != excluded {
                    affinity::exclude(caller);
                    excluded = caller;
                }
                // SAFETY: the exchange succeeded on an open state, so the loop that wrote `body` is running and waits
                // for this worker to leave before it ends; the write happened before the state was opened.
                let body = unsafe { (*self.body.get()).map(|body| &*body) };
                let kind = InheritedKind::of_code(self.kind.load(Ordering::Relaxed));
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    let _kind = kind.adopt();
                    if let Some(body) = body {
                        self.run_tasks(index, body);
                    }
                }));
                if done.is_err() {
                    self.panicked.store(true, Ordering::Relaxed);
                }
                self.state.fetch_sub(ONE_WORKER, Ordering::AcqRel);
                last = state / ONE_LOOP;
                spins = 0;
            }
        }
    }

    /// Runs tasks until none is left: those of the thread's own range from the front, then those of others from the
    /// back.
    fn run_tasks(&self, thread: usize, body: &Body<'_>) {
        while let Some(task) = take_task(&self.ranges[thread], true) {
            body(task, thread);
        }
        for other in 1..self.ranges.len() {
            let range = &self.ranges[(thread + other) % self.ranges.len()];
            while let Some(task) = take_task(range, false) {
                body(task, thread);
            }
        }
    }
}

/// Removes one task from a range, from its front or its back.
fn take_task(range: &AtomicU64, front: bool) -> Option<usize> {
    let mut now = range.load(Ordering::Relaxed);
    loop {
        let (first, end) = (now >> 32, now & 0xffff_ffff);
        if first >= end {
            return None;
        }
        let (next, task) = if front { ((first + 1) << 32 | end, first) } else { (first << 32 | (end - 1), end - 1) };
        match range.compare_exchange_weak(now, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return Some(task as usize),
            Err(seen) => now = seen,
        }
    }
}

/// Spins, and yields from time to time.
fn back_off(spins: &mut u32) {
    *spins = spins.wrapping_add(1);
    if spins.is_multiple_of(256) { std::thread::yield_now() } else { std::hint::spin_loop() }
}

/// The assignment of threads to processors.
#[cfg(target_os = "linux")]
mod affinity {
    use std::mem::{size_of, zeroed};
    use std::sync::OnceLock;

    /// The processors that this process may use.
    fn allowed() -> libc::cpu_set_t {
        static ALLOWED: OnceLock<libc::cpu_set_t> = OnceLock::new();
        *ALLOWED.get_or_init(|| {
            // SAFETY: a set of processors is an array of words, for which all zeros is the empty set; the call writes
            // at most the given size.
            unsafe {
                let mut set: libc::cpu_set_t = zeroed();
                libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
                set
            }
        })
    }

    /// The processor on which this thread runs; `usize::MAX` if unknown.
    pub fn current() -> usize {
        allowed();
        // SAFETY: the call takes no arguments and writes no memory.
        usize::try_from(unsafe { libc::sched_getcpu() }).unwrap_or(usize::MAX)
    }

    /// Allows this thread to run on every processor of the process but one; without effect if that leaves none.
    pub fn exclude(processor: usize) {
        let mut set = allowed();
        // SAFETY: the processor is below the size of the set, and the call only reads the set.
        unsafe {
            if processor < libc::CPU_SETSIZE as usize {
                libc::CPU_CLR(processor, &mut set);
            }
            if libc::CPU_COUNT(&set) > 0 {
                libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
            }
        }
    }
}

/// The assignment of threads to processors is left to the system.
#[cfg(not(target_os = "linux"))]
mod affinity {
    pub fn current() -> usize {
        usize::MAX
    }
    pub fn exclude(_processor: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 3, 5] {
            for tasks in [0, 1, 2, 7, 100] {
                for _ in 0..50 {
                    let done: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                    parallel_for(threads, tasks, &|task, thread| {
                        assert!(thread < threads);
                        done[task].fetch_add(1, Ordering::Relaxed);
                    });
                    assert!(done.iter().all(|d| d.load(Ordering::Relaxed) == 1));
                }
            }
        }
    }

    #[test]
    fn loops_complete_after_workers_sleep() {
        let count = AtomicUsize::new(0);
        for _ in 0..5 {
            parallel_for(2, 10, &|_, _| {
                count.fetch_add(1, Ordering::Relaxed);
            });
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
        assert_eq!(count.into_inner(), 50);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_next_loop_works() {
        let caught = std::panic::catch_unwind(|| parallel_for(2, 64, &|task, _| assert!(task != 33, "task 33")));
        assert!(caught.is_err());
        parallel_for(2, 64, &|_, _| {});
    }
}
