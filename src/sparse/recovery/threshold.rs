//! Hard thresholding.

/// The `k` largest `|v_j|`, in increasing order of index; ties go to the lower index. O(d) on average.
pub fn largest(v: &[f64], k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..v.len()).collect();
    if k < order.len() {
        order.select_nth_unstable_by(k, |&a, &b| v[b].abs().total_cmp(&v[a].abs()).then(a.cmp(&b)));
        order.truncate(k);
        order.sort_unstable();
    }
    order
}

/// `T_k(v)`.
pub fn threshold(v: &[f64], k: usize) -> Vec<f64> {
    kept(v, &largest(v, k))
}

/// `v` on a support, 0 elsewhere.
pub(super) fn kept(v: &[f64], support: &[usize]) -> Vec<f64> {
    let mut w = vec![0.0; v.len()];
    for &j in support {
        w[j] = v[j];
    }
    w
}

/// The indices whose entries are not zero.
pub(super) fn support(w: &[f64]) -> Vec<usize> {
    (0..w.len()).filter(|&j| w[j] != 0.0).collect()
}
