//! Shifts that conserve mass and positivity: the conservative semi-Lagrangian step (Filbet, Sonnendruecker, Bertrand
//! 2001, with a reconstruction of order 5 instead of 3).
//!
//! A row of nodes is shifted by `m + a` spacings, `m` an integer and `0 <= a < 1`. The flux between two nodes is
//!
//! ```text
//! F_i = W(1/2) - W(1/2 - a) = sum_q w_q(a) u_{i+q},  q = -2 .. 2,      u_{i+m} <- u_i - F_i + F_{i-1}
//! ```
//!
//! with `W` the interpolant of degree 5 of the sums of `u` at six edges around node i. Without the limiter it shifts
//! every polynomial of degree 4 exactly, whether the unknowns are read as values at nodes or as averages over cells:
//! the two differ by an operation that commutes with shifts.
//!
//! **Limiter.** `0 <= F_i <= u_i`: the flux out of a node does not exceed its value. Nonnegative values remain
//! nonnegative, mass is conserved to rounding, and the limiter is inactive where the interpolant is nonnegative, at
//! smooth extrema in particular.
//!
//! **Boundaries.** Mass that would leave the box stays at its last node: mass is conserved, and
//! [`super::Density::edge_mass`] measures the mass near the edges.

use super::grid::{Density, GridAxis};
use crate::compute::{Job, Kernel, Pass, Simd, for_each_chunk_pair};
use std::ops::Range;
use std::sync::Mutex;

/// Lanes of a pack of `f64`.
pub(super) const PACK: usize = 8;

/// Rows of a task: a constant, so that sums over rows do not depend on the number of threads.
const ROWS: usize = 32;

/// A shift of a row of nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shift {
    /// Whole spacings m.
    whole: isize,
    /// Weights of the flux, for the neighbours -2 .. 2.
    weights: [f64; 5],
}

impl Shift {
    /// The shift by `distance` spacings.
    fn new(distance: f64) -> Self {
        let whole = distance.floor();
        Shift { whole: whole as isize, weights: flux_weights(distance - whole) }
    }
}

/// The weights of `int_{1/2 - a}^{1/2} p`, where p has the averages `u_{-2} .. u_2` over the cells around `-2 .. 2`.
fn flux_weights(a: f64) -> [f64; 5] {
    partial_weights(0.5 - a).map(|w| -w).zip_add([1.0, 1.0, 1.0, 0.0, 0.0])
}

/// The weights of `int_{-5/2}^x p`.
fn partial_weights(x: f64) -> [f64; 5] {
    derivative_weights(x, [1.0, 0.0, 0.0])
}

/// The weights of `sum_m c_m P^(2m)(x)`, P the integral of p from -5/2: its value, and its second and fourth
/// derivatives.
fn derivative_weights(x: f64, c: [f64; 3]) -> [f64; 5] {
    CUMULATIVE.map(|a| {
        let derivative = |m: usize| (m..6).rev().fold(0.0, |sum, i| sum * x + a[i] * falling_factorial(i, m));
        c[0] * derivative(0) + c[1] * derivative(2) + c[2] * derivative(4)
    })
}

/// The weights of [`flux_weights`] for a fraction per lane.
#[inline(always)]
pub(super) fn flux_packs<S: Simd<f64>>(s: S, a: S::Pack) -> [S::Pack; 5] {
    let x = s.sub(s.splat(0.5), a);
    std::array::from_fn(|q| {
        let horner = |sum, a: &f64| s.fma(sum, x, s.splat(*a));
        let below = CUMULATIVE[q][..5].iter().rev().fold(s.splat(CUMULATIVE[q][5]), horner);
        s.sub(s.splat(if q < 3 { 1.0 } else { 0.0 }), below)
    })
}

/// Coefficients, in increasing order of powers, of the weights of `int_{-5/2}^x p` as polynomials in x.
const CUMULATIVE: [[f64; 6]; 5] = cumulative_coefficients();

