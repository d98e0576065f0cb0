//! Matching neurons: the permutation of Q that brings it nearest to P.
//!
//! The cost of an assignment is a sum over neurons, so the best one solves a linear assignment problem, exactly
//! (Jonker, Volgenant 1987). A neuron of an odd activation without its sign is the same neuron: `(a, w, b)` and
//! `(-a, -w, -b)` say the same, and the nearer of the two is taken.

use crate::network::{Activation, TwoLayer};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

/// What two neurons' distance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// `E_x |phi_i(x) - phi'_j(x)|^2`: of what they say.
    Features,
    /// `|theta_i - theta'_j|^2`: of their parameters.
    Weights,
}

/// A permutation, with signs.
#[derive(Clone, Debug, PartialEq)]
pub struct Matching {
    /// Neuron i of P is matched with neuron `partner[i]` of Q.
    pub partner: Vec<usize>,
    /// 1, or -1 where the partner's sign is changed; 1 unless the activation is odd.
    pub sign: Vec<f64>,
}

impl Matching {
    /// The best matching of Q's neurons with P's, both (N, p); `x` is the sample (n, d) for features.
    pub fn best(network: &TwoLayer, p: &Array2<f64>, q: &Array2<f64>, x: ArrayView2<f64>, by: Match) -> Self {
        let n = p.nrows();
        let odd = matches!(network.activation, Activation::Tanh | Activation::Erf | Activation::Identity);
        let cost = match by {
            Match::Features => feature_cost(network, p, q, x),
            Match::Weights => {
                let cost = |i: usize, j: usize| {
                    let apart = |sign: f64| apart(p.row(i), q.row(j), sign);
                    if odd { apart(1.0).min(apart(-1.0)) } else { apart(1.0) }
                };
                Array2::from_shape_fn((n, n), |(i, j)| cost(i, j))
            }
        };
        let cost: Vec<f64> = cost.iter().copied().collect();
        // Refused only for costs that are not numbers, which networks that reached the horizon do not have.
        let partner = lsap::solve(n, n, &cost, false).map_or_else(|_| (0..n).collect(), |(_, columns)| columns);
        let sign = partner.iter().enumerate().map(|(i, &j)| {
            if odd && apart(p.row(i), q.row(j), -1.0) < apart(p.row(i), q.row(j), 1.0) { -1.0 } else { 1.0 }
        });
        Matching { sign: sign.collect(), partner }
    }

    /// Q with its neurons in the order of their partners: the same function.
    pub fn apply(&self, q: &Array2<f64>) -> Array2<f64> {
        let mut matched = q.select(Axis(0), &self.partner);
        for (mut neuron, &sign) in matched.rows_mut().into_iter().zip(&self.sign) {
            neuron *= sign;
        }
        matched
    }
}

fn apart(a: ArrayView1<f64>, b: ArrayView1<f64>, sign: f64) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - sign * b).powi(2)).sum()
}

/// `E|phi_i|^2 - 2 E<phi_i, phi'_j> + E|phi'_j|^2`.
fn feature_cost(network: &TwoLayer, p: &Array2<f64>, q: &Array2<f64>, x: ArrayView2<f64>) -> Array2<f64> {
    let (s, t) = (network.hidden(p.view(), x), network.hidden(q.view(), x));
    let (a, b) = (network.output_weights(p.view()), network.output_weights(q.view()));
    let square = |s: &Array2<f64>, a: ArrayView2<f64>| {
        (s * s).sum_axis(Axis(1)) * a.mapv(|v| v * v).sum_axis(Axis(1)) / x.nrows() as f64
    };
    let cross = s.dot(&t.t()) * a.dot(&b.t()) / x.nrows() as f64;
    let (of_p, of_q) = (square(&s, a), square(&t, b));
    -2.0 * cross + &of_p.insert_axis(Axis(1)) + &of_q
}
