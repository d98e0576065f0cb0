//! The memory of the machine, and the error of runs that need more.

pub use crate::compute::machine::{bytes, machine_memory};
use std::fmt;

/// Checks that `needed` bytes are available. `parts`, bytes by purpose, and `advice` are included in the error.
///
/// # Errors
/// [`MemoryShortage`].
pub fn require(needed: u64, parts: Vec<(&'static str, u64)>, advice: &str) -> Result<(), MemoryShortage> {
    Shortfall::of(needed).map_or(Ok(()), |shortfall| Err(MemoryShortage { shortfall, parts, advice: advice.into() }))
}

/// Memory needed and available, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Bytes needed.
    pub needed: u64,
    /// Bytes that this process can hold.
    pub available: u64,
    /// Bytes of the machine.
    pub machine: u64,
}

impl Shortfall {
    /// The shortfall where `needed` bytes, including those that this process holds already, exceed the available
    /// memory; `None` where they do not, or it is unknown.
    pub fn of(needed: u64) -> Option<Self> {
        Self::beyond(needed, available_memory())
    }

    /// The shortfall where `needed` bytes exceed the memory of the machine, whatever else is running on it; `None` where
    /// they do not, or it is unknown.
    pub fn of_machine(needed: u64) -> Option<Self> {
        Self::beyond(needed, machine_memory())
    }

    fn beyond(needed: u64, most: u64) -> Option<Self> {
        let shortfall = || Shortfall { needed, available: available_memory(), machine: machine_memory() };
        (most > 0 && needed > most).then(shortfall)
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shortfall { needed, available, machine } = *self;
        write!(
            f,
            "about {} and this machine has {}, of which {} are available",
            bytes(needed),
            bytes(machine),
            bytes(available)
        )
    }
}

/// A run that needs more memory than is available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the run would need {shortfall} ({}): expected {advice}", list(.parts))]
pub struct MemoryShortage {
    /// The total.
    pub shortfall: Shortfall,
    /// Bytes by purpose.
    pub parts: Vec<(&'static str, u64)>,
    /// What reduces the memory needed.
    pub advice: String,
}

fn list(parts: &[(&'static str, u64)]) -> String {
    parts.iter().map(|(purpose, size)| format!("{purpose} {}", bytes(*size))).collect::<Vec<_>>().join(", ")
}

/// The memory that this process can hold without swapping, in bytes: what it holds already and what is available on the
/// machine, or in its control group where that is less; 0 where it is unknown.
pub fn available_memory() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let held = sysinfo::get_current_pid().map_or(0, |own| {
        system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[own]), false);
        system.process(own).map_or(0, sysinfo::Process::memory)
    });
    let machine = system.available_memory();
    // Files in the group's cache are given up where memory is needed, and do not count.
    let group = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory.saturating_sub(limits.rss));
    if machine == 0 { 0 } else { machine.min(group).saturating_add(held) }
}

/// The largest memory that this process has held so far, in bytes; `None` where the system does not say.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}
