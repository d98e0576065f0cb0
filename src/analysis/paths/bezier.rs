//! A trained quadratic Bezier curve: the control point C of `theta(t) = (1-t)^2 P + 2 t (1-t) C + t^2 Q` that minimises
//! the mean loss along the curve.
//!
//! Garipov et al., NeurIPS 2018. The derivative of the loss at t in C is `2 t (1-t)` times the gradient there, so that
//! one t and one batch per step give an unbiased estimate of the gradient in C, which heavy ball uses.

use super::{Path, Proceed};
use crate::compute::Threads;
use crate::compute::rng::{Role, stream};
use crate::dynamics::{Ensemble, Force, Method, Motion, Scheme, Simulation, State, StopReason, TimeLoop};
use crate::network::kernel::{LabelledSamples, Samples};
use crate::network::{Batch, Model, ParameterVector, Workspace};
use rand::RngExt;

/// The force on the control point C.
pub struct CurveForce<'a> {
    ensemble: Ensemble<'a, f64>,
    ends: [Vec<f64>; 2],
    batch: Option<usize>,
    seed: u64,
    pair: u64,
    threads: Threads,
    /// The network at t.
    at: Vec<f64>,
    samples: Samples<f64>,
    labels: Vec<f64>,
    workspace: Workspace<f64>,
}

impl<'a> CurveForce<'a> {
    /// The force for the networks' model and width, the fixed sample and the objective. `ends` are P and Q in the layout
    /// of the state, `batch` the samples per step, `None` for the whole sample. The pair of networks, together with the
    /// seed of the experiment and the step, determines t and the batch.
    pub fn new(
        ensemble: Ensemble<'a, f64>,
        ends: [Vec<f64>; 2],
        batch: Option<usize>,
        (seed, pair): (u64, u64),
        threads: Threads,
    ) -> Self {
        let (mut samples, mut labels) = (Samples::default(), Vec::new());
        if batch.is_none() {
            let (x, d) = (&ensemble.population.x, ensemble.network.inputs());
            samples.reset(x.len() / d, d, Some(ensemble.network.bias()));
            samples.fill(|s| &x[s * d..(s + 1) * d]);
            labels.clone_from(&ensemble.population.y);
        }
        let (at, workspace) = Default::default();
        CurveForce { ensemble, ends, batch, seed, pair, threads, at, samples, labels, workspace }
    }
}

impl Force<f64> for CurveForce<'_> {
    fn gradient(&mut self, step: u64, theta: &[f64], out: &mut [f64]) -> f64 {
        let Ensemble { network, width, population, objective } = self.ensemble;
        let mut rng = stream(self.seed, Role::Curve, self.pair, step);
        let t: f64 = rng.random();
        let [p, q] = &self.ends;
        let (before, middle, after) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
        self.at.clear();
        self.at.extend(p.iter().zip(theta).zip(q).map(|((p, c), q)| before * p + middle * c + after * q));
        let (d, outputs) = (network.inputs(), network.outputs());
        let Batch { x, y } = population;
        if let Some(size) = self.batch {
            self.samples.reset(size, d, Some(network.bias()));
            self.labels.clear();
            for s in 0..size {
                let i = rng.random_range(0..y.len() / outputs);
                self.samples.set(s, &x[i * d..(i + 1) * d]);
                self.labels.extend_from_slice(&y[i * outputs..(i + 1) * outputs]);
            }
        }
        let model = Model { network, width, threads: self.threads };
        let batch = LabelledSamples { samples: &self.samples, y: &self.labels };
        let loss = self.workspace.gradient(model, objective, &self.at, batch, out);
        network.zero_fixed_gradient(width, out);
        out.iter_mut().for_each(|g| *g *= middle);
        loss
    }
}

/// Trains the control point for `steps` steps of heavy ball, from the midpoint of the straight line; with `steps = 0`
/// the curve is that line. Calls `proceed` before every step; returns `None` where it was interrupted.
pub fn train_curve(force: CurveForce<'_>, motion: Motion, steps: usize, proceed: &Proceed<'_>) -> Option<Path> {
    let Ensemble { network, width, .. } = force.ensemble;
    let canonical = |theta: &[f64]| ParameterVector::from_vec(network.to_canonical(width, theta));
    let [p, q] = force.ends.each_ref().map(|end| canonical(end));
    let middle: Vec<f64> = force.ends[0].iter().zip(&force.ends[1]).map(|(p, q)| 0.5 * (p + q)).collect();
    let scheme = Scheme { method: Method::HeavyBall, motion };
    let integrator = scheme.integrator(network.coordinates(width), middle.len());
    let mut simulation = Simulation::noise_free(State::at_rest(middle), integrator, force);
    let times = [0.0, steps as f64 * motion.step];
    let times = if steps == 0 { &times[..1] } else { &times[..] };
    let interrupted = |time: f64| !proceed(time / (steps as f64 * motion.step));
    let time_loop = TimeLoop::over(times).interrupted_when(&interrupted);
    let Ok(stop) = time_loop.run(&mut simulation, &mut |_: usize, _: &State<f64>| f64::NAN);
    let complete = !matches!(stop, StopReason::Interrupted { .. });
    complete.then(|| Path::Bezier { points: [p, canonical(&simulation.state.theta), q] })
}
