//! The output layer of a trained network, and the optimal brain surgeon on the neurons that it reads.
//!
//! The prediction is linear in the output weights: with the activations `h_i` of the N neurons of the last hidden layer,
//! `f(x) = sum_i b_i h_i(x)`, `b_i = a_i / N` in R^K. Over the sample, with the mean loss `R` and the trained weights `b0`,
//!
//! ```text
//! G = E h h^T (N, N),   g = E h l'(f)^T (N, K),   B = c G + delta I
//! Q(b) = R(b0) + <g, b - b0> + <b - b0, B (b - b0)> / 2  >=  R(b) + delta |b - b0|^2 / 2
//! ```
//!
//! where `c` bounds the curvature of the loss: 1 (half-squared), 1/4 (logistic), 1/2 (softmax; Boehning, Lindsay 1988). For the
//! half-squared loss both sides are equal. `Q` has the same Hessian for every output, so that removing a neuron and
//! adjusting the others (Hassibi, Stork 1993; WMSKA) costs `|v_i|^2 / (2 [B^-1]_ii)` at the minimum `v = b0 - B^-1 g` of
//! Q, exactly. Because `Q` is never below `R`, a step to its minimum on any set of neurons does not increase the loss.

use super::dropout::DropoutNetwork;
use crate::compute::vector::dot;
use crate::network::Loss;
use crate::sparse::recovery::dense::{gram, inner_products, principal, sum_over_samples, symmetric_times};
use crate::sparse::recovery::{
    Cholesky, DampedInverse, EliminationStep, Interrupt, RecoveryError, RowElimination, eliminate_rows,
};
use faer::Mat;
use std::sync::Arc;

/// Most steps of a refit; the half-squared loss needs one but for the damping.
const REFIT_STEPS: usize = 50;
/// Relative decrease of the loss below which a refit ends.
const REFIT_TOLERANCE: f64 = 1e-6;

/// Output weights `b`: for each of the K outputs those of all neurons (N).
pub type OutputWeights = Vec<Vec<f64>>;

/// The output layer of a network on a sample.
pub struct OutputLayer<'a> {
    /// Activations (N, n), one sample per column.
    features: Mat<f64>,
    /// Labels (n, K), row-major.
    labels: Vec<f64>,
    loss: Loss,
    /// `b0`.
    trained: OutputWeights,
    /// `g`, at the trained weights.
    gradient: OutputWeights,
    /// `B` and its inverse.
    inverse: DampedInverse<'a>,
}

/// The neurons in the order in which the optimal brain surgeon removes them.
#[derive(Clone, Debug, PartialEq)]
pub struct NeuronElimination {
    /// The minimum of the model Q over the weights of all neurons.
    pub minimum: f64,
    /// The removed neurons with their costs, in order.
    pub steps: Vec<EliminationStep>,
}

impl NeuronElimination {
    /// The kept neurons, increasing, and the minimum of the model over their weights, where `kept` of `neurons` remain.
    pub fn keeping(&self, neurons: usize, kept: usize) -> (Vec<usize>, f64) {
        let steps = &self.steps[..neurons - kept];
        let mut remains = vec![true; neurons];
        steps.iter().for_each(|step| remains[step.index] = false);
        let model = self.minimum + steps.iter().map(|step| step.cost).sum::<f64>();
        ((0..neurons).filter(|&i| remains[i]).collect(), model)
    }
}

/// A bound on the second derivative of a loss in the prediction.
fn curvature_bound(loss: Loss) -> f64 {
    match loss {
        Loss::HalfSquared => 1.0,
        Loss::Logistic => 0.25,
        Loss::Softmax => 0.5,
    }
}

