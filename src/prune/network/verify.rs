//! The written model, read back.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::super::layer::{Sparsity, Zeros};
use super::super::model::{LinearSpec, describe};
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
        if !written.has_bytes_of(source, name)? {
            return wrong(name.into(), "its bytes are not those of the model before pruning".into());
        }
    }
    Ok(())
}

/// The zeros of a layer of a written model.
///
/// # Errors
/// Files that cannot be read, weights that are not finite.
pub fn stored_zeros(written: &ModelFolder, layer: &LinearSpec) -> Result<usize, PruneError> {
    Ok(zeros(&read_weight(written, layer)?))
}

/// The zeros that a layer of a written model lacks: of the matrix, or in the groups of a pattern. Counted on the bytes of
/// the file, in the layout in which it stores the weight.
///
/// # Errors
/// Files that cannot be read, weights that are not finite.
pub fn missing_zeros(written: &ModelFolder, layer: &LinearSpec, zeros: Zeros) -> Result<usize, PruneError> {
    let stored: Vec<f64> = written.read(&layer.weight())?;
    let (inputs, outputs) = (layer.inputs, layer.outputs);
    let is_zero = |input: usize, output: usize| {
        stored[if layer.transposed { input * outputs + output } else { output * inputs + input }] == 0.0
    };
    let count = |output: usize, first: usize, of: usize| (first..first + of).filter(|&j| is_zero(j, output)).count();
    Ok(match zeros {
        Zeros::Matrix(zeros) => zeros.saturating_sub((0..outputs).map(|r| count(r, 0, inputs)).sum()),
        Zeros::Row(zeros) => (0..outputs).map(|r| zeros.saturating_sub(count(r, 0, inputs))).sum(),
        Zeros::Group { zeros, of } => {
            let groups = (0..outputs).flat_map(|r| (0..inputs).step_by(of).map(move |first| (r, first)));
            groups.map(|(r, first)| zeros.saturating_sub(count(r, first, of))).sum()
        }
    })
}
