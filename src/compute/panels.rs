//! Products of a matrix that is used many times and rows of another one: `out_t += A x_t`.
//!
//! The matrix is kept in panels of three packs of rows, each stored term by term, so that a register tile reads it
//! contiguously; the rows `x_t` are read where they are. A product is summed over [`DEPTH`] terms in registers, and these
//! sums are added to the result in order: an entry depends neither on the shape of the register tile, and so on the
//! instruction set, nor on the number of rows that are computed together.

use super::{Job, Real, Simd};

/// Packs of rows of a panel.
const PACKS: usize = 3;
/// Terms that are summed in registers before the sum is added to the result.
const DEPTH: usize = 256;
/// Panels that are multiplied with all rows before the next ones, so that they stay in the second-level cache.
const PANELS: usize = 8;
/// Entries of the largest register tile.
const TILE_ENTRIES: usize = 48 * 8;

/// A matrix (rows, terms) in panels.
#[derive(Clone, Debug, Default)]
pub struct Panels<R> {
    rows: usize,
    terms: usize,
    /// (panel, term, row of the panel); the rows behind the last are zero.
    values: Vec<R>,
}

/// Rows of equal length within a slice, `stride` apart.
#[derive(Clone, Copy)]
pub struct StridedRows<'a, R> {
    /// From the first entry of the first row on.
    pub values: &'a [R],
    /// Entries between the beginnings of rows.
    pub stride: usize,
}

impl<R: Real> Panels<R> {
    /// Rows of a panel.
    const fn height() -> usize {
        PACKS * R::PACK
    }

    /// The matrix with these rows of `terms` entries.
    pub fn of_rows(from: StridedRows<'_, R>, rows: usize, terms: usize) -> Self {
        let mut panels = Panels::default();
        panels.set_rows(from, rows, terms);
        panels
    }

    /// The matrix with these columns of `rows` entries.
    pub fn of_columns(from: StridedRows<'_, R>, rows: usize, terms: usize) -> Self {
        let mut panels = Panels::default();
        panels.set_columns(from, rows, terms);
        panels
    }

    /// Replaces the matrix by that of [`Panels::of_rows`].
    pub fn set_rows(&mut self, from: StridedRows<'_, R>, rows: usize, terms: usize) {
        self.resize(rows, terms);
        let height = Self::height();
        for row in 0..rows {
            let panel = &mut self.values[row / height * height * terms..][..height * terms];
            let entries = panel.iter_mut().skip(row % height).step_by(height);
            entries.zip(&from.values[row * from.stride..][..terms]).for_each(|(to, v)| *to = *v);
        }
    }

    /// Replaces the matrix by that of [`Panels::of_columns`].
    pub fn set_columns(&mut self, from: StridedRows<'_, R>, rows: usize, terms: usize) {
        self.resize(rows, terms);
        let height = Self::height();
        for (index, panel) in self.values.chunks_exact_mut(height * terms).enumerate() {
            let width = height.min(rows - index * height);
            for (term, to) in panel.chunks_exact_mut(height).enumerate() {
                to[..width].copy_from_slice(&from.values[term * from.stride + index * height..][..width]);
            }
        }
    }

    fn resize(&mut self, rows: usize, terms: usize) {
        assert!(rows > 0 && terms > 0, "a matrix with entries");
        let entries = rows.next_multiple_of(Self::height()) * terms;
        if (self.rows, self.terms) != (rows, terms) {
            self.values.clear();
            self.values.resize(entries, R::zero());
            (self.rows, self.terms) = (rows, terms);
        }
    }

    /// Adds the products with `count` rows `x` (terms) to as many rows of `out`, `stride` apart.
    ///
    /// # Panics
    /// If a slice is shorter than its rows.
    pub fn add_products(&self, x: StridedRows<'_, R>, count: usize, out: &mut [R], stride: usize) {
        if count == 0 {
            return;
        }
        assert!(x.values.len() >= (count - 1) * x.stride + self.terms, "rows of all terms");
        assert!(out.len() >= (count - 1) * stride + self.rows && stride >= self.rows, "rows of the result");
        R::vectorize(PanelProduct { panels: self, x, count, out, stride });
    }
}

/// The arguments of [`Panels::add_products`].
struct PanelProduct<'a, R> {
    panels: &'a Panels<R>,
    x: StridedRows<'a, R>,
    count: usize,
    out: &'a mut [R],
    stride: usize,
}

