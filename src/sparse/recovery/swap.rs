//! Local search on supports: one kept entry is exchanged for one dropped entry while the best exchange lowers the cost.

use super::Cholesky;
use super::dense::{principal, sample, symmetric_times};
use super::inverse::DampedInverse;
use super::values::projection;
use crate::compute::vector::dot;
use faer::Mat;

/// Largest number of exchanges per kept entry.
const MAX_SWAPS_PER_ENTRY: usize = 20;
/// An exchange must lower the cost by more than this fraction of it.
const MIN_RELATIVE_GAIN: f64 = 1e-12;

/// Improves a support (increasing) by exchanges until none lowers the quadratic model of `f`; returns the support,
/// increasing.
///
/// At the projected point `z`, dropping `i` of `S` costs `z_i^2 / (2 (H_SS^-1)_ii)`, and adding `j` gains
/// `r_j^2 / (2 s_j)` with `r = H(v - z)` and `s_j = H_jj - H_jS H_SS^-1 H_Sj`; the gain of the exchange includes their
/// interaction exactly. O(k^2 d) per exchange. Ends early where a stop is requested.
pub fn refine_by_swaps(v: &[f64], inverse: &DampedInverse<'_>, mut support: Vec<usize>) -> Vec<usize> {
    let d = v.len();
    if support.is_empty() || support.len() == d {
        return support;
    }
    for _ in 0..MAX_SWAPS_PER_ENTRY * support.len() {
        if inverse.interrupt.requested() {
            return support;
        }
        let k = support.len();
        let z = projection(v, inverse, &support);
        let gap: Vec<f64> = v.iter().zip(&z).map(|(v, z)| v - z).collect();
        let mut residual = symmetric_times(inverse.hessian(), &gap);
        residual.iter_mut().zip(&gap).for_each(|(r, g)| *r += inverse.shift * g);
        let Ok(factor) =
            Cholesky::new(principal(inverse.hessian(), &support).as_ref(), inverse.shift, inverse.interrupt)
        else {
            return support;
        };
        let kept_inverse = factor.inverse(inverse.interrupt);
        let scale = gap.iter().zip(&residual).map(|(g, r)| g * r).sum::<f64>().abs();
        let mut best = (MIN_RELATIVE_GAIN * scale, None);
        let others: Vec<usize> = (0..d).filter(|j| support.binary_search(j).is_err()).collect();
        let coupling = Mat::from_fn(k, others.len(), |i, j| inverse.damped_entry(support[i], others[j]));
        let mut solved = coupling.clone();
        factor.solve_columns(solved.as_mut());
        for (at, &j) in others.iter().enumerate() {
            if inverse.interrupt.requested() {
                break;
            }
            // c = H_SS^-1 H_Sj: adding j moves z by t (e_j - c).
            let (column, c) = (sample(&coupling.as_ref(), at), sample(&solved.as_ref(), at));
            let s = inverse.damped_entry(j, j) - dot(column, c);
            if s <= 0.0 {
                continue;
            }
            let t = residual[j] / s;
            for i in 0..k {
                // With j added, entry i is z_i - t c_i and its diagonal entry of the inverse is P_ii + c_i^2 / s.
                let new_value = z[support[i]] - t * c[i];
                let loss = new_value * new_value / (kept_inverse[(i, i)] + c[i] * c[i] / s);
                let gain = residual[j] * t - loss;
                if gain > best.0 {
                    best = (gain, Some((i, j)));
                }
            }
        }
        let Some((i, j)) = best.1 else { break };
        support[i] = j;
        support.sort_unstable();
    }
    support
}
