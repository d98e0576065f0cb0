//! Shifts that keep mass and sign: the conservative semi-Lagrangian step (Filbet, Sonnendruecker, Bertrand 2001, with a
//! reconstruction of order 5 instead of 3).
//!
//! A line of nodes moves by `m + a` spacings, `m` a whole number and `0 <= a < 1`. Between two nodes goes the flux
//!
//! ```text
//! F_i = W(1/2) - W(1/2 - a) = sum_q w_q(a) u_{i+q},  q = -2 .. 2,      u_{i+m} <- u_i - F_i + F_{i-1}
//! ```
//!
//! with `W` the interpolant of degree 5 of the sums of `u` at six edges around node i. Without the limiter it moves every
//! polynomial of degree 4 exactly, whether the unknowns are read as values at nodes or as averages over cells: the two differ
//! by an operation that shifts commute with.
//!
//! **Limiter.** `0 <= F_i <= u_i`: nothing leaves a node but what is there. So what is not negative stays so, mass is kept to
//! rounding, and where the interpolant is not negative nothing is changed, at smooth extrema in particular.
//!
//! **Walls.** What would leave the box stays at its last node: mass is kept, and a person is warned by
//! [`super::Density::edge_mass`].

use super::grid::{Density, Line};
use crate::network::kernel::{Job, Kernel, Parts, Pass, Simd, share};
use std::sync::Mutex;

/// Lanes of a pack of `f64`.
pub(super) const PACK: usize = 8;

/// Rows that are moved as one task: a function of nothing, so that sums over them are the same on any number of threads.
const ROWS: usize = 32;

/// A shift of a line of nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Whole spacings.
    pub whole: isize,
    /// Weights of the flux, for the neighbours -2 .. 2.
    pub weights: [f64; 5],
}

impl Shift {
    /// The shift by `distance` spacings.
    pub fn new(distance: f64) -> Self {
        let whole = distance.floor();
        Shift { whole: whole as isize, weights: flux_weights(distance - whole) }
    }
}

/// The weights of `int_{1/2 - a}^{1/2} p`, where p has the averages `u_{-2} .. u_2` over the cells around `-2 .. 2`.
pub fn flux_weights(a: f64) -> [f64; 5] {
    partial_weights(0.5 - a).map(|w| -w).zip_add([1.0, 1.0, 1.0, 0.0, 0.0])
}

/// The weights of `int_{-5/2}^x p`.
fn partial_weights(x: f64) -> [f64; 5] {
    const EDGES: [f64; 6] = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5];
    let lagrange =
        |k: usize| -> f64 { (0..6).filter(|&m| m != k).map(|m| (x - EDGES[m]) / (EDGES[k] - EDGES[m])).product() };
    // The sum at edge k holds the cells before it.
    let mut tail = 0.0;
    let mut weights = [0.0; 5];
    for q in (0..5).rev() {
        tail += lagrange(q + 1);
        weights[q] = tail;
    }
    weights
}

/// The weights of `int_{-1/2}^{-1/2 + part} p`: what is in the first part of a cell.
pub(super) fn part_weights(part: f64) -> [f64; 5] {
    partial_weights(part - 0.5).zip_add([-1.0, -1.0, 0.0, 0.0, 0.0])
}

trait ZipAdd {
    fn zip_add(self, other: Self) -> Self;
}

impl ZipAdd for [f64; 5] {
    fn zip_add(self, other: Self) -> Self {
        std::array::from_fn(|q| self[q] + other[q])
    }
}

/// The free flight of every row of a density over a time.
#[derive(Clone, Debug)]
pub struct Flight {
    shifts: Vec<Shift>,
    nodes: usize,
}

impl Flight {
    /// The flight over `time`: the row of momentum r moves by `r time`.
    pub fn new(theta: Line, momentum: Line, time: f64) -> Self {
        let shift = |j: usize| Shift::new(momentum.node(j) * time / theta.spacing());
        Flight { shifts: (0..momentum.nodes).map(shift).collect(), nodes: theta.nodes }
    }

    /// Moves the rows; writes the law of theta there into `rho` (nodes).
    pub fn apply(&self, density: &mut Density, rho: &mut [f64], threads: usize) {
        let tasks = self.shifts.len().div_ceil(ROWS);
        let mut partial = vec![0.0; tasks * self.nodes];
        let spacing = density.grid.momentum.spacing();
        let scratch: Vec<Mutex<Row>> = (0..threads.max(1)).map(|_| Mutex::default()).collect();
        f64::dispatch(Fly {
            flight: self,
            values: Parts::exclusive(&mut density.values),
            partial: Parts::exclusive(&mut partial),
            scratch: &scratch,
        });
        rho.fill(0.0);
        for partial in partial.chunks_exact(self.nodes) {
            rho.iter_mut().zip(partial).for_each(|(rho, p)| *rho += p);
        }
        rho.iter_mut().for_each(|rho| *rho *= spacing);
    }
}

/// Buffers of one row, a pack longer at both ends.
#[derive(Debug, Default)]
struct Row {
    padded: Vec<f64>,
    flux: Vec<f64>,
}

struct Fly<'a> {
    flight: &'a Flight,
    values: Parts<'a, f64>,
    partial: Parts<'a, f64>,
    scratch: &'a [Mutex<Row>],
}

