//! The constructive path: straight pieces on which either output weights move, or only what is silent.
//!
//! Where output weights move the risk is convex: its maximum there is at an end. Where silent neurons and weights move it is
//! constant. Hence, without ridge, the maximum over the path is that of a few *named* networks: the two ends, and the ends
//! with half of their neurons. The waypoints are in `two_layer.rs` and `three_layer.rs`; what follows needs only the list.

use super::profile::Measure;
use super::{Path, three_layer, two_layer};
use crate::compute::rng::{Role, random_order, stream};
use crate::network::{Network, Point};
use serde::{Deserialize, Serialize};

/// Two networks and the halves that are kept in the first.
#[derive(Clone, Debug)]
pub struct Constructive<'a> {
    network: &'a Network,
    width: usize,
    p: &'a Point,
    q: &'a Point,
    /// For each hidden layer, whether neuron i is kept in P (and its complement in Q).
    kept: Vec<Vec<bool>>,
}

/// A path's pieces, whatever its networks are.
pub struct Recipe {
    /// The waypoints that bound the risk, from P to Q.
    pub named: &'static [usize],
    /// The pieces on which only silent parameters move.
    pub silent: &'static [usize],
    /// Number of pieces.
    pub pieces: usize,
    /// The bound in words.
    pub bound: &'static str,
}

/// The recipe of a network.
pub fn recipe(network: &Network) -> &'static Recipe {
    match network {
        Network::TwoLayer(_) => &two_layer::RECIPE,
        Network::ThreeLayer(_) => &three_layer::RECIPE,
    }
}

/// Losses of the networks that bound the path, from P to Q.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedRisks(pub Vec<f64>);

impl NamedRisks {
    /// The bound on the path.
    pub fn bound(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

/// An array that, with P and Q, says what a path's waypoints are: name, shape, data.
pub type Described = (String, Vec<usize>, Vec<f64>);

impl<'a> Constructive<'a> {
    /// The first halves of P and the second of Q, canonical parameters of this width; every hidden layer is even.
    pub fn first_half(network: &'a Network, width: usize, p: &'a Point, q: &'a Point) -> Self {
        let kept = network.hidden_layers(width).into_iter().map(|n| (0..n).map(|i| i < n / 2).collect()).collect();
        Constructive { network, width, p, q, kept }
    }

    /// The best of `trials` random halves and the first: those with the lowest bound. The halves' address is
    /// (seed, pair, trial).
    pub fn best_half(self, measure: &Measure<'_>, (seed, pair): (u64, u64), trials: usize) -> Self {
        let named = self.named_risks(measure);
        let last = named.0.len() - 1;
        let mut best = (named.bound(), self.kept.clone());
        for trial in 0..trials as u64 {
            let mut rng = stream(seed, Role::Half, pair, trial);
            let mut half = |n: usize| {
                let mut kept = vec![false; n];
                random_order(&mut rng, n, n / 2).into_iter().for_each(|i| kept[i] = true);
                kept
            };
            let tried = Constructive { kept: self.kept.iter().map(|layer| half(layer.len())).collect(), ..self };
            let waypoints = tried.waypoints();
            // The ends are the same for every half.
            let inner = recipe(self.network).named[1..last].iter().map(|&at| measure.loss(&waypoints[at]));
            let bound = NamedRisks([named.0[0]].into_iter().chain(inner).chain([named.0[last]]).collect()).bound();
            if bound < best.0 {
                best = (bound, tried.kept);
            }
        }
        Constructive { kept: best.1, ..self }
    }

    /// For each hidden layer, whether a neuron is kept in P.
    pub fn kept(&self) -> &[Vec<bool>] {
        &self.kept
    }

    /// Losses of the named waypoints.
    pub fn named_risks(&self, measure: &Measure<'_>) -> NamedRisks {
        let waypoints = self.waypoints();
        NamedRisks(recipe(self.network).named.iter().map(|&at| measure.loss(&waypoints[at])).collect())
    }

    /// The path.
    pub fn path(&self) -> Path {
        Path::Straight(self.waypoints())
    }

    /// What defines the waypoints, for the files.
    pub fn described(&self) -> Vec<Described> {
        let waypoints = self.waypoints();
        match self.network {
            Network::TwoLayer(network) => two_layer::described(network, self.width, &waypoints, &self.kept[0]),
            Network::ThreeLayer(_) => three_layer::described(self.network, self.width, &waypoints),
        }
    }

    fn waypoints(&self) -> Vec<Point> {
        match self.network {
            Network::TwoLayer(network) => two_layer::waypoints(network, self.width, self.p, self.q, &self.kept[0]),
            Network::ThreeLayer(_) => {
                three_layer::waypoints(self.network, self.width, self.p, self.q, [&self.kept[0], &self.kept[1]])
            }
        }
    }
}
