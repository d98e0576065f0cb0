//! The product of a small matrix and rows of columns: `out_r += sum_k c_rk row_k`, with the columns in the lanes.

use super::{Job, Pass, Simd};

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
        let RowProduct { coefficients, terms, out, columns, accumulate } = self;
        assert!(columns.is_multiple_of(S::LANES) && columns > 0 && terms.len().is_multiple_of(columns));
        let count = terms.len() / columns;
        let rows = out.len() / columns;
        assert!(out.len() == rows * columns && coefficients.len() == rows.div_ceil(2) * count);
        let mut pair = 0;
        while 2 * pair < rows {
            let take = (rows.div_ceil(2) - pair).min(Q);
            let tile = RowTile {
                coefficients: &coefficients[pair * count..(pair + take) * count],
                terms,
                out: &mut out[2 * pair * columns..rows.min(2 * (pair + take)) * columns],
                columns,
                accumulate,
            };
            // A small register tile for the last rows.
            match take {
                1 => tile.all_columns::<S, PG, 1>(s),
                2 if Q > 2 => tile.all_columns::<S, PG, 2>(s),
                3 if Q > 3 => tile.all_columns::<S, PG, 3>(s),
                4 if Q > 4 => tile.all_columns::<S, PG, 4>(s),
                5 if Q > 5 => tile.all_columns::<S, PG, 5>(s),
                _ => tile.all_columns::<S, PG, Q>(s),
            }
            pair += take;
        }
    }
}

impl Pass<f64> for RowProduct<'_> {
    fn run<S: Simd<f64>>(self, simd: S) {
        simd.vectorize(self);
    }
}

/// `2 Q` rows of a product, or one fewer.
struct RowTile<'a> {
    coefficients: &'a [[f64; 2]],
    terms: &'a [f64],
    out: &'a mut [f64],
    columns: usize,
    accumulate: bool,
}

impl RowTile<'_> {
    #[inline(always)]
    fn all_columns<S: Simd<f64>, const PG: usize, const Q: usize>(mut self, s: S) {
        let mut first = 0;
        while first + PG * S::LANES <= self.columns {
            self.group::<S, PG, Q>(s, first);
            first += PG * S::LANES;
        }
        while first < self.columns {
            self.group::<S, 1, Q>(s, first);
            first += S::LANES;
        }
    }

    /// `PG` packs of columns, from column `first` on.
    #[inline(always)]
    fn group<S: Simd<f64>, const PG: usize, const Q: usize>(&mut self, s: S, first: usize) {
        let columns = self.columns;
        let count = self.terms.len() / columns;
        let mut sum = [[[s.splat(0.0); PG]; 2]; Q];
        if self.accumulate {
            for (r, row) in self.out.chunks_exact(columns).enumerate() {
                for i in 0..PG {
                    sum[r / 2][r % 2][i] = s.load(&row[first + i * S::LANES..]);
                }
            }
        }
        let mut coefficients = [&self.coefficients[..count]; Q];
        for q in 1..Q {
            coefficients[q] = &self.coefficients[q * count..(q + 1) * count];
        }
        for (k, row) in self.terms.chunks_exact(columns).enumerate().take(count) {
            let row = &row[first..first + PG * S::LANES];
            let mut term = [s.splat(0.0); PG];
            for i in 0..PG {
                term[i] = s.load(&row[i * S::LANES..]);
            }
            for q in 0..Q {
                for t in 0..2 {
                    let c = s.splat(coefficients[q][k][t]);
                    for i in 0..PG {
                        sum[q][t][i] = s.fma(c, term[i], sum[q][t][i]);
                    }
                }
            }
        }
        for (r, row) in self.out.chunks_exact_mut(columns).enumerate() {
            for i in 0..PG {
                s.store(sum[r / 2][r % 2][i], &mut row[first + i * S::LANES..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::Kernel;

    #[test]
    fn agrees_with_the_sum_for_every_shape() {
        for (rows, count, columns) in [(1_usize, 1, 8), (3, 5, 16), (12, 7, 24), (13, 3, 40), (25, 4, 72)] {
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
                f64::dispatch(RowProduct {
                    coefficients: &coefficients,
                    terms: &terms,
                    out: &mut out,
                    columns,
                    accumulate,
                });
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
