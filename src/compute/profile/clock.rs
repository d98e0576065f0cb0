//! Processor clocks of a thread and of the process.

/// Processor time of the calling thread in nanoseconds; none where the system does not tell.
pub(super) fn thread_nanoseconds() -> Option<u64> {
    read(Clock::Thread)
}

/// Processor time of all threads of the process in nanoseconds; none where the system does not tell.
pub fn process_nanoseconds() -> Option<u64> {
    read(Clock::Process)
}

/// A processor clock.
#[derive(Clone, Copy)]
enum Clock {
    Thread,
    Process,
}

#[cfg(unix)]
fn read(clock: Clock) -> Option<u64> {
    let id = match clock {
        Clock::Thread => libc::CLOCK_THREAD_CPUTIME_ID,
        Clock::Process => libc::CLOCK_PROCESS_CPUTIME_ID,
    };
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes to `now` alone.
    let failed = unsafe { libc::clock_gettime(id, &raw mut now) } != 0;
    (!failed).then_some(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
}

#[cfg(not(unix))]
fn read(_: Clock) -> Option<u64> {
    None
}
