//! The constructive path of two-layer networks: five straight pieces.
//!
//! A set A of half the neurons is kept in P, its complement B in Q ("keep" = output weights doubled, the others zero):
//!
//! ```text
//! P -> (2 a_A, 0 | w_A, w_B) -> (2 a_A, 0 | w_A, w'_B) -> (0, 2 a'_B | w_A, w'_B) -> (0, 2 a'_B | w'_A, w'_B) -> Q
//! ```
//!
//! Pieces 1, 3, 5 move output weights only, in which the risk is convex: its maximum there is at an end. Pieces 2, 4 move
//! the hidden weights of silent neurons: the risk is constant. Hence, without ridge, the maximum over the path is
//! `max(R(P), R(P keep A), R(Q keep B), R(Q))`. Biases travel with w.

use super::Path;
use super::profile::Measure;
use crate::rng::{Role, random_order, stream};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Two networks and the half that is kept in the first.
#[derive(Clone, Debug)]
pub struct Constructive<'a> {
    p: &'a Array2<f64>,
    q: &'a Array2<f64>,
    outputs: usize,
    /// Whether neuron i is kept in P (and silent in Q).
    kept: Vec<bool>,
}

/// Losses of the four networks that bound the path.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedRisks {
    /// R(P).
    pub p: f64,
    /// R(P keep A).
    pub p_half: f64,
    /// R(Q keep B).
    pub q_half: f64,
    /// R(Q).
    pub q: f64,
}

impl NamedRisks {
    /// The bound on the path.
    pub fn bound(self) -> f64 {
        self.p.max(self.p_half).max(self.q_half).max(self.q)
    }
}

impl<'a> Constructive<'a> {
    /// The first half of P and the second of Q; both (N, p) with N even and `outputs` = K output weights last.
    pub fn first_half(p: &'a Array2<f64>, q: &'a Array2<f64>, outputs: usize) -> Self {
        let n = p.nrows();
        Constructive { p, q, outputs, kept: (0..n).map(|i| i < n / 2).collect() }
    }

    /// The best of `trials` random halves and the first: the one with the lowest bound. The halves' address is
    /// (seed, pair, trial).
    pub fn best_half(self, measure: &Measure<'_>, (seed, pair): (u64, u64), trials: usize) -> Self {
        let n = self.p.nrows();
        let named = self.named_risks(measure);
        let mut best = (named.bound(), self.kept.clone());
        for trial in 0..trials as u64 {
            let order = random_order(&mut stream(seed, Role::Half, pair, trial), n, n / 2);
            let mut kept = vec![false; n];
            order.into_iter().for_each(|i| kept[i] = true);
            let tried = Constructive { kept, ..self };
            let [p_half, q_half] = tried.halves().map(|network| measure.loss(&network));
            // The ends are the same for every half.
            let bound = NamedRisks { p_half, q_half, ..named }.bound();
            if bound < best.0 {
                best = (bound, tried.kept);
            }
        }
        Constructive { kept: best.1, ..self }
    }

    /// Whether each neuron is kept in P.
    pub fn kept(&self) -> &[bool] {
        &self.kept
    }

    /// Losses of P, P with half its neurons, Q with the other half of its own, Q.
    pub fn named_risks(&self, measure: &Measure<'_>) -> NamedRisks {
        let [p_half, q_half] = self.halves().map(|network| measure.loss(&network));
        NamedRisks { p: measure.loss(self.p), p_half, q_half, q: measure.loss(self.q) }
    }

    /// The path.
    pub fn path(&self) -> Path {
        Path::Straight(self.waypoints().into())
    }

    /// P keep A and Q keep B.
    fn halves(&self) -> [Array2<f64>; 2] {
        let half_p = self.waypoint(|_| false, |kept| kept.then_some(false));
        let half_q = self.waypoint(|_| true, |kept| (!kept).then_some(true));
        [half_p, half_q]
    }

    fn waypoints(&self) -> [Array2<f64>; 6] {
        let [half_p, half_q] = self.halves();
        let both_p = self.waypoint(|kept| !kept, |kept| kept.then_some(false));
        let both_q = self.waypoint(|kept| !kept, |kept| (!kept).then_some(true));
        [self.p.clone(), half_p, both_p, both_q, half_q, self.q.clone()]
    }

    /// Neuron by neuron, from whether it is kept in P: hidden weights of Q (true) or P, and doubled output weights of Q
    /// (true), of P, or none.
    fn waypoint(&self, hidden_of_q: impl Fn(bool) -> bool, output_of_q: impl Fn(bool) -> Option<bool>) -> Array2<f64> {
        let first_output = self.p.ncols() - self.outputs;
        Array2::from_shape_fn(self.p.dim(), |(i, row)| {
            let of = |q: bool| if q { self.q[[i, row]] } else { self.p[[i, row]] };
            let kept = self.kept[i];
            if row < first_output { of(hidden_of_q(kept)) } else { output_of_q(kept).map_or(0.0, |q| 2.0 * of(q)) }
        })
    }
}
