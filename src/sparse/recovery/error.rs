//! Errors of sparse recovery.

use std::path::PathBuf;

/// Why a problem or a method was refused, or failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RecoveryError {
    /// The number of entries is not between 1 and d.
    #[error("k = {k}: expected from 1 to d = {d}, the number of unknowns")]
    Sparsity { k: usize, d: usize },
    /// The design has no rows or no columns.
    #[error("the design has n = {n} rows and d = {d} columns: expected at least one of each")]
    Empty { n: usize, d: usize },
    /// An array has the wrong length.
    #[error("{name} has {found} entries: expected {expected}, {why}")]
    Length { name: &'static str, found: usize, expected: usize, why: &'static str },
    /// An entry of the data is not finite.
    #[error("{name}, entry {index}: {value} is not finite")]
    NotFinite { name: &'static str, index: usize, value: f64 },
    /// CoSaMP needs more rows or columns.
    #[error("cosamp solves on up to 3 k = {needed} columns: expected k of at most a third of min(n, d) = {most}")]
    TooDense { needed: usize, most: usize },
    /// A method for the squared loss was applied to another loss.
    #[error("{method} is a method of least squares: expected a problem with loss = \"squared\"")]
    LeastSquaresOnly { method: &'static str },
    /// The search over all supports is too large.
    #[error(
        "exact selection would examine {supports:.2e} supports of {k} among {d}: expected at most {most:.0e}, or a greedy or swap-refined selection"
    )]
    TooManySupports { supports: f64, k: usize, d: usize, most: f64 },
    /// The matrix is not positive definite even with the largest damping.
    #[error(
        "the Hessian is not positive definite even with damping {damping} of its mean diagonal: the point is too far from a minimum for a second-order step"
    )]
    Indefinite { damping: f64 },
    /// A file cannot be read.
    #[error("{}: {message}", path.display())]
    File { path: PathBuf, message: String },
}
