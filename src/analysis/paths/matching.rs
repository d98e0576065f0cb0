//! Matching of neurons: the permutation of the neurons of Q that minimises the distance to P.
//!
//! The cost of an assignment is a sum over neurons, so that the best one solves a linear assignment problem, exactly
//! (Jonker, Volgenant 1987). For an odd activation the neurons `(a, w, b)` and `(-a, -w, -b)` are the same function,
//! and the nearer of the two is taken. Hidden layers are matched from the inputs on, each after the layers below it
//! have been permuted; for all layers jointly no exact method is known.

use super::Proceed;
use crate::compute::profile::{self, WorkCounts, WorkKind};
use crate::compute::vector;
use crate::network::{Activation, Network, ParameterVector, ThreeLayer, TwoLayer};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Largest number of neurons whose assignment problem is solved at once, in some ten milliseconds.
const SOLVED_AT_ONCE: usize = 256;
/// Time between two calls of `proceed` while a larger problem is solved.
const POLL: Duration = Duration::from_millis(50);
/// Rows of a matrix of costs that are computed between two calls of `proceed`.
const COST_ROWS: usize = 64;

/// The distance between neurons that a matching minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeuronDistance {
    /// `E_x |phi_i(x) - phi'_j(x)|^2`, between their features: activation times output weights in the last hidden
    /// layer, activation below it.
    Features,
    /// `|theta_i - theta'_j|^2`, between their parameters.
    Weights,
}

/// A signed permutation of a hidden layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// Neuron i of P is matched with neuron `partner[i]` of Q.
    pub partner: Vec<usize>,
    /// 1, or -1 where the partner's sign is changed; 1 unless the activation is odd.
    pub sign: Vec<f64>,
}

/// An assignment for every hidden layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Matching {
    /// From the inputs to the outputs.
    pub layers: Vec<Assignment>,
}

impl Matching {
    /// The best matching of Q's neurons with P's, both given by canonical parameters of this width. `x` is the sample
    /// (n, d) that features are compared on. Calls `proceed` while it runs; returns `None` where it was interrupted.
    pub fn best(
        network: &Network,
        width: usize,
        p: &ParameterVector,
        q: &ParameterVector,
        x: ArrayView2<f64>,
        by: NeuronDistance,
        proceed: &Proceed<'_>,
    ) -> Option<Self> {
        let _timed = profile::within(WorkKind::Products);
        match network {
            Network::TwoLayer(two) => Some(Matching { layers: vec![two_layer(two, width, p, q, x, by, proceed)?] }),
            Network::ThreeLayer(three) => three_layer(network, three, width, [p, q], x, by, proceed),
        }
    }

    /// Q with its neurons permuted, so that neuron i is the partner of neuron i of P. The function is unchanged.
    pub fn apply(&self, network: &Network, width: usize, q: &ParameterVector) -> ParameterVector {
        let families = network.families(width);
        let q = q.to_vec();
        let matrix = |f: usize| families[f].matrix(&q).to_owned();
        let mut matched: Vec<Array2<f64>> = match network {
            Network::ThreeLayer(_) => {
                let (first, second) = (&self.layers[0], &self.layers[1]);
                let between = second.rows(&first.rows(&matrix(1)).reversed_axes()).reversed_axes();
                vec![first.rows(&matrix(0)), between, second.rows(&matrix(2))]
            }
            Network::TwoLayer(_) => vec![self.layers[0].rows(&matrix(0))],
        };
        matched.iter_mut().flat_map(|matrix| matrix.iter().copied().collect::<Vec<f64>>()).collect()
    }
}

impl Assignment {
    /// The assignment of least cost (N, N); `flips(i, j)` is whether neuron j of Q is nearer to i with its sign
    /// changed.
    fn of(cost: Array2<f64>, flips: impl Fn(usize, usize) -> bool, proceed: &Proceed<'_>) -> Option<Self> {
        let n = cost.nrows();
        let partner = solve(n, cost.into_raw_vec_and_offset().0, proceed)?;
        let sign = partner.iter().enumerate().map(|(i, &j)| if flips(i, j) { -1.0 } else { 1.0 }).collect();
        Some(Assignment { partner, sign })
    }

    /// Rows of a matrix (N, p), permuted and with their signs.
    fn rows(&self, matrix: &Array2<f64>) -> Array2<f64> {
        let mut matched = matrix.select(Axis(0), &self.partner);
        for (mut row, &sign) in matched.rows_mut().into_iter().zip(&self.sign) {
            row *= sign;
        }
        matched
    }
}

