//! The written model, read back.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::super::layer::Sparsity;
use super::super::model::describe;
use super::driver::Quota;
use super::record::PruneRecord;
use super::weights::{read_weight, zeros};

/// Reads every pruned layer again: it must be finite, have the zeros of the record, and at least those of every group of a
/// pattern. Every other tensor must have the bytes of the source.
///
/// # Errors
/// [`PruneError::ReadBack`], files that cannot be read, weights that are not finite.
pub fn verify(
    source: &ModelFolder,
    written: &ModelFolder,
    record: &PruneRecord,
    quota: &Quota,
) -> Result<(), PruneError> {
    let wrong =
        |tensor: String, reason: String| Err(PruneError::ReadBack { path: written.folder().into(), tensor, reason });
    let architecture = describe(written)?;
    let mut pruned = Vec::new();
    for layer in architecture.blocks.iter().flat_map(|block| block.groups()).flatten() {
        let Some(expected) = record.layers.iter().rev().find(|one| one.layer == layer.name) else { continue };
        pruned.push(layer.weight());
        let weight = read_weight(written, layer)?;
        let found = zeros(&weight);
        if found != expected.zeros {
            return wrong(layer.weight(), format!("it has {found} zeros, and {} were written", expected.zeros));
        }
        if let Quota::Uniform(Sparsity::Pattern { zeros, of }) = quota {
            for r in 0..weight.ncols() {
                for first in (0..weight.nrows()).step_by(*of) {
                    let found = (first..first + of).filter(|&j| weight[(j, r)] == 0.0).count();
                    if found < *zeros {
                        let reason = format!("inputs {first} to {} of output {r} have {found} zeros", first + of - 1);
                        return wrong(layer.weight(), reason);
                    }
                }
            }
        }
    }
    for name in source.names().filter(|name| pruned.iter().all(|pruned| pruned != name)) {
        if written.bytes(name)? != source.bytes(name)? {
            return wrong(name.into(), "its bytes are not those of the model before pruning".into());
        }
    }
    Ok(())
}
