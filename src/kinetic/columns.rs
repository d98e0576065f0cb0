//! What happens to a pack of columns of momenta: rows of the column are packs, so that neighbours in the momentum are whole packs and
//! every operation is on all columns alike.
//!
//! Contraction, convolution and kick are chained: each asks the one before for its next row, and a column is read and written once.

// Neighbouring rows are indexed as on paper.
#![allow(clippy::needless_range_loop)]

use super::transport::{PACK, flux_packs};
use crate::compute::Simd;

/// Free rows before a buffer's first and after its last.
pub(super) const LEAD: usize = 2;

/// Rows that a convolution with a sampled Gaussian works on together.
pub(super) const TILE: usize = 6;

/// The same momentum in all columns of a pack.
pub(super) type Lanes = [f64; PACK];

/// Rows in order.
pub(super) trait Rows<S: Simd<f64>> {
    /// Row `j`; asked for once, one after the other.
    fn row(&mut self, j: usize) -> S::Pack;
}

/// Rows of a buffer.
pub(super) struct Plain<'a, S> {
    pub s: S,
    pub rows: &'a [Lanes],
}

impl<S: Simd<f64>> Rows<S> for Plain<'_, S> {
    #[inline(always)]
    fn row(&mut self, j: usize) -> S::Pack {
        self.s.load(&self.rows[j])
    }
}

/// Writes rows into a buffer.
#[inline(always)]
pub(super) fn collect<S: Simd<f64>>(s: S, mut rows: impl Rows<S>, out: &mut [Lanes]) {
    for (j, out) in out.iter_mut().enumerate() {
        s.store(rows.row(j), out);
    }
}

/// A target edge of a contraction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// The node that its source is in.
    pub node: usize,
    /// The weights of what is below the source in that node.
    pub weights: [f64; 5],
}

/// A contraction.
///
/// Sources are further apart than a spacing, so that a node is cut at most once but for those beyond the ends. **Limiter**:
/// a target keeps something of what lies between its cuts, and below a cut is at most its node and a quarter of the next, which
/// that one can spare: so nothing becomes negative.
pub(super) struct Contracted<'a, S: Simd<f64>> {
    s: S,
    cuts: &'a [Cut],
    u: &'a [Lanes],
    node: usize,
    /// What of the node is above the cut, times -1.
    owed: S::Pack,
}

impl<'a, S: Simd<f64>> Contracted<'a, S> {
    /// Of `u` (n, [`LEAD`] zeros more at both ends) by n + 1 cuts, the first of which has nothing below it.
    #[inline(always)]
    pub fn new(s: S, cuts: &'a [Cut], u: &'a [Lanes]) -> Self {
        let node = cuts[0].node;
        Contracted { s, cuts: &cuts[1..], u, node, owed: s.sub(s.splat(0.0), s.load(&u[LEAD + node])) }
    }
}

impl<S: Simd<f64>> Rows<S> for Contracted<'_, S> {
    #[inline(always)]
    fn row(&mut self, j: usize) -> S::Pack {
        let Contracted { s, cuts, u, node, owed } = self;
        let cut = &cuts[j];
        let near: &[Lanes; 5] = u[LEAD - 2 + cut.node..].first_chunk().expect("five rows");
        let here = s.load(&near[2]);
        if cut.node == *node {
            *owed = s.add(*owed, here);
        }
        for between in *node + 1..cut.node {
            *owed = s.sub(*owed, s.load(&u[LEAD + between]));
        }
        *node = cut.node;
        let mut below = s.mul(s.splat(cut.weights[0]), s.load(&near[0]));
        for q in 1..5 {
            below = s.fma(s.splat(cut.weights[q]), s.load(&near[q]), below);
        }
        let most = s.fma(s.splat(0.25), s.load(&near[3]), here);
        let below = s.min(most, s.max(*owed, below));
        let row = s.sub(below, *owed);
        *owed = s.sub(below, here);
        row
    }
}

/// A convolution with weights at distances 0 to 3 of rows that are mirrored at both ends.
pub(super) struct Convolved<S: Simd<f64>, R> {
    s: S,
    weights: [S::Pack; 4],
    n: usize,
    rows: R,
    /// Rows j - 3 to j + 3 of the last j.
    near: [S::Pack; 7],
}

impl<S: Simd<f64>, R: Rows<S>> Convolved<S, R> {
    /// Of n rows.
    #[inline(always)]
    pub fn new(s: S, weights: [f64; 4], n: usize, mut rows: R) -> Self {
        let [a, b, c] = std::array::from_fn(|j| rows.row(j));
        Convolved { s, weights: weights.map(|w| s.splat(w)), n, rows, near: [c, c, b, a, a, b, c] }
    }
}

impl<S: Simd<f64>, R: Rows<S>> Rows<S> for Convolved<S, R> {
    #[inline(always)]
    fn row(&mut self, j: usize) -> S::Pack {
        let Convolved { s, weights: w, n, rows, near } = self;
        let [_, a, b, c, d, e, f] = *near;
        let g = match j + 3 {
            next if next < *n => rows.row(next),
            next if next == *n => f,
            next if next == *n + 1 => d,
            _ => b,
        };
        *near = [a, b, c, d, e, f, g];
        let inner = s.fma(w[1], s.add(c, e), s.mul(w[0], d));
        s.fma(w[3], s.add(a, g), s.fma(w[2], s.add(b, f), inner))
    }
}

