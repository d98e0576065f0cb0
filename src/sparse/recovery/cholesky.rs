//! Tiled Cholesky factorisation: a single tile for small matrices; for large ones the tiles of a step are computed in
//! parallel. The tiling depends on the order of the matrix only, and so does every rounding error.

use super::Interrupt;
use super::dense::column_blocks;
use super::product::{GRAIN, MatrixBlock, PanelCopies, add_self_product};
use crate::compute::profile::{self, WorkCounts, WorkKind};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{LltParams, cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, ColMut, Mat, MatMut, MatRef, Par, Spec};
use rayon::prelude::*;

/// Rows and columns of a tile.
const TILE: usize = 5 * GRAIN;

/// Error of a factorisation: the matrix is not positive definite, or singular to rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPositive;

/// The factorisation `A = C C^T` with `C` lower triangular, stored in tiles: `tiles[i][j]` is block (i, j), j <= i.
pub struct Cholesky {
    order: usize,
    tiles: Vec<Vec<Mat<f64>>>,
}

impl Cholesky {
    /// Factors `a + shift I`; only the lower triangle of `a` is read.
    ///
    /// # Errors
    /// [`NotPositive`] where a pivot is not positive, or below the rounding error of the largest diagonal entry, and
    /// where a stop is requested.
    pub fn new(a: MatRef<'_, f64>, shift: f64, interrupt: Interrupt<'_>) -> Result<Self, NotPositive> {
        let order = a.nrows();
        let _timed =
            profile::pass(WorkKind::Products, || WorkCounts::of::<f64>(order * order * order / 3, 0, order * order));
        let count = order.div_ceil(TILE);
        let side = |i: usize| TILE.min(order - i * TILE);
        let mut tiles: Vec<Vec<Mat<f64>>> = (0..count)
            .map(|i| (0..=i).map(|j| a.submatrix(i * TILE, j * TILE, side(i), side(j)).to_owned()).collect())
            .collect();
        for (i, row) in tiles.iter_mut().enumerate() {
            for j in 0..side(i) {
                row[i][(j, j)] += shift;
            }
        }
        let scale = (0..order).map(|j| a[(j, j)] + shift).fold(0.0, f64::max);
        let smallest_pivot = scale * f64::EPSILON * order.max(8) as f64;
        for step in 0..count {
            let diagonal = &mut tiles[step][step];
            factor(diagonal.as_mut())?;
            let singular = |pivot: f64| pivot.is_nan() || pivot <= smallest_pivot;
            if interrupt.requested() || (0..side(step)).any(|j| singular(diagonal[(j, j)].powi(2))) {
                return Err(NotPositive);
            }
            if step + 1 == count {
                break;
            }
            let (finished, rest) = tiles.split_at_mut(step + 1);
            let diagonal = finished[step][step].as_ref();
            // The tiles below the diagonal one, as one matrix.
            let mut panel = Mat::zeros(order - (step + 1) * TILE, TILE);
            let mut parts = column_blocks(panel.as_mut().transpose_mut(), TILE);
            rest.par_iter_mut().zip(&mut parts).for_each(|(row, part)| {
                let part = part.as_mut();
                solve_lower_triangular_in_place(diagonal, row[step].as_mut().transpose_mut(), Par::Seq);
                part.transpose_mut().copy_from(&row[step]);
            });
            let mut trailing: Vec<MatrixBlock<'_>> = rest
                .iter_mut()
                .enumerate()
                .flat_map(|(row, tiles)| {
                    let trailing = tiles[step + 1..].iter_mut().enumerate();
                    trailing.map(move |(column, tile)| MatrixBlock { row, column, entries: tile.as_mut() })
                })
                .collect();
            let copies = &mut PanelCopies::once();
            add_self_product(&mut trailing, TILE, -1.0, panel.as_ref(), None, copies, interrupt);
        }
        Ok(Cholesky { order, tiles })
    }

