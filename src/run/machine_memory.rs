//! The memory of the machine, and the error of runs that need more.

pub use crate::compute::machine::{bytes, machine_memory};
use std::fmt;

/// Checks that `needed` bytes are available. `parts`, bytes by purpose, and `advice` are included in the error.
///
/// # Errors
/// [`MemoryShortage`].
pub fn require(needed: u64, parts: Vec<(&'static str, u64)>, advice: &'static str) -> Result<(), MemoryShortage> {
    match Shortfall::of(needed) {
        None => Ok(()),
        Some(shortfall) => Err(MemoryShortage { shortfall, parts, advice }),
    }
}

/// Memory needed and available, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Bytes needed.
    pub needed: u64,
    /// Bytes of the machine.
    pub available: u64,
}

impl Shortfall {
    /// The shortfall where `needed` bytes exceed the memory of the machine; `None` where they do not, or it is unknown.
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
    /// The total.
    pub shortfall: Shortfall,
    /// Bytes by purpose.
    pub parts: Vec<(&'static str, u64)>,
    /// What reduces the memory needed.
    pub advice: &'static str,
}

fn list(parts: &[(&'static str, u64)]) -> String {
    parts.iter().map(|(purpose, size)| format!("{purpose} {}", bytes(*size))).collect::<Vec<_>>().join(", ")
}
