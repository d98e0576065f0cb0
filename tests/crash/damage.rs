//! Damage to the checkpoints and states of an unfinished run.

use crate::compare::all_files;
use rand::{Rng, RngExt};
use std::path::Path;

/// Damages a random file of `checkpoint/` or `state/`; what was done, or `None` where there is no such file.
pub fn one(run: &Path, random: &mut impl Rng) -> Option<String> {
    let mut candidates = all_files(run);
    candidates.retain(|name, _| {
        (name.starts_with("checkpoint/") || name.starts_with("state/"))
            && !name.contains("/.")
            && !name.contains("data")
    });
    let names: Vec<&String> = candidates.keys().collect();
    if names.is_empty() {
        return None;
    }
    let name = names[random.random_range(0..names.len())].clone();
    let mut bytes = candidates[&name].clone();
    let kind = match random.random_range(0..4) {
        0 if !bytes.is_empty() => {
            let at = random.random_range(0..bytes.len());
            let bit = random.random_range(0..8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} flipped")
        }
        1 => {
            bytes.truncate(random.random_range(0..bytes.len().max(1)));
            format!("cut to {} bytes", bytes.len())
        }
        2 => {
            bytes = b"[]".to_vec();
            "replaced by []".into()
        }
        _ => {
            bytes.clear();
            "emptied".into()
        }
    };
    std::fs::write(run.join(&name), bytes).ok()?;
    Some(format!("{name} {kind}"))
}