    /// Replaces `b` by `A^-1 b`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn solve(&self, b: &mut [f64]) {
        assert_eq!(b.len(), self.order, "one entry per row");
        self.solve_from(ColMut::from_slice_mut(b).as_mat_mut(), 0);
    }

    /// Replaces the columns of `b` by those of `A^-1 b`.
    ///
    /// # Panics
    /// If the numbers of rows differ.
    pub fn solve_columns(&self, b: MatMut<'_, f64>) {
        assert_eq!(b.nrows(), self.order, "one row per row of the matrix");
        if b.ncols() <= TILE {
            return self.solve_from(b, 0);
        }
        column_blocks(b, TILE).into_par_iter().with_max_len(1).for_each(|block| self.solve_from(block, 0));
    }

    /// Solves for the columns of a block whose rows in the tiles before `first` are zero; these rows of the result are
    /// not computed.
    fn solve_from(&self, mut b: MatMut<'_, f64>, first: usize) {
        let count = self.tiles.len();
        let side = |i: usize| TILE.min(self.order - i * TILE);
        for i in first..count {
            let (above, mut here) = b.rb_mut().split_at_row_mut(i * TILE);
            let mut here = here.rb_mut().subrows_mut(0, side(i));
            for j in first..i {
                let solved = above.rb().subrows(j * TILE, side(j));
                matmul(here.rb_mut(), Accum::Add, self.tiles[i][j].as_ref(), solved, -1.0, Par::Seq);
            }
            solve_lower_triangular_in_place(self.tiles[i][i].as_ref(), here, Par::Seq);
        }
        for i in (first..count).rev() {
            let (above, below) = b.rb_mut().split_at_row_mut((i * TILE + side(i)).min(self.order));
            let mut here = above.subrows_mut(i * TILE, side(i));
            let from = i * TILE + side(i);
            for j in i + 1..count {
                let solved = below.rb().subrows(j * TILE - from, side(j));
                matmul(here.rb_mut(), Accum::Add, self.tiles[j][i].as_ref().transpose(), solved, -1.0, Par::Seq);
            }
            solve_upper_triangular_in_place(self.tiles[i][i].as_ref().transpose(), here, Par::Seq);
        }
    }

    /// The inverse `A^-1`, with both triangles, exactly symmetric. Incomplete where a stop was requested.
    pub fn inverse(&self, interrupt: Interrupt<'_>) -> Mat<f64> {
        let order = self.order;
        let _timed = profile::pass(WorkKind::Products, || {
            WorkCounts::of::<f64>(2 * order * order * order / 3, 0, 2 * order * order)
        });
        let count = self.tiles.len();
        let side = |i: usize| TILE.min(self.order - i * TILE);
        let block = |i: usize| {
            let mut columns = Mat::zeros(self.order, side(i));
            for j in 0..side(i) {
                columns[(i * TILE + j, j)] = 1.0;
            }
            if !interrupt.requested() {
                self.solve_from(columns.as_mut(), i);
            }
            columns
        };
        let blocks: Vec<Mat<f64>> =
            if count == 1 { vec![block(0)] } else { (0..count).into_par_iter().with_max_len(1).map(block).collect() };
        let mut inverse = Mat::zeros(self.order, self.order);
        for (i, columns) in blocks.into_iter().enumerate() {
            inverse.as_mut().subcols_mut(i * TILE, side(i)).copy_from(columns);
        }
        // Only the lower triangle was computed. The elimination relies on an exactly symmetric inverse.
        super::dense::mirror(&mut inverse);
        inverse
    }
}

/// Factors a tile in place.
fn factor(a: MatMut<'_, f64>) -> Result<(), NotPositive> {
    let parameters = Spec::<LltParams, f64>::default();
    let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(a.nrows(), Par::Seq, parameters));
    cholesky_in_place(a, Default::default(), Par::Seq, MemStack::new(&mut memory), parameters)
        .map(|_| ())
        .map_err(|_| NotPositive)
}