const fn cumulative_coefficients() -> [[f64; 6]; 5] {
    const EDGES: [f64; 6] = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5];
    let mut cumulative_coefficients = [[0.0; 6]; 5];
    // Lagrange interpolation: the polynomial of edge k is 1 there and 0 at the other edges, and cell k - 1 contributes
    // to the cumulated sums at the edges from k on.
    let mut k = 5;
    while k > 0 {
        let mut a = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let mut m = 0;
        while m < 6 {
            if m != k {
                let mut i = 6;
                while i > 0 {
                    i -= 1;
                    a[i] = (if i > 0 { a[i - 1] } else { 0.0 } - EDGES[m] * a[i]) / (EDGES[k] - EDGES[m]);
                }
            }
            m += 1;
        }
        let mut i = 0;
        while i < 6 {
            cumulative_coefficients[k - 1][i] = if k < 5 { cumulative_coefficients[k][i] + a[i] } else { a[i] };
            i += 1;
        }
        k -= 1;
    }
    cumulative_coefficients
}

/// `i (i - 1) .. (i - m + 1)`.
fn falling_factorial(i: usize, m: usize) -> f64 {
    (0..m).map(|k| (i - k) as f64).product()
}

/// The weights of the mass in the first `part` of a cell, plus `second` and `fourth` times the second and fourth
/// derivatives of the cumulated mass there.
pub(super) fn cell_part_weights(part: f64, second: f64, fourth: f64) -> [f64; 5] {
    derivative_weights(part - 0.5, [1.0, second, fourth]).zip_add([-1.0, -1.0, 0.0, 0.0, 0.0])
}

/// Addition of arrays entry by entry.
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
    /// The flight over `time`: the row of momentum r is shifted by `r time`.
    pub fn new(theta: GridAxis, momentum: GridAxis, time: f64) -> Self {
        let shift = |j: usize| Shift::new(momentum.node(j) * time / theta.spacing());
        Flight { shifts: (0..momentum.nodes).map(shift).collect(), nodes: theta.nodes }
    }

    /// Shifts the rows, and writes the law of theta afterwards into `rho` (nodes of theta).
    pub fn apply(&self, density: &mut Density, rho: &mut [f64], threads: usize) {
        let tasks = self.shifts.len().div_ceil(ROWS);
        let mut partial = vec![0.0; tasks * self.nodes];
        let spacing = density.grid.momentum.spacing();
        let scratch: Vec<Mutex<Vec<f64>>> = (0..threads.max(1)).map(|_| Mutex::default()).collect();
        f64::dispatch(FlightPass {
            flight: self,
            values: &mut density.values,
            partial: &mut partial,
            scratch: &scratch,
        });
        rho.fill(0.0);
        for partial in partial.chunks_exact(self.nodes) {
            rho.iter_mut().zip(partial).for_each(|(rho, p)| *rho += p);
        }
        rho.iter_mut().for_each(|rho| *rho *= spacing);
    }
}

/// The flight of all rows of a density.
struct FlightPass<'a> {
    flight: &'a Flight,
    values: &'a mut [f64],
    partial: &'a mut [f64],
    scratch: &'a [Mutex<Vec<f64>>],
}

impl Pass<f64> for FlightPass<'_> {
    fn run<S: Simd<f64>>(self, simd: S) {
        let FlightPass { flight: Flight { shifts, nodes }, values, partial, scratch } = self;
        let (values, partial) = ((values, ROWS * nodes), (partial, *nodes));
        for_each_chunk_pair(scratch.len(), values, partial, |task, values, partial, thread| {
            let mut padded = scratch[thread].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            padded.resize(nodes + 2 * padding(*nodes), 0.0);
            simd.vectorize(FlightRows { values, shifts: &shifts[task * ROWS..], partial, padded: &mut padded });
        });
    }
}

/// Number of zeros before and after a padded row; shifts are clamped to the length of a row.
fn padding(nodes: usize) -> usize {
    nodes + 2 * PACK
}

/// Shifts rows in place and adds them to `partial`; `padded` is scratch for one row with its padding.
struct FlightRows<'a> {
    values: &'a mut [f64],
    shifts: &'a [Shift],
    partial: &'a mut [f64],
    padded: &'a mut [f64],
}

