//! The constructive path: straight segments on which either output weights change, or only parameters that do not
//! influence the prediction ("silent": weights into neurons with zero output weights, and neurons with zero outgoing
//! weights).
//!
//! Where output weights change the risk is convex in the path's parameter, with its maximum at an end of the segment;
//! where silent parameters change it is constant. Hence, without ridge, the maximum over the path is that of a few
//! *named* waypoints: P and Q, and each of them with half of its neurons. The waypoints are in `two_layer.rs` and
//! `three_layer.rs`.

use super::profile::LossEvaluator;
use super::{Path, Proceed, three_layer, two_layer};
use crate::compute::rng::{Role, random_order, stream};
use crate::network::{Network, ParameterVector, TwoLayer};
use serde::{Deserialize, Serialize};

/// Networks whose losses are found by one pass.
const TOGETHER: usize = 16;

/// The constructive path between two networks P and Q: for every hidden layer, the half of its neurons that is kept in
/// P.
#[derive(Clone, Debug)]
pub struct ConstructivePath<'a> {
    network: &'a Network,
    width: usize,
    p: &'a ParameterVector,
    q: &'a ParameterVector,
    /// For each hidden layer, whether neuron i is kept in P (and its complement in Q).
    kept: Vec<Vec<bool>>,
}

/// The structure of the constructive path, which depends on the depth of the networks only.
pub struct PathStructure {
    /// Indices of the waypoints that bound the risk, from P to Q.
    pub named: &'static [usize],
    /// Indices of the segments on which only silent parameters change.
    pub silent: &'static [usize],
    /// Number of segments.
    pub segments: usize,
    /// The bound as a formula, for reports.
    pub bound: &'static str,
}

