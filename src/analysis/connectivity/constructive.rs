//! The constructive path: straight pieces on which either output weights change, or only parameters that do not influence the
//! prediction ("silent": weights into neurons with zero output weights, and neurons with zero outgoing weights).
//!
//! Where output weights change the risk is convex in the path's parameter, with its maximum at an end of the piece; where
//! silent parameters change it is constant. Hence, without ridge, the maximum over the path is that of a few *named*
//! waypoints: P and Q, and each of them with half of its neurons. The waypoints are in `two_layer.rs` and `three_layer.rs`.

use super::profile::Measure;
use super::{Path, three_layer, two_layer};
use crate::compute::rng::{Role, random_order, stream};
use crate::network::{Network, ParameterVector};
use serde::{Deserialize, Serialize};

/// Two networks P and Q, and for every hidden layer the half of its neurons that is kept in P.
#[derive(Clone, Debug)]
pub struct Constructive<'a> {
    network: &'a Network,
    width: usize,
    p: &'a ParameterVector,
    q: &'a ParameterVector,
    /// For each hidden layer, whether neuron i is kept in P (and its complement in Q).
    kept: Vec<Vec<bool>>,
}

/// The structure of the constructive path, which depends on the depth of the networks only.
pub struct Recipe {
    /// Indices of the waypoints that bound the risk, from P to Q.
    pub named: &'static [usize],
    /// Indices of the pieces on which only silent parameters change.
    pub silent: &'static [usize],
    /// Number of pieces.
    pub pieces: usize,
    /// The bound as a formula, for reports.
    pub bound: &'static str,
}

/// The structure of the path for networks of this depth.
pub fn recipe(network: &Network) -> &'static Recipe {
    match network {
        Network::TwoLayer(_) => &two_layer::RECIPE,
        Network::ThreeLayer(_) => &three_layer::RECIPE,
    }
}

/// Losses at the named waypoints, from P to Q.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedRisks(pub Vec<f64>);

impl NamedRisks {
    /// The bound on the loss along the path.
    pub fn bound(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

/// An array that, together with P and Q, defines the waypoints of a path: name, shape, row-major data.
pub type Described = (String, Vec<usize>, Vec<f64>);

impl<'a> Constructive<'a> {
    /// Keeps the first half of every hidden layer of P and the second half of Q, both given by canonical parameters of this
    /// width. Every hidden layer has an even number of neurons.
    pub fn first_half(network: &'a Network, width: usize, p: &'a ParameterVector, q: &'a ParameterVector) -> Self {
        let kept = network.hidden_layers(width).into_iter().map(|n| (0..n).map(|i| i < n / 2).collect()).collect();
        Constructive { network, width, p, q, kept }
    }

    /// Keeps the halves with the lowest bound among the present ones and `trials` random ones, which are determined by
    /// (seed, pair, trial).
    pub fn best_half(self, measure: &Measure<'_>, seed: u64, pair: u64, trials: usize) -> Self {
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
            // P and Q do not depend on the halves.
            let inner = recipe(self.network).named[1..last].iter().map(|&at| measure.loss(&waypoints[at]));
            let bound = NamedRisks([named.0[0]].into_iter().chain(inner).chain([named.0[last]]).collect()).bound();
            if bound < best.0 {
                best = (bound, tried.kept);
            }
        }
        Constructive { kept: best.1, ..self }
    }

    /// For each hidden layer, whether neuron i is kept in P.
    pub fn kept(&self) -> &[Vec<bool>] {
        &self.kept
    }

    /// Losses at the named waypoints.
    pub fn named_risks(&self, measure: &Measure<'_>) -> NamedRisks {
        let waypoints = self.waypoints();
        NamedRisks(recipe(self.network).named.iter().map(|&at| measure.loss(&waypoints[at])).collect())
    }

    /// The path.
    pub fn path(&self) -> Path {
        Path::Straight(self.waypoints())
    }

    /// The arrays that define the waypoints, for the run folder.
    pub fn described(&self) -> Vec<Described> {
        let waypoints = self.waypoints();
        match self.network {
            Network::TwoLayer(network) => two_layer::described(network, self.width, &waypoints, &self.kept[0]),
            Network::ThreeLayer(_) => three_layer::described(self.network, self.width, &waypoints),
        }
    }

    fn waypoints(&self) -> Vec<ParameterVector> {
        match self.network {
            Network::TwoLayer(network) => two_layer::waypoints(network, self.width, self.p, self.q, &self.kept[0]),
            Network::ThreeLayer(_) => {
                three_layer::waypoints(self.network, self.width, self.p, self.q, [&self.kept[0], &self.kept[1]])
            }
        }
    }
}
