//! Errors of sparse recovery.

use super::SampleLoss;
use std::path::PathBuf;

/// Why a problem or a method was refused, or failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RecoveryError {
    /// The number of entries is not between 1 and d.
    #[error(
        "k = {k}: expected from 1 to d = {d}, the number of unknowns (solver.k, or solver.excess times the entries of w_star)"
    )]
    Sparsity {
        /// Entries to keep.
        k: usize,
        /// Number of unknowns.
        d: usize,
    },
    /// The design has no rows or no columns.
    #[error("the design has n = {n} rows and d = {d} columns: expected at least one of each")]
    Empty {
        /// Number of rows.
        n: usize,
        /// Number of unknowns.
        d: usize,
    },
    /// An array has the wrong length.
    #[error("{name} has {found} entries: expected {expected}, {why}")]
    Length {
        /// The array.
        name: &'static str,
        /// Its length.
        found: usize,
        /// What was expected.
        expected: usize,
        /// The reason for that length.
        why: &'static str,
    },
    /// An entry of the data is not finite.
    #[error("{name}, entry {index}: {value} is not finite")]
    NotFinite {
        /// The array.
        name: &'static str,
        /// Index of the entry.
        index: usize,
        /// The value.
        value: f64,
    },
    /// With a measurement the loss has no lower bound, or is no loss of it.
    #[error("y, entry {index}: {value}: the loss \"{}\" needs {}", loss.name(), loss.admitted())]
    Measurement {
        /// The loss.
        loss: SampleLoss,
        /// Index of the measurement.
        index: usize,
        /// The measurement.
        value: f64,
    },
    /// The design is zero.
    #[error("X is zero, so that the measurements do not depend on w: expected at least one entry that is not 0")]
    ZeroDesign,
    /// Iterations would not leave the start.
    #[error(
        "the gradient of quadratic measurements vanishes at w = 0, where iterations would start: expected a start that is not 0 (w0 in a file, problem.start_distance for drawn problems)"
    )]
    StationaryStart,
    /// The units of the design and the measurements differ so much that w has no floating-point number.
    #[error(
        "the solution would be of order 1e{exponent}, which is no floating-point number: expected X and y in units that differ less"
    )]
    Units {
        /// The decimal exponent of the solution.
        exponent: i32,
    },
    /// A stop was requested.
    #[error("interrupted")]
    Interrupted,
    /// CoSaMP needs more rows or columns.
    #[error("cosamp solves on up to 3 k = {needed} columns: expected k of at most a third of min(n, d) = {most}")]
    TooDense {
        /// Columns needed.
        needed: usize,
        /// Columns available, min(n, d).
        most: usize,
    },
    /// A mini-batch has no samples, or more than there are.
    #[error("a mini-batch has {size} samples of n = {n} (solver.batch): expected from 1 to n")]
    Batch {
        /// Samples of a batch.
        size: usize,
        /// Number of samples.
        n: usize,
    },
    /// A method for the squared loss was applied to another loss.
    #[error("{method} is a method of least squares: expected a problem with loss = \"squared\"")]
    LeastSquaresOnly {
        /// The method.
        method: &'static str,
    },
    /// The search over all supports is too large.
    #[error(
        "exact selection would examine {supports:.2e} supports of {k} among {d}: expected at most {most:.0e}, or a greedy or swap-refined selection"
    )]
    TooManySupports {
        /// Number of supports.
        supports: f64,
        /// Entries to keep.
        k: usize,
        /// Number of unknowns.
        d: usize,
        /// The largest number that is searched.
        most: f64,
    },
    /// The matrix is not positive definite even with the largest damping.
    #[error(
        "the Hessian is not positive definite even with damping {damping} of its mean diagonal: the point is too far from a minimum for a second-order step"
    )]
    Indefinite {
        /// The largest damping, relative to the mean diagonal.
        damping: f64,
    },
    /// A file cannot be read.
    #[error("{}: {message}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        message: String,
    },
}
