//! Weights of linear layers between their files and the solvers.

use super::super::checkpoint::{ModelCopy, ModelFolder};
use super::super::error::PruneError;
use super::super::layer::{entries, from_entries};
use super::super::model::LinearSpec;
use faer::Mat;

/// Reads the weight of a layer (inputs, outputs): column r holds the inputs of output r.
pub(super) fn read_weight(checkpoint: &ModelFolder, layer: &LinearSpec) -> Result<Mat<f64>, PruneError> {
    Ok(of_stored(&checkpoint.read(&layer.weight())?, layer))
}

/// The weight (inputs, outputs) of the values in their file.
fn of_stored(stored: &[f64], layer: &LinearSpec) -> Mat<f64> {
    if layer.transposed {
        from_entries(stored, layer.outputs).transpose().to_owned()
    } else {
        from_entries(stored, layer.inputs)
    }
}

/// Writes the weight of a layer, rounded to its type, and returns it as it was written.
pub(super) fn write_weight(
    copy: &mut ModelCopy,
    layer: &LinearSpec,
    weight: &Mat<f64>,
) -> Result<Mat<f64>, PruneError> {
    let name = layer.weight();
    let mut stored =
        if layer.transposed { entries(&weight.transpose().to_owned().as_ref()) } else { entries(&weight.as_ref()) };
    copy.checkpoint().stored_type(&name)?.round_all(&mut stored);
    copy.replace(&name, &stored)?;
    Ok(of_stored(&stored, layer))
}

/// Entries that are zero.
pub(super) fn zeros(weight: &Mat<f64>) -> usize {
    let row = |r| weight.col(r).iter().filter(|v| **v == 0.0).count();
    (0..weight.ncols()).map(row).sum()
}
