//! Products `C += alpha A diag(s) A^T` of a matrix stored by columns with its transpose, the lower triangle only: `X^T
//! X`, and the update of the trailing submatrix in a Cholesky factorisation.
//!
//! Columns of A are copied into panels of the height, and of the width, of a register tile, so that a tile reads both
//! its factors contiguously (Goto, van de Geijn 2008). The blocks of C are then computed in parallel, [`DEPTH`] columns
//! at a time, so that a panel of the right factor stays in the first-level cache while the panels of the left factor
//! are streamed from the second. An entry of C is a sum over columns in order, in partial sums of `DEPTH` columns: its
//! value depends neither on the shape of the register tile, and so on the instruction set, nor on the distribution of C
//! over threads.

use super::Interrupt;
use crate::compute::{Job, Kernel, Pass, Simd};
use faer::{MatMut, MatRef};
use rayon::prelude::*;

/// Number of columns that are summed in registers before the sum is added to C.
const DEPTH: usize = 256;
/// Number of columns that are copied at a time, a multiple of `DEPTH`. Larger buffers take longer to be cleared by the system than
/// their copies save.
const COPIED_COLUMNS: usize = DEPTH;
/// Number of columns of A by which the copy prefetches.
const PREFETCH_DISTANCE: usize = 4;
/// The order of a block of C is a multiple of this, a common multiple of the heights and widths of all register tiles.
pub const GRAIN: usize = 48;
/// Entries of a cache line.
const LINE: usize = 8;
/// Entries of the largest register tile.
const TILE_ENTRIES: usize = 16 * 12;

/// Block (i, j), i >= j, of a square matrix that is divided into blocks.
pub struct MatrixBlock<'a> {
    /// Block row i.
    pub row: usize,
    /// Block column j.
    pub column: usize,
    /// The entries of the block.
    pub entries: MatMut<'a, f64>,
}

/// Adds `alpha A diag(s) A^T` to blocks of `side` rows and columns (the last may be smaller), for A (d, n) with
/// contiguous columns and scales s (n), or `s = 1` without. Entries above the diagonal in blocks on the diagonal may
/// not be updated. Ends early where a stop is requested.
///
/// # Panics
/// If `side` is not a multiple of [`GRAIN`], the number of scales is not n, or columns are not contiguous.
pub fn add_self_product(
    blocks: &mut [MatrixBlock<'_>],
    side: usize,
    alpha: f64,
    a: MatRef<'_, f64>,
    scale: Option<&[f64]>,
    interrupt: Interrupt<'_>,
) {
    assert!(side > 0 && side.is_multiple_of(GRAIN), "blocks of whole register tiles");
    assert!(scale.is_none_or(|s| s.len() == a.ncols()), "one scale per column");
    f64::dispatch(SelfProduct { blocks, side, alpha, a, scale, interrupt });
}

/// The arguments of [`add_self_product`].
struct SelfProduct<'a, 'b> {
    blocks: &'a mut [MatrixBlock<'b>],
    side: usize,
    alpha: f64,
    a: MatRef<'a, f64>,
    scale: Option<&'a [f64]>,
    interrupt: Interrupt<'a>,
}

