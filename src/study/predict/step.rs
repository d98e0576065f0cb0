//! The part of the step: the limit by the networks' method and step beside the limit in continuous time, on one cloud.

use super::cloud::TangentCloud;
use super::record::StepTermArrays;
use crate::compute::Threads;
use crate::dynamics::{Method, Scheme, State};
use crate::record::npz::shaped;
use crate::run::context::RunError;
use ndarray::{Array1, Array2};

/// Longest step of the limit in continuous time, by classical Runge-Kutta: its error is far below that of the methods of
/// networks.
const LONGEST_EXACT_STEP: f64 = 0.05;

/// The part of the step.
pub(super) struct StepTerm {
    /// What is recorded.
    pub arrays: StepTermArrays,
    /// `(f_eps - f) / eps` of the networks' own step at the recording times, each (n K).
    pub slope: Vec<Vec<f64>>,
    /// The same of the mean square of the parameters at the end.
    pub norm_slope: f64,
}

/// A cloud at the recording times.
struct CloudPath {
    parameters: Vec<Vec<f64>>,
    /// Each (n K).
    predictions: Vec<Vec<f64>>,
}

impl CloudPath {
    fn new(cloud: &TangentCloud<'_>, scheme: Scheme, interrupted: &dyn Fn(f64) -> bool) -> Result<Self, RunError> {
        let ensemble = cloud.ensemble();
        let (mut parameters, mut predictions) = (Vec::new(), Vec::new());
        cloud.simulate(scheme, &cloud.problem.times, interrupted, &mut |_, state: &State<f64>| {
            let f = ensemble.network.predict(ensemble.width, &state.theta, &ensemble.population.x, Threads::Pool);
            predictions.push(f);
            parameters.push(state.theta.clone());
        })?;
        Ok(CloudPath { parameters, predictions })
    }

    /// The path less another: predictions at every recording time.
    fn minus(&self, other: &CloudPath) -> Vec<Vec<f64>> {
        let difference = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a - b).collect();
        self.predictions.iter().zip(&other.predictions).map(difference).collect()
    }
}

impl StepTerm {
    /// The part of every one of `steps`. `proceed` is called with the completed fraction and returns whether to go on.
    ///
    /// # Errors
    /// Interrupted computations.
    pub fn new(cloud: &TangentCloud<'_>, steps: &[f64], proceed: &dyn Fn(f64) -> bool) -> Result<Self, RunError> {
        let e = cloud.problem.experiment;
        let (own, horizon, ensemble) = (e.dynamics.step, e.horizon.time, cloud.ensemble());
        let runs = steps.len() as f64 + 2.0;
        let path = |method: Method, step: f64, index: usize| {
            let scheme = Scheme { method, motion: e.dynamics.motion(step) };
            CloudPath::new(cloud, scheme, &|t| !proceed((index as f64 + t / horizon) / runs))
        };
        let interval = e.horizon.interval();
        let exact_step = interval / (interval / LONGEST_EXACT_STEP - 1e-9).ceil().max(1.0);
        let exact = path(Method::Rk4, exact_step, 0)?;
        let (labels, outputs) = (&ensemble.population.y, ensemble.network.outputs());
        let samples = (labels.len() / outputs) as f64;
        let norm = |v: &Vec<f64>| (v.iter().map(|v| v * v).sum::<f64>() / samples).sqrt();
        let norm_of = |parameters: &[f64]| ensemble.network.mean_square(ensemble.width, parameters);
        let loss = |f: &Vec<f64>| ensemble.objective.loss.mean(f, labels, outputs);
        // With the ridge term. Weights that are not trained are the same in both.
        let risk = |path: &CloudPath, t: usize| {
            loss(&path.predictions[t]) + 0.5 * ensemble.objective.ridge * norm_of(&path.parameters[t])
        };
        let coupling = |(a, b): (&Vec<f64>, &Vec<f64>)| {
            let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
            ensemble.network.mean_square(ensemble.width, &difference).sqrt()
        };
        let (mut function, mut losses, mut couplings, mut slope) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut norm_slope, mut halved) = (0.0, None);
        for (index, &step) in steps.iter().enumerate() {
            let found = path(e.dynamics.method, step, index + 1)?;
            let offset = found.minus(&exact);
            function.extend(offset.iter().map(norm));
            losses.extend((0..offset.len()).map(|t| risk(&found, t) - risk(&exact, t)));
            couplings.extend(found.parameters.iter().zip(&exact.parameters).map(coupling));
            if step == 0.5 * own {
                halved = Some(offset.clone());
            }
            if step == own {
                let end = offset.len() - 1;
                norm_slope = (norm_of(&found.parameters[end]) - norm_of(&exact.parameters[end])) / own;
                slope = offset.iter().map(|offset| offset.iter().map(|v| v / own).collect()).collect();
            }
        }
        // Half of the step is often one of the steps.
        let halved = match halved {
            Some(offset) => offset,
            None => path(e.dynamics.method, 0.5 * own, steps.len() + 1)?.minus(&exact),
        };
        let order = |(slope, halved): (&Vec<f64>, &Vec<f64>)| (own * norm(slope) / norm(halved)).log2();
        let table = |values: Vec<f64>| -> Array2<f64> { shaped((steps.len(), values.len() / steps.len()), values) };
        let arrays = StepTermArrays {
            values: Array1::from(steps.to_vec()),
            function: table(function),
            loss: table(losses),
            coupling: table(couplings),
            order: slope.iter().zip(&halved).map(order).collect(),
        };
        Ok(StepTerm { arrays, slope, norm_slope })
    }
}

impl StepTermArrays {
    /// Whether these are numbers of so many steps and recording times.
    pub(super) fn fits(&self, steps: usize, times: usize) -> bool {
        self.values.len() == steps
            && self.order.len() == times
            && [&self.function, &self.loss, &self.coupling].iter().all(|table| table.dim() == (steps, times))
    }
}