impl<R: Real> Job<R> for PanelProduct<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, simd: S) {
        // Tiles of eight rows: the addresses of twelve do not fit the registers.
        if PG > 1 { self.products::<S, PACKS, 4>(simd) } else { self.products::<S, PG, Q>(simd) }
    }
}

impl<R: Real> PanelProduct<'_, R> {
    /// The products by tiles of `PG` packs and `2 Q` rows.
    #[inline(always)]
    fn products<S: Simd<R>, const PG: usize, const Q: usize>(self, simd: S) {
        let PanelProduct { panels, x, count, out, stride } = self;
        let (rows, terms, height) = (panels.rows, panels.terms, PACKS * S::LANES);
        let all = panels.values.len() / (height * terms);
        let mut sums = [R::zero(); TILE_ENTRIES];
        for first in (0..terms).step_by(DEPTH) {
            let depth = DEPTH.min(terms - first);
            for group in (0..all).step_by(PANELS) {
                for at in (0..count).step_by(2 * Q) {
                    // Rows behind the last are computed as the last, and not written.
                    let row = |r: usize| &x.values[(at + r).min(count - 1) * x.stride + first..][..depth];
                    let mut of_tile = [[row(0); 2]; Q];
                    for q in 0..Q {
                        of_tile[q] = [row(2 * q), row(2 * q + 1)];
                    }
                    let written = (2 * Q).min(count - at);
                    for panel in group..all.min(group + PANELS) {
                        let values = &panels.values[(panel * terms + first) * height..][..depth * height];
                        let packs = (rows - panel * height).div_ceil(S::LANES).min(PACKS);
                        let mut pack = 0;
                        while pack < packs {
                            let begin = pack * S::LANES;
                            let taken = match packs - pack {
                                1 => tile::<R, S, 1, Q>(simd, values, begin, &of_tile, &mut sums),
                                2 if PG > 2 => tile::<R, S, 2, Q>(simd, values, begin, &of_tile, &mut sums),
                                _ => tile::<R, S, PG, Q>(simd, values, begin, &of_tile, &mut sums),
                            };
                            let column = panel * height + begin;
                            let width = (taken * S::LANES).min(rows - column);
                            for (r, sums) in sums.chunks_exact(taken * S::LANES).take(written).enumerate() {
                                add_row(simd, sums, &mut out[(at + r) * stride + column..][..width]);
                            }
                            pack += taken;
                        }
                    }
                }
            }
        }
    }
}

/// Adds sums to a part of a row of the result, which may be shorter.
#[inline(always)]
fn add_row<R: Real, S: Simd<R>>(simd: S, sums: &[R], out: &mut [R]) {
    if out.len() < sums.len() {
        return out.iter_mut().zip(sums).for_each(|(out, sum)| *out += *sum);
    }
    for (sums, out) in sums.chunks_exact(S::LANES).zip(out.chunks_exact_mut(S::LANES)) {
        simd.store(simd.add(simd.load(out), simd.load(sums)), out);
    }
}

