//! The main quantities of the study: the share of problems that every algorithm recovers.

use super::PhaseArrays;
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::Curve;
use crate::run::recovery_run::RecoveryRecord;

/// The share of problems recovered against n/d, mean over the cells of k/n to which a method applies.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let arrays = PhaseArrays::read(folder, &RecoveryRecord::read(folder)?.methods)?;
    let curve = |(method, cells): &(String, super::record::MethodCells)| {
        let shares: Vec<f64> =
            cells.success.rows().into_iter().map(|row| mean_of_finite(row.iter().copied())).collect();
        let axes = (Axis::linear("n/d"), Axis::linear("share recovered, mean over k/n").between(0.0, 1.0));
        Curve::of_values(format!("success of {method}"), axes, &arrays.n_over_d.to_vec(), &shares)
    };
    Ok(arrays.methods.iter().map(curve).collect())
}

/// The mean of the finite values; NaN where there is none.
fn mean_of_finite(values: impl Iterator<Item = f64>) -> f64 {
    let finite: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    finite.iter().sum::<f64>() / finite.len() as f64
}
