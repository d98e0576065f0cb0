//! Kernels on a pack of columns of momenta. A row of the pack holds the values of all its columns at one momentum, so
//! that neighbours in the momentum are whole packs and every operation is the same for all columns.
//!
//! Contraction, convolution and kick are chained as streams of rows: each pulls the rows of its predecessor in order,
//! so that a column is read and written once.

// Neighbouring rows are indexed as in the formulas.
use super::transport::{PACK, flux_packs};
use crate::compute::Simd;

/// Ghost rows, zero, before the first and after the last row of a buffer.
pub(super) const GHOST_ROWS: usize = 2;

/// Output rows of a convolution with a sampled Gaussian that are accumulated together.
pub(super) const TILE: usize = 6;

/// The values of all columns of a pack at one momentum.
pub(super) type PackRow = [f64; PACK];

/// A stream of rows.
pub(super) trait RowSource<S: Simd<f64>> {
    /// Row `j`; called once for each row, in order.
    fn row(&mut self, j: usize) -> S::Pack;
}

/// The rows of a buffer.
pub(super) struct BufferRows<'a, S> {
    pub s: S,
    pub rows: &'a [PackRow],
}

impl<S: Simd<f64>> RowSource<S> for BufferRows<'_, S> {
    #[inline(always)]
    fn row(&mut self, j: usize) -> S::Pack {
        self.s.load(&self.rows[j])
    }
}

/// Writes a stream of rows into a buffer.
#[inline(always)]
pub(super) fn write_rows<S: Simd<f64>>(s: S, mut rows: impl RowSource<S>, out: &mut [PackRow]) {
    for (j, out) in out.iter_mut().enumerate() {
        s.store(rows.row(j), out);
    }
}

/// The source of a cell edge under a contraction: the point that is mapped to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SourceEdge {
    /// The node whose cell contains it.
    pub node: usize,
    /// The weights, for the neighbours -2 .. 2, of the mass of that cell below it.
    pub weights: [f64; 5],
}

/// The rows of a contraction.
///
/// Source edges are further apart than a spacing, so that a cell contains at most one of them, except at the ends.
/// **Limiter**: the mass of a cell below a source edge is at least what has already been taken from that cell and at
/// most the mass of the cell plus a quarter of the next one. No row becomes negative.
pub(super) struct Contracted<'a, S: Simd<f64>> {
    s: S,
    edges: &'a [SourceEdge],
    u: &'a [PackRow],
    node: usize,
    /// Minus the mass of the current cell above its source edge.
    carry: S::Pack,
}

impl<'a, S: Simd<f64>> Contracted<'a, S> {
    /// The contraction of `u` (n rows, and [`GHOST_ROWS`] zeros at both ends) by n + 1 source edges, the first of which
    /// has no mass below it.
    #[inline(always)]
    pub fn new(s: S, edges: &'a [SourceEdge], u: &'a [PackRow]) -> Self {
        let node = edges[0].node;
        Contracted { s, edges: &edges[1..], u, node, carry: s.sub(s.splat(0.0), s.load(&u[GHOST_ROWS + node])) }
    }
}

impl<S: Simd<f64>> RowSource<S> for Contracted<'_, S> {
    #[inline(always)]
    fn row(&mut self, j: usize) -> S::Pack {
        let Contracted { s, edges, u, node, carry } = self;
        let edge = &edges[j];
        let neighbours: &[PackRow; 5] = u[GHOST_ROWS - 2 + edge.node..].first_chunk().expect("five rows");
        let here = s.load(&neighbours[2]);
        if edge.node == *node {
            *carry = s.add(*carry, here);
        }
        for between in *node + 1..edge.node {
            *carry = s.sub(*carry, s.load(&u[GHOST_ROWS + between]));
        }
        *node = edge.node;
        let mut below = s.mul(s.splat(edge.weights[0]), s.load(&neighbours[0]));
        for q in 1..5 {
            below = s.fma(s.splat(edge.weights[q]), s.load(&neighbours[q]), below);
        }
        let upper = s.fma(s.splat(0.25), s.load(&neighbours[3]), here);
        let below = s.min(upper, s.max(*carry, below));
        let row = s.sub(below, *carry);
        *carry = s.sub(below, here);
        row
    }
}

/// The convolution of rows, reflected at both ends, with weights at distances 0 to 3.
pub(super) struct Convolved<S: Simd<f64>, R> {
    s: S,
    weights: [S::Pack; 4],
    n: usize,
    rows: R,
    /// Rows j - 3 to j + 3 around the last row j.
    neighbours: [S::Pack; 7],
}

impl<S: Simd<f64>, R: RowSource<S>> Convolved<S, R> {
    /// The convolution of n rows.
    #[inline(always)]
    pub fn new(s: S, weights: [f64; 4], n: usize, mut rows: R) -> Self {
        let [a, b, c] = std::array::from_fn(|j| rows.row(j));
        Convolved { s, weights: weights.map(|w| s.splat(w)), n, rows, neighbours: [c, c, b, a, a, b, c] }
    }
}

impl<S: Simd<f64>, R: RowSource<S>> RowSource<S> for Convolved<S, R> {
    #[inline(always)]
    fn row(&mut self, j: usize) -> S::Pack {
        let Convolved { s, weights: w, n, rows, neighbours } = self;
        let [_, a, b, c, d, e, f] = *neighbours;
        let g = match j + 3 {
            next if next < *n => rows.row(next),
            next if next == *n => f,
            next if next == *n + 1 => d,
            _ => b,
        };
        *neighbours = [a, b, c, d, e, f, g];
        let inner = s.fma(w[1], s.add(c, e), s.mul(w[0], d));
        s.fma(w[3], s.add(a, g), s.fma(w[2], s.add(b, f), inner))
    }
}