impl Pass<f64> for Fly<'_> {
    fn run<S: Simd<f64>>(self, simd: S) {
        let Flight { shifts, nodes } = self.flight;
        share(self.scratch.len(), shifts.len().div_ceil(ROWS), &|task, thread| {
            let mut row = self.scratch[thread].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            row.padded.resize(nodes + 3 * PACK, 0.0);
            row.flux.resize(nodes + 3 * PACK, 0.0);
            let rows = task * ROWS..((task + 1) * ROWS).min(shifts.len());
            // SAFETY: a task's rows and its partial sums are its own.
            let (values, partial) = unsafe {
                let values = self.values.get_mut(rows.start * nodes..rows.end * nodes);
                (values, self.partial.get_mut(task * nodes..(task + 1) * nodes))
            };
            simd.vectorize(FlyRows { values, shifts: &shifts[rows], partial, row: &mut row });
        });
    }
}

struct FlyRows<'a> {
    values: &'a mut [f64],
    shifts: &'a [Shift],
    partial: &'a mut [f64],
    row: &'a mut Row,
}

impl Job<f64> for FlyRows<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        let FlyRows { values, shifts, partial, row: Row { padded, flux } } = self;
        let n = partial.len();
        let zero = s.splat(0.0);
        for (row, shift) in values.chunks_exact_mut(n).zip(shifts) {
            padded[PACK..PACK + n].copy_from_slice(row);
            let w = shift.weights.map(|w| s.splat(w));
            for i in (0..n).step_by(PACK) {
                // Neighbours -2 .. 2 of the pack at i.
                let near: &[f64; 4 + PACK] = padded[PACK + i - 2..].first_chunk().expect("a margin");
                let mut f = s.mul(w[0], s.load(&near[..]));
                for q in 1..5 {
                    f = s.fma(w[q], s.load(&near[q..]), f);
                }
                let limited = s.min(s.load(&near[2..]), s.max(zero, f));
                s.store(limited, &mut flux[PACK + i..]);
            }
            // `padded` becomes what is moved: nodes 0 ..= n, the last of which holds what crossed the upper edge.
            for i in (0..n + PACK).step_by(PACK) {
                let left = s.sub(s.load(&padded[PACK + i..]), s.load(&flux[PACK + i..]));
                s.store(s.add(left, s.load(&flux[PACK + i - 1..])), &mut padded[PACK + i..]);
            }
            settle(&padded[PACK..PACK + n + 1], shift.whole, row);
            padded[PACK + n..].fill(0.0);
            for (sum, v) in partial.chunks_exact_mut(PACK).zip(row.chunks_exact(PACK)) {
                s.store(s.add(s.load(sum), s.load(v)), sum);
            }
        }
    }
}

/// Puts `moved` (n + 1) down `whole` nodes further on; what falls outside stays at the walls.
#[inline(always)]
pub(super) fn settle(moved: &[f64], whole: isize, row: &mut [f64]) {
    let n = row.len() as isize;
    let first = (-whole).clamp(0, n + 1);
    let end = (n - whole).clamp(first, n + 1);
    let (first_to, end_to) = ((first + whole).clamp(0, n), (end + whole).clamp(0, n));
    row[..first_to as usize].fill(0.0);
    row[end_to as usize..].fill(0.0);
    row[first_to as usize..end_to as usize].copy_from_slice(&moved[first as usize..end as usize]);
    row[0] += moved[..first as usize].iter().sum::<f64>();
    row[n as usize - 1] += moved[end as usize..].iter().sum::<f64>();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_move_polynomials_of_degree_four_exactly() {
        for a in [0.0, 0.1, 0.5, 0.77, 1.0] {
            let w = flux_weights(a);
            for degree in 0..5 {
                let primitive = |x: f64| x.powi(degree + 1) / f64::from(degree + 1);
                let average = |q: f64| primitive(q + 0.5) - primitive(q - 0.5);
                let flux: f64 = w.iter().enumerate().map(|(q, w)| w * average(q as f64 - 2.0)).sum();
                let exact = primitive(0.5) - primitive(0.5 - a);
                assert!((flux - exact).abs() < 1e-13, "a = {a}, degree {degree}: {flux} {exact}");
            }
        }
        assert_eq!(flux_weights(0.0).map(|w| w.abs() < 1e-15), [true; 5]);
    }

    #[test]
    fn walls_keep_what_would_leave() {
        let moved = [1.0, 2.0, 3.0, 4.0, 0.5];
        let mut row = [9.0; 4];
        settle(&moved, 0, &mut row);
        assert_eq!(row, [1.0, 2.0, 3.0, 4.5]);
        settle(&moved, 2, &mut row);
        assert_eq!(row, [0.0, 0.0, 1.0, 9.5]);
        settle(&moved, -3, &mut row);
        assert_eq!(row, [10.0, 0.5, 0.0, 0.0]);
        settle(&moved, 100, &mut row);
        assert_eq!(row, [0.0, 0.0, 0.0, 10.5]);
        settle(&moved, -100, &mut row);
        assert_eq!(row, [10.5, 0.0, 0.0, 0.0]);
    }
}