/// Reflects `rows` rows at both ends of the `n` from `margin` on.
#[inline(always)]
pub(super) fn mirror(u: &mut [Lanes], margin: usize, n: usize, rows: usize) {
    for k in 0..rows {
        u[margin - 1 - k] = u[margin + k];
        u[margin + n + k] = u[margin + n - 1 - k];
    }
}

/// Convolution of `u`, which begins `reach` rows before `out`, with the weights of a sampled Gaussian.
#[inline(always)]
pub(super) fn gaussian<S: Simd<f64>>(s: S, weights: &[f64], reach: usize, u: &[Lanes], out: &mut [Lanes]) {
    let taps = 2 * reach + TILE;
    for (tile, out) in out.chunks_exact_mut(TILE).enumerate() {
        let mut sums = [s.splat(0.0); TILE];
        let near = &u[tile * TILE..tile * TILE + taps];
        // Output i of the tile takes row t with the weight of distance t - reach - i.
        for (u, weights) in near.iter().zip(weights.windows(TILE)) {
            let u = s.load(u);
            for i in 0..TILE {
                sums[i] = s.fma(u, s.splat(weights[TILE - 1 - i]), sums[i]);
            }
        }
        for (sum, out) in sums.into_iter().zip(out) {
            s.store(sum, out);
        }
    }
}

/// Shifts every lane of n rows by its own distance in spacings and gives the rows to `put`; what would leave stays at the walls.
/// `moved` is room for n + 1 rows.
#[inline(always)]
pub(super) fn kick<S: Simd<f64>>(
    s: S,
    distances: Lanes,
    n: usize,
    mut rows: impl Rows<S>,
    moved: &mut [Lanes],
    mut put: impl FnMut(usize, S::Pack),
) {
    let zero = s.splat(0.0);
    let floors = distances.map(f64::floor);
    let w = flux_packs(s, s.sub(s.load(&distances), s.load(&floors)));
    let wholes = floors.map(|floor| (floor as isize).clamp(-(n as isize) - 1, n as isize + 1));
    let whole = wholes[0];
    let alike = wholes == [whole; PACK] && whole.unsigned_abs() < n;
    // Nodes i - 2 to i + 2, what has left node i - 1, what is beyond the wall, and what is at the upper one.
    let mut near = [zero, zero, zero, rows.row(0), rows.row(1)];
    let (mut before, mut outside, mut edge) = (zero, zero, zero);
    for i in 0..=n {
        let next = if i + 2 < n { rows.row(i + 2) } else { zero };
        near = [near[1], near[2], near[3], near[4], next];
        let mut flux = s.mul(w[0], near[0]);
        for q in 1..5 {
            flux = s.fma(w[q], near[q], flux);
        }
        let flux = s.min(near[2], s.max(zero, flux));
        let row = s.add(s.sub(near[2], flux), before);
        before = flux;
        if !alike {
            s.store(row, &mut moved[i]);
            continue;
        }
        match i.wrapping_add_signed(whole) {
            to if to >= n => outside = s.add(outside, row),
            0 if whole < 0 => put(0, s.add(row, outside)),
            to => {
                edge = row;
                put(to, row);
            }
        }
    }
    if !alike {
        return scatter(s, wholes, &moved[..=n], put);
    }
    // Rows that nothing came to.
    (0..whole.max(0) as usize).chain(n.min((n + 1).wrapping_add_signed(whole))..n).for_each(|to| put(to, zero));
    if whole >= 0 {
        put(n - 1, s.add(edge, outside));
    }
}

/// Puts down what is moved (n + 1), every lane its own whole number of spacings further on.
#[inline(always)]
fn scatter<S: Simd<f64>>(s: S, wholes: [isize; PACK], moved: &[Lanes], mut put: impl FnMut(usize, S::Pack)) {
    let n = moved.len() - 1;
    let (zero, mut stays) = (s.splat(0.0), [[0.0; PACK]; 2]);
    let mut different: Vec<(isize, S::Pack)> = Vec::with_capacity(PACK);
    for (l, &whole) in wholes.iter().enumerate() {
        if !wholes[..l].contains(&whole) {
            let lanes = wholes.map(|other| f64::from(u8::from(other == whole)));
            different.push((whole, s.load(&lanes)));
        }
        // What falls outside stays at the walls.
        let low = &moved[..whole.min(0).unsigned_abs()];
        let high = &moved[(n as isize - whole).clamp(0, n as isize + 1) as usize..];
        stays[0][l] = low.iter().map(|row| row[l]).sum();
        stays[1][l] = high.iter().map(|row| row[l]).sum();
    }
    for to in 0..n {
        let mut sum = zero;
        for &(whole, lanes) in &different {
            if let Some(row) = moved.get(to.wrapping_add_signed(-whole)) {
                sum = s.select_less(zero, lanes, s.load(row), sum);
            }
        }
        if to == 0 {
            sum = s.add(sum, s.load(&stays[0]));
        }
        if to + 1 == n {
            sum = s.add(sum, s.load(&stays[1]));
        }
        put(to, sum);
    }
}
