//! The main quantities of the study: the error of every algorithm against the iteration.

use super::RecoverArrays;
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::{Curve, CurvePoint};
use crate::run::recovery_run::RecoveryRecord;

/// The median relative error over problems against the iteration, of every method.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let arrays = RecoverArrays::read(folder, &RecoveryRecord::read(folder)?.methods)?;
    let curve = |(method, own): &(String, super::record::MethodArrays)| {
        let iterations = arrays.iterations.iter().zip(own.error.columns());
        let median =
            |(&t, errors): (&f64, ndarray::ArrayView1<f64>)| CurvePoint::median(t + 1.0, errors.iter().copied());
        Curve::new(
            format!("error of {method}, median over problems"),
            (Axis::log10("iteration + 1"), Axis::log10("relative error |w − w*| / |w*|")),
            iterations.map(median).collect(),
        )
    };
    Ok(arrays.methods.iter().map(curve).collect())
}