/// Reflects `rows` rows at both ends of the `n` rows that begin at `margin`.
#[inline(always)]
pub(super) fn mirror(u: &mut [PackRow], margin: usize, n: usize, rows: usize) {
    for k in 0..rows {
        u[margin - 1 - k] = u[margin + k];
        u[margin + n + k] = u[margin + n - 1 - k];
    }
}

/// Convolution of `u`, which begins `reach` rows before `out`, with the weights of a sampled Gaussian, padded by `TILE
/// - 1` zeros at both ends.
#[inline(always)]
pub(super) fn gaussian<S: Simd<f64>>(s: S, weights: &[f64], reach: usize, u: &[PackRow], out: &mut [PackRow]) {
    let taps = 2 * reach + TILE;
    for (tile, out) in out.chunks_exact_mut(TILE).enumerate() {
        let mut sums = [s.splat(0.0); TILE];
        let neighbours = &u[tile * TILE..tile * TILE + taps];
        // Output i of the tile receives row t with the weight of distance t - reach - i.
        for (u, weights) in neighbours.iter().zip(weights.windows(TILE)) {
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

/// Shifts every lane of n rows by its own distance in spacings and passes the resulting rows to `write`; mass that
/// would leave the box stays at its boundary. `shifted` is scratch for n + 1 rows.
#[inline(always)]
pub(super) fn kick<S: Simd<f64>>(
    s: S,
    distances: PackRow,
    n: usize,
    mut rows: impl RowSource<S>,
    shifted: &mut [PackRow],
    mut write: impl FnMut(usize, S::Pack),
) {
    let zero = s.splat(0.0);
    let floors = distances.map(f64::floor);
    let w = flux_packs(s, s.sub(s.load(&distances), s.load(&floors)));
    let whole_shifts = floors.map(|floor| (floor as isize).clamp(-(n as isize) - 1, n as isize + 1));
    let whole = whole_shifts[0];
    let uniform = whole_shifts == [whole; PACK] && whole.unsigned_abs() < n;
    // Nodes i - 2 to i + 2; the flux out of node i - 1, the mass beyond the boundary, and the row at the upper
    // boundary.
    let mut neighbours = [zero, zero, zero, rows.row(0), rows.row(1)];
    let (mut previous_flux, mut outside, mut last) = (zero, zero, zero);
    for i in 0..=n {
        let next = if i + 2 < n { rows.row(i + 2) } else { zero };
        neighbours = [neighbours[1], neighbours[2], neighbours[3], neighbours[4], next];
        let mut flux = s.mul(w[0], neighbours[0]);
        for q in 1..5 {
            flux = s.fma(w[q], neighbours[q], flux);
        }
        let flux = s.min(neighbours[2], s.max(zero, flux));
        let row = s.add(s.sub(neighbours[2], flux), previous_flux);
        previous_flux = flux;
        if !uniform {
            s.store(row, &mut shifted[i]);
            continue;
        }
        match i.wrapping_add_signed(whole) {
            to if to >= n => outside = s.add(outside, row),
            0 if whole < 0 => write(0, s.add(row, outside)),
            to => {
                last = row;
                write(to, row);
            }
        }
    }
    if !uniform {
        return write_lanes(s, whole_shifts, &shifted[..=n], write);
    }
    // Rows that receive no mass.
    (0..whole.max(0) as usize).chain(n.min((n + 1).wrapping_add_signed(whole))..n).for_each(|to| write(to, zero));
    if whole >= 0 {
        write(n - 1, s.add(last, outside));
    }
}

/// Writes the rows `shifted` (n + 1) where the lanes are shifted by different whole numbers of spacings.
#[inline(always)]
fn write_lanes<S: Simd<f64>>(
    s: S,
    whole_shifts: [isize; PACK],
    shifted: &[PackRow],
    mut write: impl FnMut(usize, S::Pack),
) {
    let n = shifted.len() - 1;
    let (zero, mut boundary) = (s.splat(0.0), [[0.0; PACK]; 2]);
    let mut distinct: Vec<(isize, S::Pack)> = Vec::with_capacity(PACK);
    for (l, &whole) in whole_shifts.iter().enumerate() {
        if !whole_shifts[..l].contains(&whole) {
            let lanes = whole_shifts.map(|other| f64::from(u8::from(other == whole)));
            distinct.push((whole, s.load(&lanes)));
        }
        // Mass beyond the boundaries stays at the boundary nodes.
        let low = &shifted[..whole.min(0).unsigned_abs()];
        let high = &shifted[(n as isize - whole).clamp(0, n as isize + 1) as usize..];
        boundary[0][l] = low.iter().map(|row| row[l]).sum();
        boundary[1][l] = high.iter().map(|row| row[l]).sum();
    }
    for to in 0..n {
        let mut sum = zero;
        for &(whole, lanes) in &distinct {
            if let Some(row) = shifted.get(to.wrapping_add_signed(-whole)) {
                sum = s.select_less(zero, lanes, s.load(row), sum);
            }
        }
        if to == 0 {
            sum = s.add(sum, s.load(&boundary[0]));
        }
        if to + 1 == n {
            sum = s.add(sum, s.load(&boundary[1]));
        }
        write(to, sum);
    }
}
