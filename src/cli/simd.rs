//! The choice of the instruction set.

use widelimit::choice::UnknownName;
use widelimit::compute::InstructionSet;

/// The value of `--simd`: an instruction set, or `None` for the fastest available.
pub type SimdChoice = Option<InstructionSet>;

/// Parses the value of `--simd`.
///
/// # Errors
/// The expected values, for another name.
pub fn instruction_set(name: &str) -> Result<SimdChoice, String> {
    if name == "auto" {
        return Ok(None);
    }
    name.parse().map(Some).map_err(|_: UnknownName| "expected auto, portable, avx2 or avx512".into())
}

/// Selects the instruction set of all kernels that are run afterwards.
///
/// # Errors
/// An instruction set that the processor does not have.
pub fn choose(simd: SimdChoice) -> anyhow::Result<()> {
    if let Some(set) = simd {
        anyhow::ensure!(set.choose(), "this processor does not have {set}: omit --simd to use the fastest that it has");
    }
    Ok(())
}
