//! A limit at the recording times, with which networks are compared.

use super::evaluation::{Evaluation, to_f64};
use super::problem::Problem;
use crate::analysis::wasserstein::ReferenceProjections;
use crate::compute::Real;
use crate::network::{Family, Network};
use ndarray::Array2;

/// A limit at the recording times.
pub struct LimitPath<R> {
    /// Number of particles M; 0 where the limit has none.
    width: usize,
    /// Canonical parameters per recording time; empty where the limit has no particles.
    parameters: Vec<Vec<R>>,
    predictions: Vec<Vec<f64>>,
    risks: Vec<f64>,
    /// Projections per recording time and family of units; empty where no Wasserstein distance is recorded.
    projections: Vec<Vec<Option<ReferenceProjections>>>,
}

impl<R: Real> LimitPath<R> {
    /// An empty path of M particles.
    pub fn new(width: usize) -> Self {
        let (parameters, predictions, risks, projections) = Default::default();
        LimitPath { width, parameters, predictions, risks, projections }
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

    /// Projections of the units of every family at recording time `index`.
    pub fn projections(&self, index: usize) -> Option<&Vec<Option<ReferenceProjections>>> {
        self.projections.get(index)
    }

    /// Canonical parameters of the `width` particles from `offset` on, at recording time `index`.
    pub fn window(&self, network: &Network, index: usize, offset: usize, width: usize) -> Vec<R> {
        network.subnetwork(self.width, &self.parameters[index], offset, width.min(self.width))
    }

    /// Appends the next recording time of a limit without particles; `cloud` (atoms, p) represents its law, if it has
    /// one.
    pub fn push_law(&mut self, problem: &Problem<'_, R>, cloud: Option<Array2<f64>>, evaluation: Evaluation) {
        let directions = problem.experiment.projections();
        if directions > 0 {
            let projections =
                |cloud: Array2<f64>| ReferenceProjections::new(cloud.view(), directions, problem.experiment.seed).ok();
            self.projections.push(cloud.map(projections).into_iter().collect());
        }
        self.append(Vec::new(), evaluation);
    }

    /// Appends the next recording time.
    pub fn push(&mut self, problem: &Problem<'_, R>, parameters: Vec<R>, evaluation: Evaluation) {
        let directions = problem.experiment.projections();
        if directions > 0 {
            let theta = to_f64(&parameters);
            // A cloud that is not finite has no projections, and the distance is NaN.
            let projections = |family: Family| {
                ReferenceProjections::new(family.cloud(&theta), directions, problem.experiment.seed).ok()
            };
            self.projections.push(problem.network.families(self.width).into_iter().map(projections).collect());
        }
        self.append(parameters, evaluation);
    }

    fn append(&mut self, parameters: Vec<R>, evaluation: Evaluation) {
        self.parameters.push(parameters);
        self.predictions.push(evaluation.predictions);
        self.risks.push(evaluation.risk);
    }
}
