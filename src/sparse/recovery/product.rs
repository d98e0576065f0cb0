//! Products `C += alpha A diag(s) A^T` of a matrix stored by columns with its transpose, the lower triangle only: `X^T
//! X`, and the update of the trailing submatrix in a Cholesky factorisation.
//!
//! Columns of A are copied into panels of the height, and of the width, of a register tile, so that a tile reads both
//! its factors contiguously (Goto, van de Geijn 2008). The blocks of C are then computed in parallel, [`DEPTH`] columns
//! at a time, so that a panel of the right factor stays in the first-level cache while the panels of the left factor
//! are streamed from the second. An entry of C is a sum over columns in order, in partial sums of `DEPTH` columns: its
//! value depends neither on the shape of the register tile, and so on the instruction set, nor on the distribution of C
//! over threads. C is in double precision; A, the register tiles and their partial sums may be in single precision.

use super::Interrupt;
use crate::compute::{Job, Pass, Real, Simd};
use faer::{MatMut, MatRef};
use rayon::prelude::*;

/// Number of columns that are summed in registers before the sum is added to C.
const DEPTH: usize = 256;
/// Largest number of columns that are copied at a time, a multiple of `DEPTH`: a block of C is updated with all of them
/// while it is in the second-level cache.
const MOST_COPIED: usize = 4 * DEPTH;
/// Number of columns of A by which the copy prefetches.
const PREFETCH_DISTANCE: usize = 4;
/// The order of a block of C is a multiple of this, a common multiple of the heights and widths of all register tiles in
/// double precision.
pub const GRAIN: usize = 48;
/// Bytes of a cache line.
const LINE: usize = 64;
/// Entries of the largest register tile, which is one in single precision.
const TILE_ENTRIES: usize = 32 * 12;

/// The same as [`GRAIN`] for a factor of type `R`: tiles in single precision are twice as high.
pub const fn grain<R>() -> usize {
    GRAIN * size_of::<f64>() / size_of::<R>()
}

/// Block (i, j), i >= j, of a square matrix that is divided into blocks.
pub struct MatrixBlock<'a> {
    /// Block row i.
    pub row: usize,
    /// Block column j.
    pub column: usize,
    /// The entries of the block.
    pub entries: MatMut<'a, f64>,
}

/// The copies of a factor in panels. Kept between products, they are not cleared by the system again.
pub struct PanelCopies<R> {
    columns: usize,
    left: Vec<R>,
    right: Vec<R>,
}

impl<R: Real> PanelCopies<R> {
    /// For one product. Larger copies take longer to be cleared than they save.
    pub fn once() -> Self {
        PanelCopies { columns: DEPTH, left: Vec::new(), right: Vec::new() }
    }

    /// For several products.
    pub fn kept() -> Self {
        PanelCopies { columns: MOST_COPIED, ..PanelCopies::once() }
    }

    /// Both copies, with at least so many entries.
    fn sized(&mut self, entries: usize) -> (&mut [R], &mut [R]) {
        for copy in [&mut self.left, &mut self.right] {
            if copy.len() < entries {
                // Not `resize`, which would copy.
                *copy = vec![R::zero(); entries];
            }
        }
        (&mut self.left, &mut self.right)
    }
}

/// Adds `alpha A diag(s) A^T` to blocks of `side` rows and columns (the last may be smaller), for A (d, n) with
/// contiguous columns and scales s (n), or `s = 1` without. Entries above the diagonal in blocks on the diagonal may
/// not be updated. Ends early where a stop is requested.
///
/// # Panics
/// If `side` is not a multiple of [`grain`], the number of scales is not n, or columns are not contiguous.
pub fn add_self_product<R: Real>(
    blocks: &mut [MatrixBlock<'_>],
    side: usize,
    alpha: f64,
    a: MatRef<'_, R>,
    scale: Option<&[R]>,
    copies: &mut PanelCopies<R>,
    interrupt: Interrupt<'_>,
) {
    assert!(side > 0 && side.is_multiple_of(grain::<R>()), "blocks of whole register tiles");
    assert!(scale.is_none_or(|s| s.len() == a.ncols()), "one scale per column");
    R::dispatch(SelfProduct { blocks, side, alpha, a, scale, copies, interrupt });
}

/// The arguments of [`add_self_product`].
struct SelfProduct<'a, 'b, R> {
    blocks: &'a mut [MatrixBlock<'b>],
    side: usize,
    alpha: f64,
    a: MatRef<'a, R>,
    scale: Option<&'a [R]>,
    copies: &'a mut PanelCopies<R>,
    interrupt: Interrupt<'a>,
}

