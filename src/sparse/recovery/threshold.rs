//! Hard thresholding.

/// The indices of the `k` largest `|v_j|`, increasing; ties go to the lower index. O(d) on average.
pub fn largest_entries(v: &[f64], k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..v.len()).collect();
    if k < order.len() {
        order.select_nth_unstable_by(k, |&a, &b| v[b].abs().total_cmp(&v[a].abs()).then(a.cmp(&b)));
        order.truncate(k);
        order.sort_unstable();
    }
    order
}

/// Hard thresholding `T_k(v)`: the `k` largest `|v_j|` are kept, the others set to 0.
pub fn hard_threshold(v: &[f64], k: usize) -> Vec<f64> {
    restricted(v, &largest_entries(v, k))
}

/// `v` (d) on a support, 0 elsewhere.
pub(super) fn restricted(v: &[f64], support: &[usize]) -> Vec<f64> {
    let mut w = vec![0.0; v.len()];
    for &j in support {
        w[j] = v[j];
    }
    w
}

/// The support of `w`: the indices of its nonzero entries, increasing.
pub(super) fn support(w: &[f64]) -> Vec<usize> {
    (0..w.len()).filter(|&j| w[j] != 0.0).collect()
}
