//! The two passes over the particles against plain loops, for sizes that fill neither tiles, groups nor packs.

use super::{relative, scattered};
use crate::compute::Threads;
use crate::compute::profile::{self, WorkKind, counted_here};
use crate::fluctuation::layout::TangentLayout;
use crate::fluctuation::linearisation::{Linearisation, most_partial_numbers};
use crate::network::{Activation, TwoLayer};

const RIDGE: f64 = 0.07;

/// A cloud with tangent vectors in every column, in canonical order.
struct PassCase {
    network: TwoLayer,
    layout: TangentLayout,
    /// Inputs (n, d).
    x: Vec<f64>,
    /// Parameters (M, p).
    theta: Vec<f64>,
    /// Weights nu (M, C).
    nu: Vec<f64>,
    /// Tangent vectors (M, p, stride), zero in the accumulator of the second order and in the padding.
    xi: Vec<f64>,
}

/// The derivatives of one neuron at one sample.
struct PlainNeuron<'a> {
    x: Vec<f64>,
    a: &'a [f64],
    /// `tanh z` and its first three derivatives.
    s: [f64; 4],
}

impl PassCase {
    fn new(outputs: usize, columns: usize, second_order: bool) -> Self {
        Self::of_width(9, outputs, columns, second_order)
    }

    fn of_width(width: usize, outputs: usize, columns: usize, second_order: bool) -> Self {
        let (inputs, samples) = (3, 150);
        let network = TwoLayer { inputs, outputs, bias: true, activation: Activation::Tanh, fixed_output: false };
        let layout = TangentLayout { cloud: network.layout(width), columns, second_order };
        let (p, stride) = (network.parameters(), layout.stride());
        let used = columns + usize::from(second_order);
        let tangent = |at: usize| if at % stride < used { scattered(at + 70) } else { 0.0 };
        PassCase {
            layout,
            x: (0..samples * inputs).map(|i| 1.5 * scattered(i)).collect(),
            theta: (0..width * p).map(|i| scattered(i + 300)).collect(),
            nu: (0..width * columns).map(|i| scattered(i + 900)).collect(),
            xi: (0..width * p * stride).map(tangent).collect(),
            network,
        }
    }

    fn samples(&self) -> usize {
        self.x.len() / self.network.inputs
    }

    fn linearisation(&self) -> (Linearisation, Vec<f64>) {
        let network = crate::network::Network::from(self.network.clone());
        let state = network.from_canonical(self.layout.cloud.width, &self.theta);
        (Linearisation::new(&self.network, RIDGE, &self.x, self.layout, &self.nu, Threads::One), state)
    }

    /// The neuron `i` at sample `n`.
    fn at(&self, i: usize, n: usize) -> PlainNeuron<'_> {
        let (d, p) = (self.network.inputs, self.network.parameters());
        let mut x = self.x[n * d..(n + 1) * d].to_vec();
        x.push(1.0);
        let theta = &self.theta[i * p..(i + 1) * p];
        let t = theta.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>().tanh();
        let slope = 1.0 - t * t;
        PlainNeuron { x, a: &theta[d + 1..], s: [t, slope, -2.0 * t * slope, slope * (6.0 * t * t - 2.0)] }
    }

    /// The tangent vector of particle `i` in a column.
    fn tangent(&self, i: usize, column: usize) -> Vec<f64> {
        (0..self.network.parameters()).map(|row| self.xi[self.layout.row(i, row)][column]).collect()
    }

    fn nu(&self, i: usize, column: usize) -> f64 {
        (self.layout.cloud.width as f64).sqrt() * self.nu[i * self.layout.columns + column]
    }
}

