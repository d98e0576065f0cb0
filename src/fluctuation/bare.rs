//! The bare variance: that of independent particles, which do not respond to each other.

use faer::MatRef;

/// The bare variance of a cloud over its states and samples, up to a factor.
pub(super) struct BareVariance<'a> {
    /// Of the cloud.
    pub total: f64,
    /// Of columns of weights (M, C), summed over the columns.
    pub of: &'a dyn Fn(MatRef<'_, f64>) -> f64,
}

/// The sum of the products of the entries.
pub(super) fn inner(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> f64 {
    (0..a.ncols()).map(|k| (0..a.nrows()).map(|i| a[(i, k)] * b[(i, k)]).sum::<f64>()).sum()
}