/// The columns of the assignment of least cost, (n, n) row-major. The solver cannot be stopped: a large problem is solved
/// on a thread of its own, which is left behind where the computation is interrupted.
fn solve(n: usize, costs: Vec<f64>, proceed: &Proceed<'_>) -> Option<Vec<usize>> {
    // The solver fails only for NaN, which a network that reached the horizon does not have.
    let assign = move |costs: &Vec<f64>| {
        lsap::solve(n, n, costs, false).map_or_else(|_| (0..n).collect::<Vec<_>>(), |(_, columns)| columns)
    };
    if n <= SOLVED_AT_ONCE {
        return Some(assign(&costs));
    }
    let (costs, (send, receive)) = (Arc::new(costs), channel());
    let own = Arc::clone(&costs);
    // Where the result is no longer awaited it is dropped.
    let solver = std::thread::Builder::new().name("assignment".into()).spawn(move || drop(send.send(assign(&own))));
    let Ok(solver) = solver else { return Some(assign(&costs)) };
    loop {
        match receive.recv_timeout(POLL) {
            Ok(partner) => return Some(partner),
            Err(RecvTimeoutError::Timeout) if proceed(SHARE_OF_COSTS) => {}
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => match solver.join() {
                Ok(()) => return Some((0..n).collect()),
                Err(panic) => std::panic::resume_unwind(panic),
            },
        }
    }
}

/// Approximate share of the costs in the work of a matching.
const SHARE_OF_COSTS: f64 = 0.5;

/// `|a - sign b|^2`.
fn squared_distance(a: ArrayView1<f64>, b: ArrayView1<f64>, sign: f64) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - sign * b).powi(2)).sum()
}

/// The assignment of rows (N, p) by their squared distance, up to the sign where the activation is odd.
fn by_rows(p: &Array2<f64>, q: &Array2<f64>, odd: bool, proceed: &Proceed<'_>) -> Option<Assignment> {
    let n = p.nrows();
    let mut costs = Array2::zeros((n, n));
    // All neurons of Q at once, in the order of `squared_distance`.
    let columns: Vec<Vec<f64>> = q.columns().into_iter().map(|column| column.to_vec()).collect();
    let (mut same, mut flipped) = (vec![0.0; n], vec![0.0; n]);
    for (i, mut row) in costs.rows_mut().into_iter().enumerate() {
        if i % COST_ROWS == 0 && !proceed(SHARE_OF_COSTS * i as f64 / n as f64) {
            return None;
        }
        same.fill(0.0);
        flipped.fill(0.0);
        for (&a, column) in p.row(i).iter().zip(&columns) {
            vector::add_squares(a, column, &mut same, &mut flipped);
        }
        for (cost, (same, flipped)) in row.iter_mut().zip(same.iter().zip(&flipped)) {
            *cost = if odd { same.min(*flipped) } else { *same };
        }
    }
    Assignment::of(costs, |i, j| odd && nearer_flipped(p, q, i, j), proceed)
}

/// Whether row j of Q is nearer to row i of P with its sign changed.
fn nearer_flipped(p: &Array2<f64>, q: &Array2<f64>, i: usize, j: usize) -> bool {
    squared_distance(p.row(i), q.row(j), -1.0) < squared_distance(p.row(i), q.row(j), 1.0)
}

/// The assignment for a two-layer network.
fn two_layer(
    network: &TwoLayer,
    width: usize,
    p: &ParameterVector,
    q: &ParameterVector,
    x: ArrayView2<f64>,
    by: NeuronDistance,
    proceed: &Proceed<'_>,
) -> Option<Assignment> {
    let family = &network.families(width)[0];
    let [p, q] = [p, q].map(|point| family.matrix(&point.to_vec()).to_owned());
    let odd = network.activation.is_odd();
    match by {
        NeuronDistance::Weights => by_rows(&p, &q, odd, proceed),
        NeuronDistance::Features => {
            let (s, t) = (network.hidden(p.view(), x), network.hidden(q.view(), x));
            let (a, b) = (network.output_weights(p.view()), network.output_weights(q.view()));
            let of_p = LayerFeatures { activations: &s, outputs: a };
            let of_q = LayerFeatures { activations: &t, outputs: b };
            let costs = feature_cost(of_p, of_q, proceed)?;
            Assignment::of(costs, |i, j| odd && nearer_flipped(&p, &q, i, j), proceed)
        }
    }
}

