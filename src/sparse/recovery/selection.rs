//! The choice of a support at a point.

use super::inverse::DampedInverse;
use super::{RecoveryError, best_support, eliminate, largest_entries, refine_by_swaps};

/// A rule that keeps `k` of `d` entries of a point `v`, in the quadratic model of damped Hessian `H`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The largest `|v_j|`: `T_k`.
    Magnitude,
    /// The largest `v_j^2 / [H^-1]_jj`: the cost of dropping `j` alone (Hassibi, Stork 1993).
    Diagonal,
    /// Entries are dropped one at a time, that of least cost given those dropped before: optimal brain compression
    /// (Frantar, Alistarh 2022).
    Greedy,
    /// The greedy support, improved by exchanges of one kept for one dropped entry while one lowers the cost.
    SwapRefined,
    /// The support of least cost, by enumeration with pruning.
    Exact,
}

impl Selection {
    /// The kept indices, increasing. Of equal entries the lower index is kept.
    ///
    /// # Errors
    /// [`RecoveryError::TooManySupports`] from [`Selection::Exact`].
    pub fn choose(self, v: &[f64], inverse: &DampedInverse<'_>, k: usize) -> Result<Vec<usize>, RecoveryError> {
        Ok(match self {
            Selection::Magnitude => largest_entries(v, k),
            Selection::Diagonal => {
                let p = inverse.matrix();
                let score: Vec<f64> = (0..v.len()).map(|j| v[j].abs() / p[(j, j)].sqrt()).collect();
                largest_entries(&score, k)
            }
            Selection::Greedy => eliminate(v, inverse.matrix(), k, inverse.interrupt).support,
            Selection::SwapRefined => {
                refine_by_swaps(v, inverse, eliminate(v, inverse.matrix(), k, inverse.interrupt).support)
            }
            Selection::Exact => best_support(v, inverse, k)?,
        })
    }
}
