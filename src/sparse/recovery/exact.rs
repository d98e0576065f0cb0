//! The support of least cost by branch and bound: the cost of dropping a set is monotone in the set, so that a branch
//! whose dropped entries already cost more than the best known support is pruned.

use super::inverse::DampedInverse;
use super::{Interrupt, RecoveryError, eliminate, refine_by_swaps};
use faer::{Mat, MatRef};

/// Largest number of supports that is searched.
pub const MAX_SUPPORTS: f64 = 5e6;

/// The `k` indices, increasing, whose complement `Q` has the least cost `v_Q^T (H^-1_QQ)^-1 v_Q` (I-OBS with exact
/// selection).
///
/// # Errors
/// [`RecoveryError::TooManySupports`] where there are more than [`MAX_SUPPORTS`] supports.
///
/// Where a stop is requested the support is one of those examined before.
pub fn best_support(v: &[f64], inverse: &DampedInverse<'_>, k: usize) -> Result<Vec<usize>, RecoveryError> {
    let d = v.len();
    let supports = (0..k.min(d - k)).map(|i| (d - i) as f64 / (i + 1) as f64).product::<f64>();
    if supports > MAX_SUPPORTS {
        return Err(RecoveryError::TooManySupports { supports, k, d, most: MAX_SUPPORTS });
    }
    let p = inverse.matrix();
    // A good incumbent lets most branches be pruned.
    let incumbent = refine_by_swaps(v, inverse, eliminate(v, p, k, inverse.interrupt).support);
    let cost = support_cost(v, p, &incumbent);
    let best = cost * (1.0 + 1e-12);
    let mut search = SupportSearch { drops: d - k, best, support: incumbent, interrupt: inverse.interrupt };
    // Entries that are expensive to drop come first, so that branches that drop one are pruned early.
    let mut order: Vec<usize> = (0..d).collect();
    let single_cost = |j: usize| v[j] * v[j] / p[(j, j)];
    order.sort_by(|&a, &b| single_cost(b).total_cmp(&single_cost(a)).then(a.cmp(&b)));
    let p = Mat::from_fn(d, d, |i, j| p[(order[i], order[j])]);
    let v: Vec<f64> = order.iter().map(|&j| v[j]).collect();
    search.branch(&v, p.as_ref(), &order, 0.0, &mut Vec::new());
    search.support.sort_unstable();
    Ok(search.support)
}

/// `v_Q^T (H^-1_QQ)^-1 v_Q` for the complement `Q` of a support, by elimination.
pub(super) fn support_cost(v: &[f64], p: MatRef<'_, f64>, support: &[usize]) -> f64 {
    let (mut v, mut p) = (v.to_vec(), p.to_owned());
    let dropped: Vec<usize> = (0..v.len()).filter(|j| support.binary_search(j).is_err()).collect();
    let mut total = 0.0;
    for &at in &dropped {
        total += v[at] * v[at] / p[(at, at)];
        drop_entry(&mut v, &mut p, at);
    }
    total
}

/// Drops entry `at`: updates the point and the inverse to those of the remaining entries.
fn drop_entry(v: &mut [f64], p: &mut Mat<f64>, at: usize) {
    let (d, pivot) = (v.len(), p[(at, at)]);
    let column: Vec<f64> = (0..d).map(|i| p[(i, at)]).collect();
    let scale = v[at] / pivot;
    for i in 0..d {
        v[i] -= scale * column[i];
        for j in 0..d {
            p[(i, j)] -= column[i] * column[j] / pivot;
        }
    }
}

/// The state of the search: the number of entries still to be dropped, and the best support so far with its cost.
struct SupportSearch<'a> {
    drops: usize,
    best: f64,
    support: Vec<usize>,
    interrupt: Interrupt<'a>,
}

impl SupportSearch<'_> {
    /// Decides on the first of the entries `indices`, whose point and inverse, given the entries dropped so far, are
    /// `v` and `p`.
    fn branch(&mut self, v: &[f64], p: MatRef<'_, f64>, indices: &[usize], cost: f64, kept: &mut Vec<usize>) {
        let undecided = indices.len();
        if self.drops == 0 {
            if cost < self.best {
                self.best = cost;
                self.support = kept.iter().chain(indices).copied().collect();
            }
            return;
        }
        if self.drops > undecided || self.interrupt.requested() {
            return;
        }
        // Keeping the entry only removes its row and column: the inverse of the others is unchanged.
        if self.drops < undecided {
            kept.push(indices[0]);
            self.branch(&v[1..], p.submatrix(1, 1, undecided - 1, undecided - 1), &indices[1..], cost, kept);
            kept.pop();
        }
        let pivot = p[(0, 0)];
        let dropped_cost = cost + v[0] * v[0] / pivot;
        if dropped_cost < self.best {
            let rest = Mat::from_fn(undecided - 1, undecided - 1, |i, j| {
                p[(i + 1, j + 1)] - p[(i + 1, 0)] * p[(j + 1, 0)] / pivot
            });
            let v: Vec<f64> = (1..undecided).map(|i| v[i] - v[0] / pivot * p[(i, 0)]).collect();
            self.drops -= 1;
            self.branch(&v, rest.as_ref(), &indices[1..], dropped_cost, kept);
            self.drops += 1;
        }
    }
}
