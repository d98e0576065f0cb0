//! The product of a small matrix and rows of columns: `out_r += sum_k c_rk row_k`, with the columns in the lanes.

use super::{Job, Simd};

/// The operands of a product of a matrix (rows, terms) and a matrix (terms, columns).
///
/// The coefficients are packed in pairs of rows, `[row / 2][term][row % 2]`; an odd last row is padded. The number of
/// columns is a multiple of [`Simd::LANES`]. Every sum is taken in the order of the terms, so that the result depends
/// neither on the instruction set nor on the size of the register tiles.
pub struct RowProduct<'a> {
    /// Packed coefficients, (ceil(rows / 2), terms).
    pub coefficients: &'a [[f64; 2]],
    /// The terms, (terms, columns) row-major.
    pub terms: &'a [f64],
    /// The product, (rows, columns) row-major.
    pub out: &'a mut [f64],
    /// Number of columns.
    pub columns: usize,
    /// Whether the product is added to `out`; otherwise it replaces it.
    pub accumulate: bool,
}

impl Job<f64> for RowProduct<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        // Three packs read fewer coefficients than two, and a coefficient that is used once is no faster.
        if PG > 1 { self.register_tiles::<S, 3, 4>(s) } else { self.register_tiles::<S, PG, Q>(s) }
    }
}

