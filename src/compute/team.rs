//! A team of threads that spin between passes, so that a pass of tens of microseconds can be shared.
//!
//! A shared pass costs a fraction of a microsecond while the helpers are spinning for it, against about sixteen for a
//! dispatch to a general pool. Helpers spin for a while and then sleep. Each thread takes tasks from the front of
//! its own share and, when that is empty, from the back of the others'; a helper that has not come by when everything is
//! taken is not waited for. So a pass never takes longer than on one thread, but for the call that wakes a sleeper.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::Thread;

/// How often a helper looks for work before it sleeps: some tens of microseconds. It does not yield meanwhile: on a busy
/// machine that would give its processor away for milliseconds.
const LOOKS: u32 = 2000;

/// Set in `Shared::state` while a pass may be joined; the helpers inside it are counted in the bits above.
const OPEN: u64 = 1;
const ONE_HELPER: u64 = 2;
const HELPERS: u64 = 0xfffe;
/// Passes are numbered in the upper bits.
const ONE_PASS: u64 = 0x1_0000;

/// Whether a pass may spread over several threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One thread: many small runs go side by side.
    One,
    /// As many as the current pool has, where the pass is large enough to gain.
    Pool,
}

impl Threads {
    /// The number of threads that a pass may use.
    pub fn count(self) -> usize {
        match self {
            Threads::One => 1,
            Threads::Pool => rayon::current_num_threads(),
        }
    }
}

type Work<'a> = dyn Fn(usize, usize) + Sync + 'a;

struct Shared {
    state: AtomicU64,
    /// The pass that is open. Written only while closed and without helpers, read only by helpers inside.
    work: UnsafeCell<Option<*const Work<'static>>>,
    /// Per thread: its share, first task in the upper half and end in the lower.
    shares: Vec<AtomicU64>,
    sleeping: Vec<AtomicBool>,
    /// The processor that the caller was on when it opened the pass.
    caller: AtomicUsize,
    quit: AtomicBool,
    panicked: AtomicBool,
}

// SAFETY: `work` is the only field that is not already `Sync`; its accesses are ordered by `state`, as said there.
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `work` is to a `Sync` closure and is used only while the pass that lent it is under way.
unsafe impl Send for Shared {}

/// A caller and its helpers.
struct Team {
    shared: Arc<Shared>,
    helpers: Vec<(Thread, std::thread::JoinHandle<()>)>,
}

/// Teams between passes.
static IDLE: Mutex<Vec<Team>> = Mutex::new(Vec::new());

/// Calls `work(task, thread)` once for every task below `tasks`, on up to `threads` threads; `thread` tells apart calls that
/// may be under way at the same time. Which thread does which task is left to chance.
pub fn parallel_for(threads: usize, tasks: usize, work: &Work<'_>) {
    let threads = threads.min(tasks).min(64);
    if threads <= 1 {
        (0..tasks).for_each(|task| work(task, 0));
        return;
    }
    let lock = || IDLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let idle = {
        let mut teams = lock();
        teams.iter().position(|team| team.shared.shares.len() == threads).map(|i| teams.swap_remove(i))
    };
    let team = idle.unwrap_or_else(|| Team::new(threads));
    team.pass(tasks, work);
    lock().push(team);
}

impl Team {
    fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            work: UnsafeCell::new(None),
            shares: (0..threads).map(|_| AtomicU64::new(0)).collect(),
            sleeping: (0..threads).map(|_| AtomicBool::new(false)).collect(),
            caller: AtomicUsize::new(usize::MAX),
            quit: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
        });
        let helpers = (1..threads).filter_map(|me| {
            let shared = Arc::clone(&shared);
            // Where no thread can be had the others do its share.
            let handle =
                std::thread::Builder::new().name(format!("kernel-{me}")).spawn(move || shared.help(me)).ok()?;
            Some((handle.thread().clone(), handle))
        });
        let helpers = helpers.collect();
        Team { shared, helpers }
    }

    fn pass(&self, tasks: usize, work: &Work<'_>) {
        let shared = &*self.shared;
        let threads = shared.shares.len();
        assert!(u32::try_from(tasks).is_ok());
        for (me, share) in shared.shares.iter().enumerate() {
            let (first, end) = (tasks * me / threads, tasks * (me + 1) / threads);
            share.store((first as u64) << 32 | end as u64, Ordering::Relaxed);
        }
        // SAFETY: only the lifetime is changed. The pointer is dropped below, before this function returns or unwinds, and
        // the state lets no helper use it after that.
        let lent = unsafe { std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work) };
        // SAFETY: the state is closed and counts no helper, so nobody reads; `self` is used by one caller at a time, having
        // been taken out of `IDLE`.
        unsafe { *shared.work.get() = Some(lent) };
        shared.caller.store(affinity::current(), Ordering::Relaxed);
        let state = shared.state.load(Ordering::Relaxed);
        shared.state.store((state & !(OPEN | HELPERS)).wrapping_add(ONE_PASS) | OPEN, Ordering::SeqCst);
        for (helper, (thread, _)) in self.helpers.iter().enumerate() {
            if shared.sleeping[helper + 1].load(Ordering::SeqCst) {
                thread.unpark();
            }
        }
        /// Closes the pass and waits for the helpers inside, also when the caller's own work panics.
        struct Close<'a>(&'a Shared);
        impl Drop for Close<'_> {
            fn drop(&mut self) {
                self.0.state.fetch_and(!OPEN, Ordering::AcqRel);
                let mut looks = 0_u32;
                while self.0.state.load(Ordering::Acquire) & HELPERS != 0 {
                    wait(&mut looks);
                }
            }
        }
        let close = Close(shared);
        shared.take_tasks(0, work);
        drop(close);
        assert!(!shared.panicked.swap(false, Ordering::Relaxed), "a helper of the kernel panicked");
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.quit.store(true, Ordering::SeqCst);
        for (thread, handle) in self.helpers.drain(..) {
            thread.unpark();
            // A helper catches the panics of its work, so that it ends without an error.
            let _ = handle.join();
        }
    }
}