/// The assignments for both hidden layers of a three-layer network, for the networks P and Q.
fn three_layer(
    network: &Network,
    three: &ThreeLayer,
    width: usize,
    [p, q]: [&ParameterVector; 2],
    x: ArrayView2<f64>,
    by: NeuronDistance,
    proceed: &Proceed<'_>,
) -> Option<Matching> {
    // Each layer is half of the work.
    let in_first = |completed: f64| proceed(0.5 * completed);
    let in_second = |completed: f64| proceed(0.5 + 0.5 * completed);
    let families = network.families(width);
    let matrix = |point: &ParameterVector, f: usize| families[f].matrix(&point.to_vec()).to_owned();
    let [odd_first, odd_second] = three.activations.map(Activation::is_odd);
    let first = match by {
        NeuronDistance::Weights => by_rows(&matrix(p, 0), &matrix(q, 0), odd_first, &in_first)?,
        NeuronDistance::Features => {
            let [s, t] = [p, q].map(|point| three.first_hidden(width, &point.to_vec(), x));
            by_rows(&s, &t, odd_first, &in_first)?
        }
    };
    // Q with its first layer permuted.
    let [_, n2] = three.layers(width);
    let rest = Assignment { partner: (0..n2).collect(), sign: vec![1.0; n2] };
    let permuted = Matching { layers: vec![first.clone(), rest] }.apply(network, width, q);
    let scale = (matrix(p, 1).nrows() as f64).sqrt();
    // A neuron of the second layer: its incoming weights, scaled so that their square is a mean, its bias and output
    // weights.
    let neurons = |point: &ParameterVector| {
        let incoming = matrix(point, 1).reversed_axes() / scale;
        ndarray::concatenate(Axis(1), &[incoming.view(), matrix(point, 2).view()]).expect("one row per neuron")
    };
    let (of_p_neurons, of_q_neurons) = (neurons(p), neurons(&permuted));
    let second = match by {
        NeuronDistance::Weights => by_rows(&of_p_neurons, &of_q_neurons, odd_second, &in_second)?,
        NeuronDistance::Features => {
            let [s, t] = [p, &permuted].map(|point| three.hidden(width, &point.to_vec(), x));
            let outputs = three.outputs;
            let a = of_p_neurons.slice(s![.., of_p_neurons.ncols() - outputs..]);
            let b = of_q_neurons.slice(s![.., of_q_neurons.ncols() - outputs..]);
            let of_p = LayerFeatures { activations: &s, outputs: a };
            let of_q = LayerFeatures { activations: &t, outputs: b };
            let flips = |i, j| odd_second && nearer_flipped(&of_p_neurons, &of_q_neurons, i, j);
            Assignment::of(feature_cost(of_p, of_q, &in_second)?, flips, &in_second)?
        }
    };
    Some(Matching { layers: vec![first, second] })
}

/// The factors of the features of a layer.
#[derive(Clone, Copy)]
struct LayerFeatures<'a> {
    /// Activations (N, n) on the sample.
    activations: &'a Array2<f64>,
    /// Output weights (N, K).
    outputs: ArrayView2<'a, f64>,
}

/// `E |phi_i - phi'_j|^2 = E|phi_i|^2 - 2 E<phi_i, phi'_j> + E|phi'_j|^2` for all pairs (N, N), a few rows at a time.
fn feature_cost(p: LayerFeatures<'_>, q: LayerFeatures<'_>, proceed: &Proceed<'_>) -> Option<Array2<f64>> {
    let LayerFeatures { activations: s, outputs: a } = p;
    let LayerFeatures { activations: t, outputs: b } = q;
    let (n, samples) = (s.nrows(), s.ncols() as f64);
    profile::count(WorkKind::Products, || {
        let terms = s.ncols() + a.ncols();
        WorkCounts::of::<f64>(2 * n * n * terms, 0, n * (n + 2 * terms))
    });
    // Sums over the samples without a copy of the activations.
    let square = |s: &Array2<f64>, a: ArrayView2<f64>| -> Vec<f64> {
        let weights = a.rows().into_iter().map(|a| a.dot(&a));
        s.rows().into_iter().zip(weights).map(|(s, weight)| s.dot(&s) * weight / samples).collect()
    };
    let (of_p, of_q) = (square(s, a), square(t, b));
    let mut costs = Array2::zeros((n, t.nrows()));
    for first in (0..n).step_by(COST_ROWS) {
        if !proceed(SHARE_OF_COSTS * first as f64 / n as f64) {
            return None;
        }
        let rows = s![first..(first + COST_ROWS).min(n), ..];
        let cross = s.slice(rows).dot(&t.t()) * a.slice(rows).dot(&b.t()) / samples;
        for ((mut costs, cross), of_p) in
            costs.slice_mut(rows).rows_mut().into_iter().zip(cross.rows()).zip(&of_p[first..])
        {
            for ((cost, cross), of_q) in costs.iter_mut().zip(cross).zip(&of_q) {
                *cost = -2.0 * cross + of_p + of_q;
            }
        }
    }
    Some(costs)
}
