//! The memory that a data file may take.

use crate::compute::machine::machine_memory;
use std::sync::OnceLock;

/// Bytes that one data file may take in memory: a quarter of the machine's memory, as a population is held in several
/// forms. Without a limit where the memory is unknown.
pub(super) fn capacity() -> u64 {
    static CAPACITY: OnceLock<u64> = OnceLock::new();
    *CAPACITY.get_or_init(|| match machine_memory() {
        0 => u64::MAX,
        total => total / 4,
    })
}