impl Shared {
    /// The loop of a helper: it waits for passes and takes tasks of them until the team ends.
    fn help(&self, me: usize) {
        let (mut last, mut looks, mut avoided) = (0, 0, usize::MAX);
        while !self.quit.load(Ordering::Relaxed) {
            let state = self.state.load(Ordering::SeqCst);
            if state & OPEN == 0 || state / ONE_PASS == last {
                looks += 1;
                if looks < LOOKS {
                    std::hint::spin_loop();
                } else {
                    self.sleeping[me].store(true, Ordering::SeqCst);
                    // Either this load sees the new pass or its caller sees the sleeper and wakes it.
                    let now = self.state.load(Ordering::SeqCst);
                    if (now & OPEN == 0 || now / ONE_PASS == last) && !self.quit.load(Ordering::SeqCst) {
                        std::thread::park();
                    }
                    self.sleeping[me].store(false, Ordering::SeqCst);
                    looks = 0;
                }
                continue;
            }
            let inside = state + ONE_HELPER;
            if self.state.compare_exchange(state, inside, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                // A scheduler with much else to do likes to wake a helper where its caller runs, and there they would take turns.
                let caller = self.caller.load(Ordering::Relaxed);
                if caller != avoided {
                    affinity::avoid(caller);
                    avoided = caller;
                }
                // SAFETY: the exchange succeeded on an open state, so the pass that wrote `work` is under way, and it waits
                // for this helper to leave before it ends; the write happened before the state was opened.
                let work = unsafe { (*self.work.get()).map(|work| &*work) };
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    if let Some(work) = work {
                        self.take_tasks(me, work);
                    }
                }));
                if done.is_err() {
                    self.panicked.store(true, Ordering::Relaxed);
                }
                self.state.fetch_sub(ONE_HELPER, Ordering::AcqRel);
                last = state / ONE_PASS;
                looks = 0;
            }
        }
    }

    /// Does tasks until none is left: its own share from the front, then the others' from the back.
    fn take_tasks(&self, me: usize, work: &Work<'_>) {
        while let Some(task) = take(&self.shares[me], true) {
            work(task, me);
        }
        for other in 1..self.shares.len() {
            let share = &self.shares[(me + other) % self.shares.len()];
            while let Some(task) = take(share, false) {
                work(task, me);
            }
        }
    }
}

/// Takes one task off a share.
fn take(share: &AtomicU64, front: bool) -> Option<usize> {
    let mut now = share.load(Ordering::Relaxed);
    loop {
        let (first, end) = (now >> 32, now & 0xffff_ffff);
        if first >= end {
            return None;
        }
        let (next, task) = if front { ((first + 1) << 32 | end, first) } else { (first << 32 | (end - 1), end - 1) };
        match share.compare_exchange_weak(now, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return Some(task as usize),
            Err(seen) => now = seen,
        }
    }
}

fn wait(looks: &mut u32) {
    *looks = looks.wrapping_add(1);
    if looks.is_multiple_of(256) { std::thread::yield_now() } else { std::hint::spin_loop() }
}

/// Where threads run.
#[cfg(target_os = "linux")]
mod affinity {
    use std::mem::{size_of, zeroed};
    use std::sync::OnceLock;

    /// The processors that this process may use.
    fn allowed() -> libc::cpu_set_t {
        static ALLOWED: OnceLock<libc::cpu_set_t> = OnceLock::new();
        *ALLOWED.get_or_init(|| {
            // SAFETY: a set of processors is an array of words, for which all zeros is the empty set; the call writes at most
            // the size that it is given.
            unsafe {
                let mut set: libc::cpu_set_t = zeroed();
                libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
                set
            }
        })
    }

    /// The processor this thread is on; a number that no processor has where the system does not tell.
    pub fn current() -> usize {
        allowed();
        // SAFETY: the call takes nothing and writes nothing.
        usize::try_from(unsafe { libc::sched_getcpu() }).unwrap_or(usize::MAX)
    }

    /// Lets this thread run on every processor of the process but one; where that leaves none, nothing changes.
    pub fn avoid(processor: usize) {
        let mut set = allowed();
        // SAFETY: the operations on sets are given a processor below their size, and the call only reads the set.
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

/// Where threads run: left to the system.
#[cfg(not(target_os = "linux"))]
mod affinity {
    pub fn current() -> usize {
        usize::MAX
    }
    pub fn avoid(_processor: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn every_task_is_done_once() {
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
    fn sleepers_are_woken_or_not_needed() {
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
    fn a_panic_reaches_the_caller_and_the_next_pass_works() {
        let caught = std::panic::catch_unwind(|| parallel_for(2, 64, &|task, _| assert!(task != 33, "task 33")));
        assert!(caught.is_err());
        parallel_for(2, 64, &|_, _| {});
    }
}
