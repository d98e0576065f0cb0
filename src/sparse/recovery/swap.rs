//! A support improved by exchanges: one kept entry for one dropped, while the best exchange lowers the cost.

use super::Cholesky;
use super::dense::{principal, sample, symmetric_times};
use super::inverse::Inverse;
use super::values::projection;
use crate::compute::vector::dot;
use faer::Mat;

/// Exchanges tried at most, per kept entry.
const EXCHANGES: usize = 20;
/// An exchange must lower the cost by more than this part of what is there.
const LEAST_GAIN: f64 = 1e-12;

/// Exchanges from a support (increasing) until none lowers `f`'s quadratic model; returns the support, increasing.
///
/// At the projected point `z`, dropping `i` of `S` costs `z_i^2 / (2 (H_SS^-1)_ii)`, and taking `j` in gains
/// `r_j^2 / (2 s_j)` with `r = H(v - z)` and `s_j = H_jj - H_jS H_SS^-1 H_Sj`; the pair's cost needs their interaction, which
/// a two by two solve gives exactly. O(k^2 d) an exchange.
pub fn refine(v: &[f64], inverse: &Inverse, mut support: Vec<usize>) -> Vec<usize> {
    let d = v.len();
    if support.is_empty() || support.len() == d {
        return support;
    }
    for _ in 0..EXCHANGES * support.len() {
        let k = support.len();
        let z = projection(v, inverse, &support);
        let gap: Vec<f64> = v.iter().zip(&z).map(|(v, z)| v - z).collect();
        let mut residual = symmetric_times(inverse.hessian(), &gap);
        residual.iter_mut().zip(&gap).for_each(|(r, g)| *r += inverse.shift * g);
        let Ok(factor) = Cholesky::new(principal(inverse.hessian(), &support).as_ref(), inverse.shift) else {
            return support;
        };
        let kept_inverse = factor.inverse();
        let scale = gap.iter().zip(&residual).map(|(g, r)| g * r).sum::<f64>().abs();
        let mut best = (LEAST_GAIN * scale, None);
        let others: Vec<usize> = (0..d).filter(|j| support.binary_search(j).is_err()).collect();
        let coupling = Mat::from_fn(k, others.len(), |i, j| inverse.damped(support[i], others[j]));
        let mut solved = coupling.clone();
        factor.solve_columns(solved.as_mut());
        for (at, &j) in others.iter().enumerate() {
            // c = H_SS^-1 H_Sj: taking j in moves z by t (e_j - c).
            let (column, c) = (sample(&coupling.as_ref(), at), sample(&solved.as_ref(), at));
            let s = inverse.damped(j, j) - dot(column, c);
            if s <= 0.0 {
                continue;
            }
            let t = residual[j] / s;
            for i in 0..k {
                // With j in, entry i is z_i - t c_i and its diagonal of the inverse P_ii + c_i^2 / s.
                let moved = z[support[i]] - t * c[i];
                let loss = moved * moved / (kept_inverse[(i, i)] + c[i] * c[i] / s);
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
