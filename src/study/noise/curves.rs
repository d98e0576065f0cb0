//! The main quantities of the study: the error of every algorithm against the signal to noise ratio.

use super::NoiseArrays;
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::{Curve, CurvePoint};
use crate::run::recovery_run::RecoveryRecord;
use ndarray::Array2;

/// The median relative error over problems against the ratio, of every method and of least squares on the true support.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let arrays = NoiseArrays::read(folder, &RecoveryRecord::read(folder)?.methods)?;
    let curve = |name: &str, errors: &Array2<f64>| {
        let ratios = arrays.snr_db.iter().zip(errors.rows());
        Curve::new(
            format!("error of {name} under noise, median over problems"),
            (Axis::linear("signal to noise ratio, dB"), Axis::log10("relative error |w − w*| / |w*|")),
            ratios.map(|(&snr, row)| CurvePoint::median(snr, row.iter().copied())).collect(),
        )
    };
    let methods = arrays.methods.iter().map(|(method, errors)| curve(method, errors));
    Ok(methods.chain([curve("least squares on the true support", &arrays.oracle)]).collect())
}
