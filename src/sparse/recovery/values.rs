//! The values on a chosen support: the projection of the optimal brain surgeon (OBS), and its alternatives.

use super::inverse::{DampedInverse, solve_damped};
use super::threshold::restricted;
use super::{RecoveryError, dense};
use crate::compute::vector::axpy;
use dense::{principal, symmetric_times};

/// A rule for the values on a chosen support, in the quadratic model at `w` with gradient `g` and Newton point `v`
/// (WMSKA).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRule {
    /// `v_S`: the values of the Newton point.
    Keep,
    /// `P_Q(v)`: the projection of `v` in the norm of the damped Hessian.
    Compensate,
    /// The minimiser on the support of the model without damping, `H_SS z = (H w - g)_S`; least squares for a
    /// quadratic.
    Refit,
}

impl ValueRule {
    /// The next iterate (d), zero outside `support` (increasing), and the damping that a refit needed, otherwise 0.
    ///
    /// # Errors
    /// [`RecoveryError::Indefinite`] where a refit has no minimum, [`RecoveryError::Interrupted`].
    pub fn apply(
        self,
        support: &[usize],
        w: &[f64],
        g: &[f64],
        v: &[f64],
        inverse: &DampedInverse<'_>,
    ) -> Result<(Vec<f64>, f64), RecoveryError> {
        match self {
            ValueRule::Keep => Ok((restricted(v, support), 0.0)),
            ValueRule::Compensate => Ok((projection(v, inverse, support), 0.0)),
            ValueRule::Refit => {
                let hessian_w = symmetric_times(inverse.hessian(), w);
                let right_side: Vec<f64> = support.iter().map(|&j| hessian_w[j] - g[j]).collect();
                let (z, damping) = solve_damped(principal(inverse.hessian(), support), &right_side, inverse.interrupt)?;
                Ok((scatter(w.len(), support, &z), damping))
            }
        }
    }
}

/// The vector (d) with the entries `z` on a support, 0 elsewhere.
pub(super) fn scatter(d: usize, support: &[usize], z: &[f64]) -> Vec<f64> {
    let mut w = vec![0.0; d];
    for (&j, &z) in support.iter().zip(z) {
        w[j] = z;
    }
    w
}

/// `P_Q(v)`: the point of `{w_Q = 0}` nearest to `v` in the norm of `H + lambda I` (Hassibi, Stork 1993, for sets), by
/// the smaller of its two forms: `v_S + H_SS^-1 H_SQ v_Q`, or `v_S - P_SQ P_QQ^-1 v_Q` with `P` the inverse.
pub fn projection(v: &[f64], inverse: &DampedInverse<'_>, support: &[usize]) -> Vec<f64> {
    let d = v.len();
    let mut in_support = vec![false; d];
    support.iter().for_each(|&j| in_support[j] = true);
    let dropped: Vec<usize> = (0..d).filter(|&j| !in_support[j]).collect();
    let mut z: Vec<f64> = support.iter().map(|&j| v[j]).collect();
    // A principal submatrix of a positive definite matrix is positive definite; where rounding errors violate that, it
    // is damped.
    let solved = if support.len() <= dropped.len() {
        let mut of_dropped = vec![0.0; d];
        dropped.iter().for_each(|&j| of_dropped[j] = v[j]);
        let product = symmetric_times(inverse.hessian(), &of_dropped);
        let right_side: Vec<f64> = support.iter().map(|&j| product[j]).collect();
        let block =
            faer::Mat::from_fn(support.len(), support.len(), |i, j| inverse.damped_entry(support[i], support[j]));
        solve_damped(block, &right_side, inverse.interrupt).map(|(change, _)| change)
    } else {
        let p = inverse.matrix();
        let right_side: Vec<f64> = dropped.iter().map(|&j| v[j]).collect();
        solve_damped(principal(p, &dropped), &right_side, inverse.interrupt).map(|(block, _)| {
            let spread = symmetric_times(p, &scatter(d, &dropped, &block));
            support.iter().map(|&j| -spread[j]).collect()
        })
    };
    match solved {
        Ok(change) => axpy(1.0, &change, &mut z),
        Err(_) => z.fill(f64::NAN),
    }
    scatter(d, support, &z)
}
