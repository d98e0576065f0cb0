//! A tangent cloud in the field of another, larger limit.

use crate::compute::Threads;
use crate::dynamics::{Ensemble, Force, StageTime};
use crate::network::TwoLayer;
use crate::network::kernel::{Samples, TwoLayerModel, TwoLayerWorkspace};

/// Nodes that predictions are interpolated from: a cubic in time, whose error has the order of classical Runge-Kutta.
const STENCIL: usize = 4;

/// Predictions of a larger limit at the stages of an integrator, for a cloud that follows that limit instead of its own
/// average.
pub trait GivenField: Sync {
    /// Writes the predictions `f_t(x)`, (n, K), at a stage.
    fn predictions(&self, at: StageTime, out: &mut [f64]);
}

/// Predictions that were recorded at the start of every step and after the last. Between the nodes they are
/// interpolated by the cubic through the four nearest (fewer where there are fewer).
#[derive(Clone, Debug)]
pub struct RecordedField {
    /// Predictions (n, K) by node.
    pub nodes: Vec<Vec<f64>>,
}

impl GivenField for RecordedField {
    fn predictions(&self, at: StageTime, out: &mut [f64]) {
        let (step, fraction) = (at.step as usize, at.fraction);
        if fraction == 0.0 || fraction == 1.0 {
            out.copy_from_slice(&self.nodes[step + fraction as usize]);
            return;
        }
        let points = STENCIL.min(self.nodes.len());
        let first = step.saturating_sub(STENCIL / 2 - 1).min(self.nodes.len() - points);
        let s = (step - first) as f64 + fraction;
        out.fill(0.0);
        for j in 0..points {
            let others = (0..points).filter(|&l| l != j);
            let weight: f64 = others.map(|l| (s - l as f64) / (j as f64 - l as f64)).product();
            out.iter_mut().zip(&self.nodes[first + j]).for_each(|(out, f)| *out += weight * f);
        }
    }
}

/// The gradient of the potential of the particles of a cloud in a given field.
pub struct GivenForce<'a> {
    ensemble: Ensemble<'a, f64>,
    network: &'a TwoLayer,
    field: &'a dyn GivenField,
    samples: Samples<f64>,
    threads: Threads,
    workspace: TwoLayerWorkspace<f64>,
    f: Vec<f64>,
    residual: Vec<f64>,
}

impl<'a> GivenForce<'a> {
    /// The force on the cloud of an ensemble of two-layer networks.
    pub fn new(
        ensemble: Ensemble<'a, f64>,
        network: &'a TwoLayer,
        field: &'a dyn GivenField,
        threads: Threads,
    ) -> Self {
        let (x, d) = (&ensemble.population.x, network.inputs);
        let mut samples = Samples::default();
        samples.reset(x.len() / d, d, Some(network.bias));
        samples.fill(|s| &x[s * d..(s + 1) * d]);
        let [f, residual] = [(); 2].map(|()| vec![0.0; ensemble.population.y.len()]);
        GivenForce { ensemble, network, field, samples, threads, workspace: TwoLayerWorkspace::default(), f, residual }
    }
}

impl Force<f64> for GivenForce<'_> {
    fn gradient(&mut self, step: u64, theta: &[f64], out: &mut [f64]) -> f64 {
        self.gradient_within(StageTime::start(step), theta, out)
    }

    fn gradient_within(&mut self, at: StageTime, theta: &[f64], out: &mut [f64]) -> f64 {
        let GivenForce { ensemble, network, field, samples, threads, workspace, f, residual } = self;
        let Ensemble { width, population, objective, .. } = *ensemble;
        field.predictions(at, f);
        objective.loss.residuals(f, &population.y, network.outputs, residual);
        let model = TwoLayerModel { network, width, threads: *threads };
        workspace.gradient_for_residuals(model, objective.ridge, theta, samples, residual, out);
        network.zero_fixed_gradient(width, out);
        objective.loss.mean(f, &population.y, network.outputs)
    }
}
