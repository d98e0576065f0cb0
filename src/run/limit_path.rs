//! A limit at the recording times, with which networks are compared.

use super::evaluation::{Evaluation, TestEvaluation, to_f64};
use super::problem::Problem;
use crate::analysis::wasserstein::ReferenceProjections;
use crate::compute::Real;
use crate::network::{Family, Network};
use ndarray::{Array2, ArrayView2};

/// The families of a network whose units move. Wasserstein distances are over their trained coordinates.
pub fn trained_families(network: &Network, width: usize) -> impl Iterator<Item = Family> {
    network.families(width).into_iter().filter(|family| family.trained_per_unit() > 0)
}

/// A limit at the recording times.
pub struct LimitPath<R> {
    /// Number of particles M; 0 where the limit has none.
    width: usize,
    /// Canonical parameters per recording time; empty where the limit has no particles.
    parameters: Vec<Vec<R>>,
    predictions: Vec<Vec<f64>>,
    risks: Vec<f64>,
    /// On the test part, per recording time; empty without one.
    tests: Vec<TestEvaluation>,
    /// Projections per recording time and family of units that are trained; empty where no Wasserstein distance is recorded.
    projections: Vec<Vec<Option<ReferenceProjections>>>,
}

impl<R: Real> LimitPath<R> {
    /// An empty path of M particles.
    pub fn new(width: usize) -> Self {
        let (parameters, predictions, risks, tests, projections) = Default::default();
        LimitPath { width, parameters, predictions, risks, tests, projections }
    }

    /// An empty path of a limit without particles, which has no coupling distances.
    pub fn without_particles() -> Self {
        Self::new(0)
    }

    /// Number of particles M; 0 where the limit has none.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of recording times so far.
    pub fn len(&self) -> usize {
        self.risks.len()
    }

    /// Whether nothing has been recorded.
    pub fn is_empty(&self) -> bool {
        self.risks.is_empty()
    }

    /// Canonical parameters per recording time.
    pub fn parameters(&self) -> &[Vec<R>] {
        &self.parameters
    }

    /// Predictions (n, K) and risk at recording time `index`.
    pub fn at(&self, index: usize) -> (&[f64], f64) {
        (&self.predictions[index], self.risks[index])
    }

    /// Predictions and loss on the test part at recording time `index`; `None` without one.
    pub fn test_at(&self, index: usize) -> Option<&TestEvaluation> {
        self.tests.get(index)
    }

    /// Projections of the units of every family of [`trained_families`] at recording time `index`.
    pub fn projections(&self, index: usize) -> Option<&Vec<Option<ReferenceProjections>>> {
        self.projections.get(index)
    }

    /// Canonical parameters of the `width` particles from `offset` on, at recording time `index`.
    pub fn window(&self, network: &Network, index: usize, offset: usize, width: usize) -> Vec<R> {
        network.subnetwork(self.width, &self.parameters[index], offset, width.min(self.width))
    }

    /// Appends the next recording time of a limit without particles; `cloud` (atoms, trained parameters) represents its
    /// law, if it has one.
    pub fn push_law(&mut self, problem: &Problem<'_, R>, cloud: Option<Array2<f64>>, evaluation: Evaluation) {
        if problem.experiment.projections() > 0 {
            let projections = cloud.map(|cloud| self.project(problem, 0, cloud.view()));
            self.projections.push(projections.into_iter().collect());
        }
        self.append(Vec::new(), evaluation);
    }

    /// Appends the next recording time.
    pub fn push(&mut self, problem: &Problem<'_, R>, parameters: Vec<R>, evaluation: Evaluation) {
        if problem.experiment.projections() > 0 {
            let theta = to_f64(&parameters);
            let families = trained_families(&problem.network, self.width);
            let projections =
                families.enumerate().map(|(i, family)| self.project(problem, i, family.trained_cloud(&theta)));
            self.projections.push(projections.collect());
        }
        self.append(parameters, evaluation);
    }

    /// Projections of the cloud of a family, on the directions of the recording time before; none where it is not finite,
    /// and the distance is NaN.
    fn project(&self, problem: &Problem<'_, R>, family: usize, cloud: ArrayView2<f64>) -> Option<ReferenceProjections> {
        let before = self.projections.last().and_then(|before| before.get(family)?.as_ref());
        let directions = problem.experiment.projections();
        before
            .map_or_else(
                || ReferenceProjections::new(cloud, directions, problem.experiment.seed),
                |before| before.of(cloud),
            )
            .ok()
    }

    fn append(&mut self, parameters: Vec<R>, evaluation: Evaluation) {
        self.parameters.push(parameters);
        self.predictions.push(evaluation.predictions);
        self.risks.push(evaluation.risk);
        self.tests.extend(evaluation.test);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Activation, ThreeLayer, TwoLayer};

    fn trained(network: impl Into<Network>) -> Vec<(&'static str, usize)> {
        trained_families(&network.into(), 4).map(|family| (family.name, family.trained_per_unit())).collect()
    }

    #[test]
    fn only_what_moves_has_a_distance() {
        let two = TwoLayer { inputs: 3, outputs: 2, bias: false, activation: Activation::Tanh, fixed_output: true };
        assert_eq!(trained(TwoLayer::bump(1)), [("neurons", 1)]);
        assert_eq!(trained(two.clone()), [("neurons", 3)]);
        assert_eq!(trained(TwoLayer { fixed_output: false, ..two }), [("neurons", 5)]);
        let three = |bias: bool, fixed_output: bool| ThreeLayer {
            inputs: 3,
            outputs: 1,
            bias,
            activations: [Activation::Tanh; 2],
            fixed_output,
            proportions: [1, 1],
        };
        assert_eq!(trained(three(true, false)), [("w", 4), ("u", 1), ("a", 2)]);
        assert_eq!(trained(three(true, true)), [("w", 4), ("u", 1), ("a", 1)]);
        // Output weights alone, which are fixed, are left out.
        assert_eq!(trained(three(false, true)), [("w", 3), ("u", 1)]);
    }

    /// The trained coordinate of a bump neuron is its second input weight: the distance is that on the line, whatever
    /// the others are.
    #[test]
    fn the_distance_of_bump_neurons_is_exact() {
        let network = Network::from(TwoLayer::bump(1));
        let neurons = |thetas: &[f64], a: f64| thetas.iter().flat_map(|&t| [-1.0, t, a]).collect::<Vec<f64>>();
        let family = trained_families(&network, 4).next().unwrap();
        let (one, other) = (neurons(&[0.3, -1.0, 2.0, 0.9], 1.4), neurons(&[5.0, 0.1, 0.2, -3.0], -7.0));
        let reference = ReferenceProjections::new(family.trained_cloud(&one), 32, 1).unwrap();
        let found = reference.distance(family.trained_cloud(&other)).unwrap();
        // In order: -1 to -3, 0.3 to 0.1, 0.9 to 0.2, 2 to 5.
        assert!((found - ((4.0 + 0.04 + 0.49 + 9.0) / 4.0_f64).sqrt()).abs() < 1e-14, "{found}");
    }
}