/// The sums over the terms of a panel, from row `first` of the panel on, and rows: a register tile, stored row by row. Returns
/// its packs.
#[inline(always)]
fn tile<R: Real, S: Simd<R>, const PG: usize, const Q: usize>(
    simd: S,
    panel: &[R],
    first: usize,
    rows: &[[&[R]; 2]; Q],
    out: &mut [R; TILE_ENTRIES],
) -> usize {
    let mut sums = [[[simd.splat(R::zero()); PG]; 2]; Q];
    let height = PACKS * S::LANES;
    assert!(rows.as_flattened().iter().all(|row| row.len() == panel.len() / height));
    for (term, entries) in panel.chunks_exact(height).enumerate() {
        let mut packs = [simd.splat(R::zero()); PG];
        for g in 0..PG {
            packs[g] = simd.load(&entries[first + g * S::LANES..]);
        }
        for q in 0..Q {
            for half in 0..2 {
                // SAFETY: every row has as many entries as the panel has terms, by the assertion.
                let x = simd.splat(unsafe { *rows[q][half].get_unchecked(term) });
                for g in 0..PG {
                    sums[q][half][g] = simd.fma(packs[g], x, sums[q][half][g]);
                }
            }
        }
    }
    for (pack, out) in sums.as_flattened().as_flattened().iter().zip(out.chunks_exact_mut(S::LANES)) {
        simd.store(*pack, out);
    }
    PG
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::compute::simd::{Avx2, Avx512, Portable};

    /// Adds the products on every instruction set that the processor has; all must agree.
    fn on_every_set<R: Real>(panels: &Panels<R>, x: StridedRows<'_, R>, count: usize, out: &mut [R], stride: usize)
    where
        Portable: Simd<R>,
        Avx2: Simd<R>,
        Avx512: Simd<R>,
    {
        let before = out.to_vec();
        Portable.vectorize(PanelProduct { panels, x, count, out: &mut *out, stride });
        let agrees = |run: &dyn Fn(PanelProduct<'_, R>)| {
            let mut other = before.clone();
            run(PanelProduct { panels, x, count, out: &mut other, stride });
            assert!(other == out);
        };
        Avx2::detect().inspect(|simd| agrees(&|product| simd.vectorize(product)));
        Avx512::detect().inspect(|simd| agrees(&|product| simd.vectorize(product)));
    }

    /// Whole numbers, so that all sums are exact: every entry, and nothing beside the result.
    fn agrees<R: Real>()
    where
        Portable: Simd<R>,
        Avx2: Simd<R>,
        Avx512: Simd<R>,
    {
        let value = |i: usize| R::of(((i * 37 + 11) % 23) as f64 - 11.0);
        for (rows, terms, count) in
            [(1, 1, 1), (7, 3, 2), (16, 5, 13), (31, 256, 12), (32, 257, 11), (33, 600, 5), (300, 30, 25), (65, 9, 24)]
        {
            let (x_stride, stride) = (terms + 2, rows + 3);
            let matrix: Vec<R> = (0..rows * terms).map(value).collect();
            let transposed: Vec<R> = (0..rows * terms).map(|i| matrix[i % rows * terms + i / rows]).collect();
            let x: Vec<R> = (0..count * x_stride).map(|i| value(3 * i + 1)).collect();
            let x = StridedRows { values: &x, stride: x_stride };
            let by_rows = Panels::of_rows(StridedRows { values: &matrix, stride: terms }, rows, terms);
            let by_columns = Panels::of_columns(StridedRows { values: &transposed, stride: rows }, rows, terms);
            assert!(by_rows.values == by_columns.values);
            let mut out: Vec<R> = (0..count * stride).map(|i| value(5 * i)).collect();
            on_every_set(&by_rows, x, count, &mut out, stride);
            for (at, found) in out.iter().enumerate() {
                let (t, r) = (at / stride, at % stride);
                let product = |k: usize| matrix[r * terms + k].to_f64() * x.values[t * x_stride + k].to_f64();
                let sum = if r < rows { (0..terms).map(product).sum() } else { 0.0 };
                assert_eq!(found.to_f64(), value(5 * at).to_f64() + sum, "{rows} {terms} {count}: {t} {r}");
            }
        }
    }

    #[test]
    fn products_are_those_of_the_matrix_for_every_shape() {
        agrees::<f32>();
        agrees::<f64>();
    }

    /// With fractions, whose sums are rounded, all instruction sets with a fused multiply-add agree to the bit, and with the
    /// exact sum to its rounding; a matrix that is replaced by a smaller one leaves nothing.
    #[test]
    fn rounded_products_do_not_depend_on_the_instruction_set() {
        let (rows, terms, count) = (50, 700, 17);
        let value = |i: usize| (i as f32 * 0.618_034).fract() - 0.4;
        let matrix: Vec<f32> = (0..rows * terms).map(value).collect();
        let x: Vec<f32> = (0..count * terms).map(|i| value(7 * i + 3)).collect();
        let rows_of_x = StridedRows { values: &x, stride: terms };
        let mut panels = Panels::of_rows(StridedRows { values: &x, stride: 900 }, 13, 900);
        panels.set_rows(StridedRows { values: &matrix, stride: terms }, rows, terms);
        let (Some(avx2), Some(avx512)) = (Avx2::detect(), Avx512::detect()) else { return };
        let (mut one, mut other) = (vec![0.0; count * rows], vec![0.0; count * rows]);
        avx2.vectorize(PanelProduct { panels: &panels, x: rows_of_x, count, out: &mut one, stride: rows });
        avx512.vectorize(PanelProduct { panels: &panels, x: rows_of_x, count, out: &mut other, stride: rows });
        assert!(one == other);
        for (at, found) in one.iter().enumerate() {
            let (t, r) = (at / rows, at % rows);
            let products = (0..terms).map(|k| f64::from(matrix[r * terms + k]) * f64::from(x[t * terms + k]));
            let (sum, size) = products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()));
            assert!((f64::from(*found) - sum).abs() < 260.0 * f64::powi(2.0, -24) * size, "{t} {r}");
        }
    }
}
