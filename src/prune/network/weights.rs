//! Weights of linear layers between their files and the solvers.

use super::super::checkpoint::{ModelCopy, ModelFolder};
use super::super::error::PruneError;
use super::super::layer::{entries, from_entries};
use super::super::model::LinearSpec;
use faer::Mat;

/// Reads the weight of a layer (inputs, outputs): column r holds the inputs of output r.
pub(super) fn read_weight(checkpoint: &ModelFolder, layer: &LinearSpec) -> Result<Mat<f64>, PruneError> {
    let stored: Vec<f64> = checkpoint.read(&layer.weight())?;
    Ok(if layer.transposed {
        from_entries(&stored, layer.outputs).transpose().to_owned()
    } else {
        from_entries(&stored, layer.inputs)
    })
}

/// Writes the weight of a layer, rounded to its type, and returns it as it was written.
pub(super) fn write_weight(
    copy: &mut ModelCopy,
    layer: &LinearSpec,
    weight: &Mat<f64>,
) -> Result<Mat<f64>, PruneError> {
    let name = layer.weight();
    let stored_type = copy.checkpoint().stored_type(&name)?;
    let rounded = Mat::from_fn(weight.nrows(), weight.ncols(), |j, r| stored_type.round(weight[(j, r)]));
    if layer.transposed {
        copy.replace(&name, &entries(&rounded.transpose().to_owned().as_ref()))?;
    } else {
        copy.replace(&name, &entries(&rounded.as_ref()))?;
    }
    Ok(rounded)
}

/// Entries that are zero.
pub(super) fn zeros(weight: &Mat<f64>) -> usize {
    (0..weight.ncols()).map(|r| (0..weight.nrows()).filter(|&j| weight[(j, r)] == 0.0).count()).sum()
}