impl RowProduct<'_> {
    /// The product by tiles of `2 Q` rows and `PG` packs of columns. The terms of a tile, which all rows use in turn,
    /// stay in the first-level cache.
    #[inline(always)]
    fn register_tiles<S: Simd<f64>, const PG: usize, const Q: usize>(mut self, s: S) {
        let columns = self.columns;
        assert!(columns.is_multiple_of(S::LANES) && columns > 0 && self.terms.len().is_multiple_of(columns));
        let (count, rows) = (self.terms.len() / columns, self.out.len() / columns);
        assert!(self.out.len() == rows * columns && self.coefficients.len() == rows.div_ceil(2) * count);
        let mut first = 0;
        while first < columns {
            let packs = (columns - first) / S::LANES;
            // Two tiles of two packs rather than one of three and one of one.
            let take = if PG == 3 && packs == 4 { 2 } else { packs.min(PG) };
            match take {
                1 => self.all_rows::<S, 1, Q>(s, first),
                2 if PG > 2 => self.all_rows::<S, 2, Q>(s, first),
                _ => self.all_rows::<S, PG, Q>(s, first),
            }
            first += take * S::LANES;
        }
    }

    /// `PG` packs of columns, from column `first` on.
    #[inline(always)]
    fn all_rows<S: Simd<f64>, const PG: usize, const Q: usize>(&mut self, s: S, first: usize) {
        let pairs = self.coefficients.len() / (self.terms.len() / self.columns);
        let (mut pair, mut tiles) = (0, pairs.div_ceil(Q));
        while pair < pairs {
            // As equal as possible: a last tile of one pair would wait for its own sums.
            let take = (pairs - pair).div_ceil(tiles);
            tiles -= 1;
            match take {
                1 => self.tile::<S, PG, 1>(s, first, pair),
                2 if Q > 2 => self.tile::<S, PG, 2>(s, first, pair),
                3 if Q > 3 => self.tile::<S, PG, 3>(s, first, pair),
                _ => self.tile::<S, PG, Q>(s, first, pair),
            }
            pair += take;
        }
    }

    /// `PG` packs of columns of `2 Q` rows (one fewer at an odd end), from column `first` and row `2 pair` on.
    #[inline(always)]
    fn tile<S: Simd<f64>, const PG: usize, const Q: usize>(&mut self, s: S, first: usize, pair: usize) {
        let RowProduct { coefficients, terms, columns, accumulate, .. } = *self;
        let count = terms.len() / columns;
        let rows = self.out.len() / columns;
        let out = &mut self.out[2 * pair * columns..rows.min(2 * (pair + Q)) * columns];
        let mut sum = [[[s.splat(0.0); PG]; 2]; Q];
        if accumulate {
            for (r, row) in out.chunks_exact(columns).enumerate() {
                for i in 0..PG {
                    sum[r / 2][r % 2][i] = s.load(&row[first + i * S::LANES..]);
                }
            }
        }
        let mut of_pair = [&coefficients[..count]; Q];
        for q in 0..Q {
            of_pair[q] = &coefficients[(pair + q) * count..(pair + q + 1) * count];
        }
        assert!(first + PG * S::LANES <= columns);
        for (k, row) in terms.chunks_exact(columns).enumerate() {
            // SAFETY: the range is within the row, by the assertion.
            let row = unsafe { row.get_unchecked(first..first + PG * S::LANES) };
            let mut term = [s.splat(0.0); PG];
            for i in 0..PG {
                term[i] = s.load(&row[i * S::LANES..]);
            }
            for q in 0..Q {
                // SAFETY: there are `count` terms, and as many coefficients in every slice.
                let coefficients = unsafe { of_pair[q].get_unchecked(k) };
                for t in 0..2 {
                    let c = s.splat(coefficients[t]);
                    for i in 0..PG {
                        sum[q][t][i] = s.fma(c, term[i], sum[q][t][i]);
                    }
                }
            }
        }
        for (r, row) in out.chunks_exact_mut(columns).enumerate() {
            for i in 0..PG {
                s.store(sum[r / 2][r % 2][i], &mut row[first + i * S::LANES..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::simd::Portable;
    #[cfg(target_arch = "x86_64")]
    use crate::compute::simd::{Avx2, Avx512};

    /// Computes a product on every instruction set that the processor has; all must agree.
    fn on_every_set(coefficients: &[[f64; 2]], terms: &[f64], out: &mut [f64], columns: usize, accumulate: bool) {
        let before = out.to_vec();
        Portable.vectorize(RowProduct { coefficients, terms, out: &mut *out, columns, accumulate });
        let agrees = |run: &dyn Fn(RowProduct<'_>)| {
            let mut other = before.clone();
            run(RowProduct { coefficients, terms, out: &mut other, columns, accumulate });
            assert_eq!(other, out);
        };
        #[cfg(target_arch = "x86_64")]
        {
            Avx2::detect().inspect(|simd| agrees(&|product| simd.vectorize(product)));
            Avx512::detect().inspect(|simd| agrees(&|product| simd.vectorize(product)));
        }
    }

    #[test]
    fn agrees_with_the_sum_for_every_shape() {
        let shapes = [(1_usize, 1, 8), (3, 5, 16), (8, 7, 24), (13, 3, 40), (23, 4, 32), (30, 2, 56), (25, 4, 72)];
        for (rows, count, columns) in shapes {
            let value = |i: usize| ((i * 37 + 11) % 101) as f64 - 50.0;
            let matrix = |r: usize, k: usize| value(r * count + k);
            let mut coefficients = vec![[0.0; 2]; rows.div_ceil(2) * count];
            for r in 0..rows {
                for k in 0..count {
                    coefficients[r / 2 * count + k][r % 2] = matrix(r, k);
                }
            }
            let terms: Vec<f64> = (0..count * columns).map(value).collect();
            for accumulate in [false, true] {
                let mut out = vec![3.0; rows * columns];
                on_every_set(&coefficients, &terms, &mut out, columns, accumulate);
                for (r, row) in out.chunks_exact(columns).enumerate() {
                    for (c, &found) in row.iter().enumerate() {
                        let sum: f64 = (0..count).map(|k| matrix(r, k) * terms[k * columns + c]).sum();
                        assert_eq!(found, sum + if accumulate { 3.0 } else { 0.0 }, "{rows} {count} {columns} {r} {c}");
                    }
                }
            }
        }
    }
}