impl<'a> OutputLayer<'a> {
    /// The output layer of a network; delta is `damping` times the mean diagonal of `c G`, or more where that is singular.
    ///
    /// # Errors
    /// [`RecoveryError::Indefinite`] where no damping makes B positive definite, as where all activations are 0;
    /// [`RecoveryError::Interrupted`].
    pub fn new(network: &DropoutNetwork<'_>, damping: f64, interrupt: Interrupt<'a>) -> Result<Self, RecoveryError> {
        let hidden = network.network.hidden(network.width, network.parameters, network.x);
        let (neurons, samples) = hidden.dim();
        let features = Mat::from_fn(neurons, samples, |i, s| hidden[[i, s]]);
        drop(hidden);
        let scale = vec![curvature_bound(network.loss) / samples as f64; samples];
        let hessian = gram(features.as_ref(), Some(&scale), interrupt);
        interrupt.check()?;
        let inverse = DampedInverse::new(Arc::new(hessian), damping, interrupt)?;
        let output = network.network.output_weights(network.width, network.parameters);
        let trained = output.columns().into_iter().map(|a| a.iter().map(|a| a / neurons as f64).collect()).collect();
        let labels = network.y.iter().copied().collect();
        let mut layer = OutputLayer { features, labels, loss: network.loss, trained, gradient: Vec::new(), inverse };
        layer.gradient = layer.gradient_at(&layer.trained);
        Ok(layer)
    }

    /// Neurons N.
    pub fn neurons(&self) -> usize {
        self.features.nrows()
    }

    /// The trained weights `b0`.
    pub fn trained(&self) -> &OutputWeights {
        &self.trained
    }

    /// The damping delta over the mean diagonal, and whether it is larger than requested.
    pub fn damping(&self) -> (f64, bool) {
        (self.inverse.damping, self.inverse.raised)
    }

    /// The mean loss `R(b)`, by a pass over the sample.
    pub fn loss(&self, weights: &OutputWeights) -> f64 {
        self.loss.mean(&self.predictions(weights), &self.labels, self.trained.len())
    }

    /// Predictions (n, K), row-major.
    fn predictions(&self, weights: &OutputWeights) -> Vec<f64> {
        let outputs = weights.len();
        let mut f = vec![0.0; self.labels.len()];
        for (k, b) in weights.iter().enumerate() {
            let of_output = inner_products(self.features.as_ref(), b);
            f.iter_mut().skip(k).step_by(outputs).zip(of_output).for_each(|(f, v)| *f = v);
        }
        f
    }

    /// The gradient of R in the weights.
    fn gradient_at(&self, weights: &OutputWeights) -> OutputWeights {
        let outputs = weights.len();
        let mut residuals = vec![0.0; self.labels.len()];
        self.loss.residuals(&self.predictions(weights), &self.labels, outputs, &mut residuals);
        let of_output = |k| sum_over_samples(self.features.as_ref(), |s, _| (0.0, residuals[s * outputs + k])).1;
        (0..outputs).map(of_output).collect()
    }

    /// `sqrt(E_x |a_i h_i(x)|^2) / N` of every neuron: the norm of its contribution to the prediction.
    pub fn contributions(&self) -> Vec<f64> {
        let hessian = self.inverse.hessian();
        let bound = curvature_bound(self.loss);
        let square = |i: usize| self.trained.iter().map(|b| b[i] * b[i]).sum::<f64>();
        (0..self.neurons()).map(|i| (square(i) * hessian[(i, i)] / bound).sqrt()).collect()
    }

    /// The trained weights of the neurons in `kept` times `factor`, 0 for the others.
    pub fn restricted(&self, kept: &[usize], factor: f64) -> OutputWeights {
        let restrict = |b: &Vec<f64>| {
            let mut out = vec![0.0; b.len()];
            kept.iter().for_each(|&i| out[i] = factor * b[i]);
            out
        };
        self.trained.iter().map(restrict).collect()
    }

