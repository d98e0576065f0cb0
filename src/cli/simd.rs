//! The choice of the instruction set.

use widelimit::network::InstructionSet;

/// An instruction set, or the fastest there is.
pub type Simd = Option<InstructionSet>;

/// Parses the value of `--simd`.
pub fn instruction_set(name: &str) -> Result<Simd, String> {
    if name == "auto" {
        return Ok(None);
    }
    let found = InstructionSet::NAMES.iter().find(|(known, _)| *known == name);
    found.map(|(_, set)| Some(*set)).ok_or_else(|| "expected auto, portable, avx2 or avx512".into())
}

/// Uses an instruction set from now on.
pub fn choose(simd: Simd) -> anyhow::Result<()> {
    if let Some(set) = simd {
        anyhow::ensure!(
            set.choose(),
            "this processor does not have {set}: leave --simd out to take the fastest it has"
        );
    }
    Ok(())
}
