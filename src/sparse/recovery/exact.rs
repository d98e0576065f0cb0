//! The support of least cost, by enumeration: the cost of dropping a set only grows with the set, so that a branch whose
//! drops already cost more than a known support is left.

use super::inverse::Inverse;
use super::{RecoveryError, eliminate, refine};
use faer::{Mat, MatRef};

/// More supports than this are not searched.
pub const MOST_SUPPORTS: f64 = 5e6;

/// The `k` entries, increasing, whose complement `Q` has the least `v_Q^T (H^-1_QQ)^-1 v_Q`.
///
/// # Errors
/// [`RecoveryError::TooManySupports`] where there are more than [`MOST_SUPPORTS`] supports.
pub fn best_support(v: &[f64], inverse: &Inverse, k: usize) -> Result<Vec<usize>, RecoveryError> {
    let d = v.len();
    let supports = (0..k.min(d - k)).map(|i| (d - i) as f64 / (i + 1) as f64).product::<f64>();
    if supports > MOST_SUPPORTS {
        return Err(RecoveryError::TooManySupports { supports, k, d, most: MOST_SUPPORTS });
    }
    let p = inverse.matrix();
    // A good support at hand lets most branches be left at once.
    let known = refine(v, inverse, eliminate(v, p, k).0);
    let cost = cost(v, p, &known);
    let mut search = Search { drops: d - k, best: cost * (1.0 + 1e-12), support: known };
    // Entries that are expensive to drop come first: a branch that drops one is soon left.
    let mut order: Vec<usize> = (0..d).collect();
    let alone = |j: usize| v[j] * v[j] / p[(j, j)];
    order.sort_by(|&a, &b| alone(b).total_cmp(&alone(a)).then(a.cmp(&b)));
    let p = Mat::from_fn(d, d, |i, j| p[(order[i], order[j])]);
    let v: Vec<f64> = order.iter().map(|&j| v[j]).collect();
    search.branch(&v, p.as_ref(), &order, 0.0, &mut Vec::new());
    search.support.sort_unstable();
    Ok(search.support)
}

/// `v_Q^T (H^-1_QQ)^-1 v_Q` for the complement `Q` of a support, by elimination.
pub(super) fn cost(v: &[f64], p: MatRef<'_, f64>, support: &[usize]) -> f64 {
    let (mut v, mut p) = (v.to_vec(), p.to_owned());
    let dropped: Vec<usize> = (0..v.len()).filter(|j| support.binary_search(j).is_err()).collect();
    let mut total = 0.0;
    for &at in &dropped {
        total += v[at] * v[at] / p[(at, at)];
        drop_entry(&mut v, &mut p, at);
    }
    total
}

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

struct Search {
    drops: usize,
    best: f64,
    support: Vec<usize>,
}

impl Search {
    /// Decides the first of the entries `names`, whose point and inverse, given what was dropped, are `v` and `p`.
    fn branch(&mut self, v: &[f64], p: MatRef<'_, f64>, names: &[usize], cost: f64, kept: &mut Vec<usize>) {
        let open = names.len();
        if self.drops == 0 {
            if cost < self.best {
                self.best = cost;
                self.support = kept.iter().chain(names).copied().collect();
            }
            return;
        }
        if self.drops > open {
            return;
        }
        // Keep it: its row stays out of what may be dropped, and the inverse of the rest is unchanged.
        if self.drops < open {
            kept.push(names[0]);
            self.branch(&v[1..], p.submatrix(1, 1, open - 1, open - 1), &names[1..], cost, kept);
            kept.pop();
        }
        let pivot = p[(0, 0)];
        let raised = cost + v[0] * v[0] / pivot;
        if raised < self.best {
            let rest =
                Mat::from_fn(open - 1, open - 1, |i, j| p[(i + 1, j + 1)] - p[(i + 1, 0)] * p[(j + 1, 0)] / pivot);
            let v: Vec<f64> = (1..open).map(|i| v[i] - v[0] / pivot * p[(i, 0)]).collect();
            self.drops -= 1;
            self.branch(&v, rest.as_ref(), &names[1..], raised, kept);
            self.drops += 1;
        }
    }
}