    /// Removes neurons one by one down to `kept`, each time the one whose removal costs least in the model Q once the
    /// others are adjusted. Of equal costs the higher index is removed.
    ///
    /// # Errors
    /// [`RecoveryError::Interrupted`].
    pub fn eliminate(&self, kept: usize) -> Result<NeuronElimination, RecoveryError> {
        let mut minimum = self.loss(&self.trained);
        let mut newton = self.trained.clone();
        for (v, g) in newton.iter_mut().zip(&self.gradient) {
            let step = self.inverse.solve(g);
            minimum -= 0.5 * dot(g, &step);
            v.iter_mut().zip(&step).for_each(|(v, step)| *v -= step);
        }
        let inverse = self.inverse.matrix();
        let RowElimination { steps, .. } = eliminate_rows(newton, inverse, kept, self.inverse.interrupt);
        self.inverse.interrupt.check()?;
        Ok(NeuronElimination { minimum, steps })
    }

    /// The minimum of the model Q over the weights of the neurons in `kept` (increasing), by a solution of its own: the
    /// weights after the removal of the others with compensation.
    ///
    /// # Errors
    /// [`RecoveryError::Interrupted`]; [`RecoveryError::Indefinite`] where rounding makes the matrix singular.
    pub fn compensated(&self, kept: &[usize]) -> Result<OutputWeights, RecoveryError> {
        let factor = self.factor(kept)?;
        let mut removed = vec![true; self.neurons()];
        kept.iter().for_each(|&i| removed[i] = false);
        let of_output = |(b, g): (&Vec<f64>, &Vec<f64>)| {
            let lost: Vec<f64> = b.iter().zip(&removed).map(|(&b, &removed)| if removed { b } else { 0.0 }).collect();
            let product = symmetric_times(self.inverse.hessian(), &lost);
            let mut change: Vec<f64> = kept.iter().map(|&i| product[i] - g[i]).collect();
            factor.solve(&mut change);
            let mut out = vec![0.0; b.len()];
            kept.iter().zip(change).for_each(|(&i, change)| out[i] = b[i] + change);
            out
        };
        Ok(self.trained.iter().zip(&self.gradient).map(of_output).collect())
    }

    /// `delta |b - b0|^2 / 2`, by which Q exceeds R for the half-squared loss.
    pub fn penalty(&self, weights: &OutputWeights) -> f64 {
        let square = |(b, b0): (&Vec<f64>, &Vec<f64>)| b.iter().zip(b0).map(|(b, b0)| (b - b0).powi(2)).sum::<f64>();
        0.5 * self.inverse.shift * weights.iter().zip(&self.trained).map(square).sum::<f64>()
    }

    /// Refits the weights of the neurons in `kept` (increasing) from `start`, which is 0 on the others, by steps to the
    /// minimum of the model about the last weights, until the loss falls no further; returns the last loss, which the
    /// model bounds by that of the start.
    ///
    /// # Errors
    /// Those of [`OutputLayer::compensated`].
    pub fn refit(&self, kept: &[usize], start: OutputWeights) -> Result<f64, RecoveryError> {
        let factor = self.factor(kept)?;
        let (mut weights, mut loss) = (start.clone(), self.loss(&start));
        for _ in 0..REFIT_STEPS {
            self.inverse.interrupt.check()?;
            let gradient = self.gradient_at(&weights);
            for (b, g) in weights.iter_mut().zip(gradient) {
                let mut change: Vec<f64> = kept.iter().map(|&i| g[i]).collect();
                factor.solve(&mut change);
                kept.iter().zip(change).for_each(|(&i, change)| b[i] -= change);
            }
            let before = loss;
            loss = self.loss(&weights);
            if before - loss <= REFIT_TOLERANCE * before {
                break;
            }
        }
        Ok(loss)
    }

    /// The factor of B on the neurons in `kept`.
    fn factor(&self, kept: &[usize]) -> Result<Cholesky, RecoveryError> {
        let interrupt = self.inverse.interrupt;
        let factor = Cholesky::new(principal(self.inverse.hessian(), kept).as_ref(), self.inverse.shift, interrupt);
        interrupt.check()?;
        factor.map_err(|_| RecoveryError::Indefinite { damping: self.inverse.damping })
    }
}