impl<R: Real> Pass<R> for SelfProduct<'_, '_, R> {
    fn run<S: Simd<R>>(self, simd: S) {
        let (d, n) = (self.a.nrows(), self.a.ncols());
        let copied = self.copies.columns;
        let capacity = d.next_multiple_of(grain::<R>()) * n.min(copied);
        let (left, right) = self.copies.sized(capacity + LINE / size_of::<R>());
        let (left, right) = (on_cache_lines(left), on_cache_lines(right));
        for first in (0..n).step_by(copied) {
            let columns = copied.min(n - first);
            let (a, scale) = (self.a.subcols(first, columns), self.scale.map(|s| &s[first..][..columns]));
            let chunk = self.side * columns;
            let copy = |(i, (left, right)): (usize, (&mut [R], &mut [R]))| {
                if i * self.side < d {
                    let rows = self.side.min(d - i * self.side);
                    simd.vectorize(CopyPanels { from: a.subrows(i * self.side, rows), scale, left, right });
                }
            };
            if d <= self.side {
                copy((0, (left, right)));
            } else {
                let chunks = left.par_chunks_mut(chunk).zip(right.par_chunks_mut(chunk));
                chunks.enumerate().with_max_len(1).for_each(copy);
            }
            let multiply = |block: &mut MatrixBlock<'_>| {
                if self.interrupt.requested() {
                    return;
                }
                let (left, right) = (&left[block.row * chunk..], &right[block.column * chunk..]);
                simd.vectorize(Multiply { block, alpha: self.alpha, columns, left, right });
            };
            if self.blocks.len() == 1 {
                self.blocks.iter_mut().for_each(multiply);
            } else {
                self.blocks.par_iter_mut().with_max_len(1).for_each(multiply);
            }
        }
    }
}

/// The part of a slice that begins at its first cache-line boundary.
fn on_cache_lines<R>(values: &mut [R]) -> &mut [R] {
    let first = values.as_ptr().align_offset(LINE).min(LINE / size_of::<R>());
    &mut values[first..]
}

/// Copies the rows of a block into panels for both factors.
struct CopyPanels<'a, R> {
    from: MatRef<'a, R>,
    scale: Option<&'a [R]>,
    left: &'a mut [R],
    right: &'a mut [R],
}

impl<R: Real> Job<R> for CopyPanels<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, simd: S) {
        for first in (0..self.from.ncols()).step_by(DEPTH) {
            let depth = DEPTH.min(self.from.ncols() - first);
            let from = self.from.subcols(first, depth);
            copy_panels(simd, from, None, PG * S::LANES, panels_from(self.left, from.nrows(), PG * S::LANES, first));
            copy_panels(
                simd,
                from,
                self.scale.map(|s| &s[first..]),
                2 * Q,
                panels_from(self.right, from.nrows(), 2 * Q, first),
            );
        }
    }
}

/// The part of a panel buffer that holds the columns from `first` on, for blocks of `rows` rows in panels of `height`
/// rows.
fn panels_from<R>(all: &mut [R], rows: usize, height: usize, first: usize) -> &mut [R] {
    &mut all[rows.next_multiple_of(height) * first..]
}

