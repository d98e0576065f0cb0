//! Which entries stay: the choice of a support at a point, apart from what is then put there.

use super::inverse::Inverse;
use super::{RecoveryError, best_support, eliminate, largest, refine};

/// A rule that keeps `k` of `d` entries of a point `v`, in the quadratic model of damped Hessian `H`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The largest `|v_j|`: `T_k`.
    Magnitude,
    /// The largest `v_j^2 / [H^-1]_jj`: the cost of dropping `j` alone (Hassibi, Stork 1993).
    Diagonal,
    /// One entry dropped at a time, the cheapest given those dropped before: optimal brain compression (Frantar,
    /// Alistarh 2022).
    Greedy,
    /// The greedy support, improved by exchanges of one kept for one dropped entry while one lowers the cost.
    SwapRefined,
    /// The support of least cost, by enumeration with pruning.
    Exact,
}

impl Selection {
    /// The kept indices, increasing. Ties go to the lower index being kept.
    ///
    /// # Errors
    /// [`RecoveryError::TooManySupports`] from [`Selection::Exact`].
    pub fn choose(self, v: &[f64], inverse: &Inverse, k: usize) -> Result<Vec<usize>, RecoveryError> {
        Ok(match self {
            Selection::Magnitude => largest(v, k),
            Selection::Diagonal => {
                let p = inverse.matrix();
                let score: Vec<f64> = (0..v.len()).map(|j| v[j].abs() / p[(j, j)].sqrt()).collect();
                largest(&score, k)
            }
            Selection::Greedy => eliminate(v, inverse.matrix(), k).0,
            Selection::SwapRefined => refine(v, inverse, eliminate(v, inverse.matrix(), k).0),
            Selection::Exact => best_support(v, inverse, k)?,
        })
    }
}
