//! The machine's memory, and runs that need more than it has.

use std::fmt;

/// Refuses what needs more memory than the machine has; `parts` and `advice` complete the message.
///
/// # Errors
/// [`MemoryShortage`].
pub fn require(needed: u64, parts: Vec<(&'static str, u64)>, advice: &'static str) -> Result<(), MemoryShortage> {
    match Shortfall::of(needed) {
        None => Ok(()),
        Some(shortfall) => Err(MemoryShortage { shortfall, parts, advice }),
    }
}

/// Memory needed, and memory there is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Bytes needed.
    pub needed: u64,
    /// Bytes of the machine.
    pub available: u64,
}

impl Shortfall {
    /// Whether so many bytes are more than the machine has; `None` where they are not, or where its memory is unknown.
    pub fn of(needed: u64) -> Option<Self> {
        let available = machine_memory();
        (available > 0 && needed > available).then_some(Shortfall { needed, available })
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {} and this machine has {}", bytes(self.needed), bytes(self.available))
    }
}

/// A run that needs more memory than the machine has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the run would need {shortfall} ({}): expected {advice}", list(.parts))]
pub struct MemoryShortage {
    /// The whole.
    pub shortfall: Shortfall,
    /// Bytes by purpose.
    pub parts: Vec<(&'static str, u64)>,
    /// What would help.
    pub advice: &'static str,
}

fn list(parts: &[(&'static str, u64)]) -> String {
    parts.iter().map(|(purpose, size)| format!("{purpose} {}", bytes(*size))).collect::<Vec<_>>().join(", ")
}

/// The machine's memory in bytes, or a control group's limit where that is lower; 0 where it is unknown.
pub fn machine_memory() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let total = system.total_memory();
    system.cgroup_limits().map_or(total, |limits| limits.total_memory.min(total))
}

/// Bytes in a readable unit, such as `1.5 GiB`.
pub fn bytes(n: u64) -> String {
    indicatif::BinaryBytes(n).to_string()
}