impl Pass<f64> for SelfProduct<'_, '_> {
    fn run<S: Simd<f64>>(self, simd: S) {
        let (d, n) = (self.a.nrows(), self.a.ncols());
        let capacity = d.next_multiple_of(GRAIN) * n.min(COPIED_COLUMNS);
        let (mut left, mut right) = (vec![0.0; capacity + LINE], vec![0.0; capacity + LINE]);
        let (left, right) = (on_cache_lines(&mut left), on_cache_lines(&mut right));
        for first in (0..n).step_by(COPIED_COLUMNS) {
            let columns = COPIED_COLUMNS.min(n - first);
            let (a, scale) = (self.a.subcols(first, columns), self.scale.map(|s| &s[first..][..columns]));
            let chunk = self.side * columns;
            let copy = |(i, (left, right)): (usize, (&mut [f64], &mut [f64]))| {
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
fn on_cache_lines(values: &mut [f64]) -> &mut [f64] {
    let first = values.as_ptr().align_offset(LINE * size_of::<f64>()).min(LINE);
    &mut values[first..]
}

/// Copies the rows of a block into panels for both factors.
struct CopyPanels<'a> {
    from: MatRef<'a, f64>,
    scale: Option<&'a [f64]>,
    left: &'a mut [f64],
    right: &'a mut [f64],
}

impl Job<f64> for CopyPanels<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, simd: S) {
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
fn panels_from(all: &mut [f64], rows: usize, height: usize, first: usize) -> &mut [f64] {
    &mut all[rows.next_multiple_of(height) * first..]
}

/// Copies a matrix into panels of `height` rows, each stored column by column; the last panel is padded with zeros.
/// Columns are multiplied by their scales.
#[inline(always)]
fn copy_panels<S: Simd<f64>>(simd: S, from: MatRef<'_, f64>, scale: Option<&[f64]>, height: usize, to: &mut [f64]) {
    let depth = from.ncols();
    for k in 0..depth {
        let column = from.col(k).try_as_col_major().expect("columns are contiguous").as_slice();
        // Columns are far apart in memory, which defeats the hardware prefetcher.
        let next = from.as_ptr().wrapping_offset(from.col_stride() * (k + PREFETCH_DISTANCE) as isize);
        let scale = scale.map(|s| s[k]);
        for (p, part) in column.chunks(height).enumerate() {
            for line in (0..height).step_by(LINE) {
                simd.prefetch_line(next.wrapping_add(p * height + line));
            }
            let to = &mut to[(p * depth + k) * height..][..height];
            if part.len() == height && scale.is_none() {
                to.copy_from_slice(part);
                continue;
            }
            let scale = scale.unwrap_or(1.0);
            for (l, to) in to.iter_mut().enumerate() {
                *to = part.get(l).map_or(0.0, |v| scale * v);
            }
        }
    }
}

/// Adds the product of panels to a block.
struct Multiply<'a, 'b> {
    block: &'a mut MatrixBlock<'b>,
    alpha: f64,
    columns: usize,
    left: &'a [f64],
    right: &'a [f64],
}

impl Job<f64> for Multiply<'_, '_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, simd: S) {
        let (high, wide) = (PG * S::LANES, 2 * Q);
        let on_diagonal = self.block.row == self.block.column;
        let c = &mut self.block.entries;
        let (rows, columns) = (c.nrows().next_multiple_of(high), c.ncols().next_multiple_of(wide));
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
                        for line in (0..high).step_by(LINE) {
                            simd.prefetch_line(entries.wrapping_add(i * high + line));
                        }
                    }
                    let mut sums = [0.0; TILE_ENTRIES];
                    tile::<S, PG, Q>(simd, left, right, &mut sums);
                    for (sums, q) in sums.chunks_exact(high).zip(inside) {
                        let c = c
                            .as_mut()
                            .col_mut(q)
                            .try_as_col_major_mut()
                            .expect("columns are contiguous")
                            .as_slice_mut();
                        for (c, sum) in c[i * high..].iter_mut().zip(sums) {
                            *c += self.alpha * sum;
                        }
                    }
                }
            }
        }
    }
}

/// The product of a panel of the left factor and one of the right factor: a register tile, stored by columns.
#[inline(always)]
fn tile<S: Simd<f64>, const PG: usize, const Q: usize>(
    simd: S,
    left: &[f64],
    right: &[f64],
    out: &mut [f64; TILE_ENTRIES],
) {
    let mut sums = [[[simd.splat(0.0); PG]; 2]; Q];
    for (a, b) in left.chunks_exact(PG * S::LANES).zip(right.chunks_exact(2 * Q)) {
        let mut packs = [simd.splat(0.0); PG];
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