impl Job<f64> for FlightRows<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        let FlightRows { values, shifts, partial, padded } = self;
        let n = partial.len();
        let padding = padding(n);
        let zero = s.splat(0.0);
        for (row, shift) in values.chunks_exact_mut(n).zip(shifts) {
            padded[padding..padding + n].copy_from_slice(row);
            let whole = shift.whole.clamp(-(n as isize) - 1, n as isize + 1);
            let w = shift.weights.map(|w| s.splat(w));
            // The pack of nodes from `at` on, and the flux out of them.
            let flux = |at: usize| {
                let neighbours: &[f64; 4 + PACK] = padded[at - 2..].first_chunk().expect("the row is padded");
                let mut f = s.mul(w[0], s.load(&neighbours[..]));
                for q in 1..5 {
                    f = s.fma(w[q], s.load(&neighbours[q..]), f);
                }
                let u = s.load(&neighbours[2..]);
                (u, s.min(u, s.max(zero, f)))
            };
            let first = padding.wrapping_add_signed(-whole);
            let mut previous = flux(first - PACK).1;
            let entering = last(s, previous);
            for (k, (out, sum)) in row.chunks_exact_mut(PACK).zip(partial.chunks_exact_mut(PACK)).enumerate() {
                let (u, now) = flux(first + k * PACK);
                let moved = s.add(s.sub(u, now), s.slide(previous, now));
                previous = now;
                s.store(moved, out);
                s.store(s.add(s.load(sum), moved), sum);
            }
            let moved = &padded[padding..padding + n];
            let (low, high) = beyond_boundaries(whole, n);
            let low = moved[low].iter().sum::<f64>() - entering;
            let high = moved[high].iter().sum::<f64>() + last(s, previous);
            for (node, more) in [(0, low), (n - 1, high)] {
                row[node] += more;
                partial[node] += more;
            }
        }
    }
}

/// The last lane of a pack.
#[inline(always)]
fn last<S: Simd<f64>>(s: S, pack: S::Pack) -> f64 {
    let mut lanes = [0.0; PACK];
    s.store(pack, &mut lanes);
    lanes[PACK - 1]
}

/// The nodes among n that a shift by whole spacings moves beyond the lower boundary and beyond the upper one.
fn beyond_boundaries(whole: isize, n: usize) -> (Range<usize>, Range<usize>) {
    let low = whole.min(0).unsigned_abs().min(n);
    let high = whole.max(0).unsigned_abs().min(n);
    (0..low, n - high..n)
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

    /// The shift node by node, without vectorisation.
    fn reference_shift(u: &[f64], shift: &Shift) -> Vec<f64> {
        let n = u.len() as isize;
        let at = |i: isize| if (0..n).contains(&i) { u[i as usize] } else { 0.0 };
        let flux = |i: isize| {
            let f: f64 = (-2..=2).map(|q| shift.weights[(q + 2) as usize] * at(i + q)).sum();
            f.max(0.0).min(at(i))
        };
        let mut out = vec![0.0; u.len()];
        for i in 0..=n {
            out[(i + shift.whole).clamp(0, n - 1) as usize] += at(i) - flux(i) + flux(i - 1);
        }
        out
    }

    #[test]
    fn rows_move_as_the_reference_and_keep_mass_at_the_boundaries() {
        let n = 32;
        let axis = |nodes, half: f64| GridAxis { low: -half, high: half, nodes };
        let (theta, momentum) = (axis(n, 16.0), axis(128, 1.0));
        // Distances of up to 63.5 spacings, and a rough density that reaches the walls.
        let flight = Flight::new(theta, momentum, 64.0);
        let values: Vec<f64> = (0..n * 128).map(|i| ((i * i) % 97) as f64 * f64::from(i % 5 != 0)).collect();
        let grid = crate::kinetic::PhaseGrid { theta, momentum };
        let mut density = Density { grid, values: values.clone() };
        let mut rho = vec![0.0; n];
        flight.apply(&mut density, &mut rho, 2);
        for ((row, previous), shift) in density.values.chunks(n).zip(values.chunks(n)).zip(&flight.shifts) {
            for (found, exact) in row.iter().zip(reference_shift(previous, shift)) {
                assert!((found - exact).abs() < 1e-10, "{shift:?}: {found} {exact}");
            }
        }
        for (found, exact) in rho.iter().zip(density.theta_marginal()) {
            assert!((found - exact).abs() < 1e-10, "{found} {exact}");
        }
    }
}