/// The structure of the path for networks of this depth.
pub fn path_structure(network: &Network) -> &'static PathStructure {
    match network {
        Network::TwoLayer(_) => &two_layer::STRUCTURE,
        Network::ThreeLayer(_) => &three_layer::STRUCTURE,
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

/// An array that, together with P and Q, defines the waypoints of a path.
pub struct WaypointArray {
    /// Name in records.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub values: Vec<f64>,
}

impl<'a> ConstructivePath<'a> {
    /// Keeps the first half of every hidden layer of P and the second half of Q, both given by canonical parameters of
    /// this width. Every hidden layer has an even number of neurons.
    pub fn first_half(network: &'a Network, width: usize, p: &'a ParameterVector, q: &'a ParameterVector) -> Self {
        let kept = network.hidden_layers(width).into_iter().map(|n| (0..n).map(|i| i < n / 2).collect()).collect();
        ConstructivePath { network, width, p, q, kept }
    }

    /// Keeps the halves with the lowest bound among the current ones and `trials` random ones, which (seed, pair,
    /// trial) determines. Calls `proceed` before every pass; returns `None` where it was interrupted.
    pub fn best_half(
        self,
        evaluator: &LossEvaluator<'_>,
        seed: u64,
        pair: u64,
        trials: usize,
        proceed: &Proceed<'_>,
    ) -> Option<Self> {
        let named = self.named_risks(evaluator);
        let last = named.0.len() - 1;
        let mut best = (named.bound(), self.kept.clone());
        let tried: Vec<Vec<Vec<bool>>> = (0..trials as u64)
            .map(|trial| {
                let mut rng = stream(seed, Role::Half, pair, trial);
                let mut half = |n: usize| {
                    let mut kept = vec![false; n];
                    random_order(&mut rng, n, n / 2).into_iter().for_each(|i| kept[i] = true);
                    kept
                };
                self.kept.iter().map(|layer| half(layer.len())).collect()
            })
            .collect();
        let inner = match self.network {
            Network::TwoLayer(network) => self.inner_risks_together(network, evaluator, &tried, proceed),
            Network::ThreeLayer(_) => self.inner_risks(evaluator, &tried, proceed),
        };
        for (kept, inner) in tried.into_iter().zip(inner?) {
            // P and Q do not depend on the halves.
            let bound = NamedRisks([&named.0[..1], &inner, &named.0[last..]].concat()).bound();
            if bound < best.0 {
                best = (bound, kept);
            }
        }
        Some(ConstructivePath { kept: best.1, ..self })
    }

    /// Losses at the named waypoints between P and Q, for each choice of halves.
    fn inner_risks(
        &self,
        evaluator: &LossEvaluator<'_>,
        tried: &[Vec<Vec<bool>>],
        proceed: &Proceed<'_>,
    ) -> Option<Vec<Vec<f64>>> {
        let named = path_structure(self.network).named;
        let of_trial = |(trial, kept): (usize, &Vec<Vec<bool>>)| {
            let waypoints = ConstructivePath { kept: kept.clone(), ..*self }.waypoints();
            let completed = trial as f64 / tried.len() as f64;
            let inner = named[1..named.len() - 1].iter();
            inner.map(|&at| proceed(completed).then(|| evaluator.loss(&waypoints[at]))).collect()
        };
        tried.iter().enumerate().map(of_trial).collect()
    }

    /// The same for two layers, where these waypoints have the hidden weights of P, or of Q: only output weights depend
    /// on the halves.
    fn inner_risks_together(
        &self,
        network: &TwoLayer,
        evaluator: &LossEvaluator<'_>,
        tried: &[Vec<Vec<bool>>],
        proceed: &Proceed<'_>,
    ) -> Option<Vec<Vec<f64>>> {
        let mut risks = Vec::with_capacity(tried.len());
        for some in tried.chunks(TOGETHER) {
            let completed = risks.len() as f64 / tried.len() as f64;
            let losses = |of: &ParameterVector, side: bool| {
                let outputs = some.iter().map(|kept| two_layer::kept_outputs(network, of, &kept[0], side)).collect();
                proceed(completed).then(|| evaluator.losses_with_outputs(network, of, outputs))
            };
            let pairs = losses(self.p, true)?.into_iter().zip(losses(self.q, false)?);
            risks.extend(pairs.map(|(of_p, of_q)| vec![of_p, of_q]));
        }
        Some(risks)
    }

    /// For each hidden layer, whether neuron i is kept in P.
    pub fn kept(&self) -> &[Vec<bool>] {
        &self.kept
    }

    /// Losses at the named waypoints, from P to Q.
    pub fn named_risks(&self, evaluator: &LossEvaluator<'_>) -> NamedRisks {
        let waypoints = self.waypoints();
        NamedRisks(path_structure(self.network).named.iter().map(|&at| evaluator.loss(&waypoints[at])).collect())
    }

    /// The path through the waypoints.
    pub fn path(&self) -> Path {
        Path::Straight(self.waypoints())
    }

    /// The arrays that define the waypoints, for records.
    pub fn waypoint_arrays(&self) -> Vec<WaypointArray> {
        let waypoints = self.waypoints();
        match self.network {
            Network::TwoLayer(network) => two_layer::waypoint_arrays(network, self.width, &waypoints, &self.kept[0]),
            Network::ThreeLayer(_) => three_layer::waypoint_arrays(self.network, self.width, &waypoints),
        }
    }

    /// Canonical parameters of the waypoints.
    fn waypoints(&self) -> Vec<ParameterVector> {
        match self.network {
            Network::TwoLayer(network) => two_layer::waypoints(network, self.width, self.p, self.q, &self.kept[0]),
            Network::ThreeLayer(_) => {
                three_layer::waypoints(self.network, self.width, self.p, self.q, [&self.kept[0], &self.kept[1]])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::Threads;
    use crate::network::{Activation, Loss};
    use crate::population::LabelKind;
    use rand_distr::{Distribution, StandardNormal};

    /// One pass for several choices of halves gives the losses of single passes to the bit.
    #[test]
    fn halves_are_evaluated_together_as_alone() {
        for (outputs, width) in [(1, 34), (3, 140)] {
            let two = TwoLayer { inputs: 3, outputs, bias: true, activation: Activation::Tanh, fixed_output: false };
            let network = Network::from(two.clone());
            let mut rng = stream(5, Role::Start, outputs as u64, 0);
            let mut normals =
                |count: usize| -> Vec<f64> { (0..count).map(|_| StandardNormal.sample(&mut rng)).collect() };
            let (x, y) = (normals(3 * 50), normals(outputs * 50));
            let [p, q] = [(); 2].map(|()| ParameterVector::from_vec(normals(network.parameters(width))));
            let evaluator =
                LossEvaluator::new((&network, width), (&x, &y), Loss::HalfSquared, LabelKind::Real, Threads::One);
            let path = ConstructivePath::first_half(&network, width, &p, &q);
            let half = |trial: usize| vec![(0..width).map(|i| (i * (trial + 3) / 7).is_multiple_of(2)).collect()];
            let tried: Vec<Vec<Vec<bool>>> = (0..TOGETHER + 3).map(half).collect();
            let together = path.inner_risks_together(&two, &evaluator, &tried, &|_| true).unwrap();
            assert_eq!(together, path.inner_risks(&evaluator, &tried, &|_| true).unwrap());
        }
    }
}