impl PlainNeuron<'_> {
    /// `grad phi_k . v`.
    fn first(&self, k: usize, v: &[f64]) -> f64 {
        let (w, a) = v.split_at(self.x.len());
        self.s[0] * a[k] + self.a[k] * self.s[1] * self.project(w)
    }

    /// `grad^2 phi_k v`, (p).
    fn second(&self, k: usize, v: &[f64]) -> Vec<f64> {
        let (w, a) = v.split_at(self.x.len());
        let u = self.project(w);
        let mut out: Vec<f64> = self.x.iter().map(|x| x * (self.s[1] * a[k] + self.a[k] * self.s[2] * u)).collect();
        out.extend((0..a.len()).map(|l| if l == k { self.s[1] * u } else { 0.0 }));
        out
    }

    /// `grad^3 phi_k [v, v]`, (p).
    fn third(&self, k: usize, v: &[f64]) -> Vec<f64> {
        let (w, a) = v.split_at(self.x.len());
        let u = self.project(w);
        let of_input = 2.0 * self.s[2] * a[k] * u + self.a[k] * self.s[3] * u * u;
        let mut out: Vec<f64> = self.x.iter().map(|x| x * of_input).collect();
        out.extend((0..a.len()).map(|l| if l == k { self.s[2] * u * u } else { 0.0 }));
        out
    }

    /// `grad phi_k`, (p).
    fn gradient(&self, k: usize) -> Vec<f64> {
        let mut out: Vec<f64> = self.x.iter().map(|x| x * self.a[k] * self.s[1]).collect();
        out.extend((0..self.a.len()).map(|l| if l == k { self.s[0] } else { 0.0 }));
        out
    }

    fn project(&self, w: &[f64]) -> f64 {
        w.iter().zip(&self.x).map(|(w, x)| w * x).sum()
    }
}

fn dot(u: &[f64], v: &[f64]) -> f64 {
    u.iter().zip(v).map(|(u, v)| u * v).sum()
}

fn cases() -> Vec<PassCase> {
    // Columns that fill a pack, that do not, and that leave no full one.
    let columns = [(1, 16, false), (1, 11, true), (3, 5, true), (1, 22, true), (3, 8, false)];
    columns.into_iter().map(|(outputs, columns, second)| PassCase::new(outputs, columns, second)).collect()
}

#[test]
fn the_field_is_that_of_plain_loops() {
    for case in cases() {
        let (mut linear, state) = case.linearisation();
        let (layout, outputs, n) = (case.layout, case.network.outputs, case.samples());
        let (stride, m) = (layout.stride(), layout.cloud.width);
        let mut field = Vec::new();
        linear.field(&state, &case.xi, &mut field);
        let mut expected = vec![0.0; n * outputs * stride];
        for (i, s) in (0..m).flat_map(|i| (0..n).map(move |s| (i, s))) {
            let neuron = case.at(i, s);
            for k in 0..outputs {
                let out = &mut expected[(s * outputs + k) * stride..][..stride];
                let phi = neuron.a[k] * neuron.s[0];
                let (mut first, mut second, mut square) = (0.0, 0.0, 0.0);
                for c in 0..layout.columns {
                    let (xi, nu) = (case.tangent(i, c), case.nu(i, c));
                    let along = neuron.first(k, &xi);
                    out[c] += (nu * phi + along) / m as f64;
                    first += nu * along;
                    second += dot(&neuron.second(k, &xi), &xi);
                    square += along * along;
                }
                if let Some(mean) = layout.mean_column() {
                    let zeta = neuron.first(k, &case.tangent(i, mean));
                    out[mean] += (zeta + 0.5 * second + first) / m as f64;
                    out[mean + 1] += (phi * (2.0 * (zeta + first) + second) + square) / m as f64;
                }
            }
        }
        let error = relative(&field[..expected.len()], &expected);
        assert!(error < 1e-13, "{error} with {outputs} outputs and {} columns", layout.columns);
    }
}

