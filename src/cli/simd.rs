//! The choice of the instruction set.

use widelimit::choice::UnknownName;
use widelimit::compute::InstructionSet;

/// An instruction set, or the fastest there is.
pub type SimdChoice = Option<InstructionSet>;

/// Parses the value of `--simd`.
pub fn instruction_set(name: &str) -> Result<SimdChoice, String> {
    if name == "auto" {
        return Ok(None);
    }
    name.parse().map(Some).map_err(|_: UnknownName| "expected auto, portable, avx2 or avx512".into())
}

/// Uses an instruction set from now on.
pub fn choose(simd: SimdChoice) -> anyhow::Result<()> {
    if let Some(set) = simd {
        anyhow::ensure!(
            set.choose(),
            "this processor does not have {set}: leave --simd out to take the fastest it has"
        );
    }
    Ok(())
}
