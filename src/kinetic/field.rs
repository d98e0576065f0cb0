//! The self-consistent field of neurons with one trained parameter, by quadrature.
//!
//! ```text
//! f_rho(x_s) = sum_i rho(theta_i) phi(x_s; theta_i) spacing
//! Psi'(theta_i; rho) = sum_s (1/n) <dloss(f_rho(x_s), y_s), d_theta phi(x_s; theta_i)> + ridge theta_i
//! ```
//!
//! (theory section 1). The samples are the population, all equally likely, so that the sums over them are exact; the
//! sums over nodes converge faster than any power of the spacing for smooth neurons.

use super::GridAxis;
use super::grid::KineticError;
use crate::network::{Objective, TwoLayer};
use ndarray::{Array1, Array2, ArrayView2, aview1};

/// The self-consistent field: features of every sample at every node, labels and objective.
#[derive(Clone, Debug)]
pub struct MeanField {
    axis: GridAxis,
    outputs: usize,
    objective: Objective,
    /// Labels (n K).
    y: Vec<f64>,
    /// Weights of the samples (n), of sum 1; `None` where all are equal.
    weights: Option<Vec<f64>>,
    /// `phi_k(x_s; theta_i)` and its derivative in theta, (n K, nodes).
    features: Array2<f64>,
    slopes: Array2<f64>,
    thetas: Vec<f64>,
}

impl MeanField {
    /// The field of neurons whose feature and slope at `(sample s, output k, theta)` are `phi(s, k, theta)`, for labels
    /// y (n, K).
    pub fn new(
        axis: GridAxis,
        y: ArrayView2<f64>,
        objective: Objective,
        phi: impl Fn(usize, usize, f64) -> (f64, f64),
    ) -> Self {
        let (n, outputs) = y.dim();
        let thetas = axis.points();
        let pairs =
            Array2::from_shape_fn((n * outputs, axis.nodes), |(row, i)| phi(row / outputs, row % outputs, thetas[i]));
        MeanField {
            axis,
            outputs,
            objective,
            y: y.iter().copied().collect(),
            weights: None,
            features: pairs.mapv(|(value, _)| value),
            slopes: pairs.mapv(|(_, slope)| slope),
            thetas,
        }
    }

    /// As [`MeanField::new`], for samples that are the nodes of a quadrature with weights (n) of sum 1.
    pub fn weighted(
        axis: GridAxis,
        y: ArrayView2<f64>,
        weights: Vec<f64>,
        objective: Objective,
        phi: impl Fn(usize, usize, f64) -> (f64, f64),
    ) -> Self {
        MeanField { weights: Some(weights), ..Self::new(axis, y, objective, phi) }
    }

    /// The field of a network with one trained parameter per neuron on samples x (n, d), y (n, K); `neuron` (p) holds
    /// the parameters that are not trained.
    ///
    /// # Errors
    /// [`KineticError::Parameters`] for a network with another number of trained parameters, or a trained output
    /// weight.
    pub fn of_network(
        network: &TwoLayer,
        neuron: &[f64],
        axis: GridAxis,
        (x, y): (ArrayView2<f64>, ArrayView2<f64>),
        objective: Objective,
    ) -> Result<Self, KineticError> {
        let trained = network.trained();
        if trained.len() != 1 || trained.start >= network.inputs + usize::from(network.bias) {
            let expected = "network.kind = \"bump\", or one input, no bias and fixed output weights";
            return Err(KineticError::Parameters { trained: trained.len(), expected });
        }
        let row = trained.start;
        let a = &neuron[network.parameters() - network.outputs..];
        let fixed_part = |s: usize| {
            let w = (0..network.inputs).filter(|&j| j != row).map(|j| neuron[j] * x[[s, j]]).sum::<f64>();
            if network.bias && row != network.inputs { w + neuron[network.inputs] } else { w }
        };
        let factor = |s: usize| if row < network.inputs { x[[s, row]] } else { 1.0 };
        Ok(Self::new(axis, y, objective, |s, k, theta| {
            let z = factor(s) * theta + fixed_part(s);
            let sigma = network.activation;
            (a[k] * sigma.value(z), a[k] * sigma.derivative(z) * factor(s))
        }))
    }

    /// The length scale over which a feature changes by its own size: the minimum over samples of the largest feature
    /// divided by the largest slope; infinite where all features are constant.
    pub fn length(&self) -> f64 {
        let largest = |row: ndarray::ArrayView1<f64>| row.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let lengths = self.features.rows().into_iter().zip(self.slopes.rows()).map(|(f, s)| (largest(f), largest(s)));
        lengths.filter(|&(_, s)| s > 0.0).map(|(f, s)| f / s).fold(f64::INFINITY, f64::min)
    }

    /// The nodes of theta.
    pub fn axis(&self) -> GridAxis {
        self.axis
    }

    /// Predictions `f_rho(x_s)`, (n K) row-major, of a density on the nodes.
    pub fn predictions(&self, rho: &[f64]) -> Vec<f64> {
        (self.features.dot(&aview1(rho)) * self.axis.spacing()).to_vec()
    }

    /// The mean loss of predictions (n K).
    pub fn loss(&self, f: &[f64]) -> f64 {
        let Some(weights) = &self.weights else { return self.objective.loss.mean(f, &self.y, self.outputs) };
        let samples = f.chunks_exact(self.outputs).zip(self.y.chunks_exact(self.outputs)).zip(weights);
        samples.map(|((f, y), w)| w * self.objective.loss.value(f, y)).sum()
    }

    /// `(ridge / 2) int theta^2 rho`.
    pub fn penalty(&self, rho: &[f64]) -> f64 {
        let second: f64 = rho.iter().zip(&self.thetas).map(|(rho, theta)| rho * theta * theta).sum();
        0.5 * self.objective.ridge * second * self.axis.spacing()
    }

    /// Writes `Psi'(theta_i; rho)` on the nodes; returns the mean loss of `rho`.
    pub fn gradient(&self, rho: &[f64], out: &mut [f64]) -> f64 {
        let f = self.predictions(rho);
        let slope = self.residuals(&f).dot(&self.slopes);
        for ((out, slope), theta) in out.iter_mut().zip(&slope).zip(&self.thetas) {
            *out = slope + self.objective.ridge * theta;
        }
        self.loss(&f)
    }

    /// `Psi(theta_i; rho)` on the nodes.
    pub fn potential(&self, rho: &[f64]) -> Vec<f64> {
        let level = self.residuals(&self.predictions(rho)).dot(&self.features);
        let ridge = |theta: &f64| 0.5 * self.objective.ridge * theta * theta;
        level.iter().zip(&self.thetas).map(|(level, theta)| level + ridge(theta)).collect()
    }

    /// Derivatives of the loss with respect to the predictions, times the weights of the samples (1/n where equal), (n
    /// K).
    fn residuals(&self, f: &[f64]) -> Array1<f64> {
        let mut residuals = Array1::zeros(f.len());
        let out = residuals.as_slice_mut().expect("a vector is contiguous");
        self.objective.loss.residuals(f, &self.y, self.outputs, out);
        if let Some(weights) = &self.weights {
            let n = weights.len() as f64;
            for (out, w) in out.chunks_exact_mut(self.outputs).zip(weights) {
                out.iter_mut().for_each(|e| *e *= n * w);
            }
        }
        residuals
    }
}