/// Copies a matrix into panels of `height` rows, each stored column by column; the last panel is padded with zeros.
/// Columns are multiplied by their scales.
#[inline(always)]
fn copy_panels<R: Real, S: Simd<R>>(simd: S, from: MatRef<'_, R>, scale: Option<&[R]>, height: usize, to: &mut [R]) {
    let depth = from.ncols();
    for k in 0..depth {
        let column = from.col(k).try_as_col_major().expect("columns are contiguous").as_slice();
        // Columns are far apart in memory, which defeats the hardware prefetcher.
        let next = from.as_ptr().wrapping_offset(from.col_stride() * (k + PREFETCH_DISTANCE) as isize);
        let scale = scale.map(|s| s[k]);
        for (p, part) in column.chunks(height).enumerate() {
            for line in (0..height).step_by(LINE / size_of::<R>()) {
                simd.prefetch_line(next.wrapping_add(p * height + line));
            }
            let to = &mut to[(p * depth + k) * height..][..height];
            if part.len() == height && scale.is_none() {
                to.copy_from_slice(part);
                continue;
            }
            let scale = scale.unwrap_or(R::one());
            for (l, to) in to.iter_mut().enumerate() {
                *to = part.get(l).map_or(R::zero(), |v| scale * *v);
            }
        }
    }
}

/// Adds the product of panels to a block.
struct Multiply<'a, 'b, R> {
    block: &'a mut MatrixBlock<'b>,
    alpha: f64,
    columns: usize,
    left: &'a [R],
    right: &'a [R],
}

impl<R: Real> Job<R> for Multiply<'_, '_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, simd: S) {
        let (high, wide) = (PG * S::LANES, 2 * Q);
        let on_diagonal = self.block.row == self.block.column;
        let c = &mut self.block.entries;
        let (rows, columns) = (c.nrows().next_multiple_of(high), c.ncols().next_multiple_of(wide));
        let mut sums = [R::zero(); TILE_ENTRIES];
        for first in (0..self.columns).step_by(DEPTH) {
            let depth = DEPTH.min(self.columns - first);
            let (left, right) =
                (&self.left[rows * first..][..rows * depth], &self.right[columns * first..][..columns * depth]);
            for (j, right) in right.chunks_exact(wide * depth).enumerate() {
                for (i, left) in left.chunks_exact(high * depth).enumerate() {
                    // The tile is entirely above the diagonal.
                    if on_diagonal && (i + 1) * high <= j * wide {
                        continue;
                    }
                    let inside = j * wide..c.ncols().min((j + 1) * wide);
                    // Prefetches the entries of C that the sums will be added to.
                    for q in inside.clone() {
                        let entries = c.as_ref().as_ptr().wrapping_offset(c.col_stride() * q as isize);
                        for line in (0..high).step_by(LINE / size_of::<f64>()) {
                            simd.prefetch_line(entries.wrapping_add(i * high + line).cast());
                        }
                    }
                    tile::<R, S, PG, Q>(simd, left, right, &mut sums);
                    for (sums, q) in sums.chunks_exact(high).zip(inside) {
                        let c = c
                            .as_mut()
                            .col_mut(q)
                            .try_as_col_major_mut()
                            .expect("columns are contiguous")
                            .as_slice_mut();
                        for (c, sum) in c[i * high..].iter_mut().zip(sums) {
                            *c += self.alpha * sum.to_f64();
                        }
                    }
                }
            }
        }
    }
}

/// The product of a panel of the left factor and one of the right factor: a register tile, stored by columns.
#[inline(always)]
fn tile<R: Real, S: Simd<R>, const PG: usize, const Q: usize>(
    simd: S,
    left: &[R],
    right: &[R],
    out: &mut [R; TILE_ENTRIES],
) {
    let mut sums = [[[simd.splat(R::zero()); PG]; 2]; Q];
    for (a, b) in left.chunks_exact(PG * S::LANES).zip(right.chunks_exact(2 * Q)) {
        let mut packs = [simd.splat(R::zero()); PG];
        for g in 0..PG {
            packs[g] = simd.load(&a[g * S::LANES..]);
        }
        for q in 0..Q {
            for half in 0..2 {
                let b = simd.splat(b[2 * q + half]);
                for g in 0..PG {
                    sums[q][half][g] = simd.fma(packs[g], b, sums[q][half][g]);
                }
            }
        }
    }
    for (pack, out) in sums.as_flattened().as_flattened().iter().zip(out.chunks_exact_mut(S::LANES)) {
        simd.store(*pack, out);
    }
}