#[test]
fn the_force_is_that_of_plain_loops() {
    for case in cases() {
        let (linear, state) = case.linearisation();
        let (layout, outputs, n) = (case.layout, case.network.outputs, case.samples());
        let (stride, m, padded) = (layout.stride(), layout.cloud.width, linear.inputs.padded());
        let given = |rows: usize, shift: usize| -> Vec<f64> {
            (0..padded * rows).map(|at| if at < n * rows { scattered(at + shift) / n as f64 } else { 0.0 }).collect()
        };
        let (residual, drive) = (given(outputs, 40), given(outputs * stride, 500));
        let mut force = vec![f64::NAN; case.xi.len()];
        linear.force(&state, &case.xi, &residual, &drive, &mut force);
        let mut expected: Vec<f64> = case.xi.iter().map(|xi| RIDGE * xi).collect();
        for (i, s) in (0..m).flat_map(|i| (0..n).map(move |s| (i, s))) {
            let neuron = case.at(i, s);
            for k in 0..outputs {
                let (e, drive) = (residual[s * outputs + k], &drive[(s * outputs + k) * stride..][..stride]);
                let gradient = neuron.gradient(k);
                for c in 0..stride {
                    let second = neuron.second(k, &case.tangent(i, c));
                    for row in 0..gradient.len() {
                        expected[layout.row(i, row).start + c] += drive[c] * gradient[row] + e * second[row];
                    }
                }
                let Some(mean) = layout.mean_column() else { continue };
                for c in 0..layout.columns {
                    let xi = case.tangent(i, c);
                    let (second, third) = (neuron.second(k, &xi), neuron.third(k, &xi));
                    for row in 0..gradient.len() {
                        expected[layout.row(i, row).start + mean] += drive[c] * second[row] + 0.5 * e * third[row];
                    }
                }
            }
        }
        let error = relative(&force, &expected);
        assert!(error < 1e-13, "{error} with {outputs} outputs and {} columns", layout.columns);
    }
}

/// The estimate of memory counts the partial fields: many of a small field, one of a large field.
#[test]
fn partial_fields_are_no_more_than_estimated() {
    for (width, outputs, columns, least) in [(600, 1, 30, 16.0), (100, 30, 400, 1.0), (9, 1, 30, 1.0)] {
        let case = PassCase::of_width(width, outputs, columns, false);
        let (mut linear, state) = case.linearisation();
        let mut field = Vec::new();
        linear.field(&state, &case.xi, &mut field);
        let (found, field) = (linear.partial_numbers() as f64, field.len() as f64);
        // Blocks of tiles are padded.
        assert!(found <= 1.1 * most_partial_numbers(field), "{width} {columns}: {found} {field}");
        assert!(found >= least * field, "{width} {columns}: {found} {field}");
    }
}

/// The operations of the passes in closed form, without padding of samples, particles and columns: for every sample, particle
/// and column `2 (h + 2 K)` of the field and `4 h + 9 K` of the force, `6 K` and `8 K` more with the second order.
#[test]
fn passes_are_counted_in_closed_form() {
    profile::start();
    for (outputs, columns, second_order) in [(1, 16, false), (3, 5, true)] {
        let case = PassCase::new(outputs, columns, second_order);
        let (mut linear, state) = case.linearisation();
        let rows = linear.inputs.padded() * outputs;
        let (residual, drive) = (vec![0.0; rows], vec![0.0; rows * case.layout.stride()]);
        let counted = || counted_here(WorkKind::Columns);
        let before = counted();
        linear.field(&state, &case.xi, &mut Vec::new());
        let between = counted();
        linear.force(&state, &case.xi, &residual, &drive, &mut vec![0.0; case.xi.len()]);
        let (pairs, k, h) = (9 * 150, outputs as u64, 4);
        let (all, second) = (columns as u64 + 2 * u64::from(second_order), columns as u64 * u64::from(second_order));
        let found = [between.since(&before), counted().since(&between)];
        let expected =
            [pairs * (all * 2 * (h + 2 * k) + second * 6 * k), pairs * (all * (4 * h + 9 * k) + second * 8 * k)];
        assert_eq!(found.map(|counts| counts.operations), expected.map(|operations| [0, operations]));
        assert_eq!(found.map(|counts| counts.activations), [[0, pairs]; 2]);
    }
}
