//! A trained quadratic Bezier curve: the control point C of `theta(t) = (1-t)^2 P + 2 t (1-t) C + t^2 Q` that minimises
//! the mean loss along the curve.
//!
//! Garipov et al., NeurIPS 2018. The derivative of the loss at t in C is `2 t (1-t)` times the gradient there, so that
//! one t and one batch per step give an unbiased estimate of the gradient in C, which heavy ball uses.

use super::{Path, Proceed};
use crate::compute::Threads;
use crate::compute::rng::{Role, stream};
use crate::dynamics::{Ensemble, Force, Method, Motion, Scheme, Simulation, State, StopReason, TimeLoop};
use crate::network::{Batch, ParameterVector};
use rand::RngExt;

/// The force on the control point C.
pub struct CurveForce<'a> {
    /// The networks' model and width, the fixed sample and the objective.
    pub ensemble: Ensemble<'a, f64>,
    /// P and Q in the layout of the state.
    pub ends: [Vec<f64>; 2],
    /// Samples per step; `None` for the whole sample.
    pub batch: Option<usize>,
    /// Seed of the experiment.
    pub seed: u64,
    /// Pair of networks: with seed and step it determines t and the batch.
    pub pair: u64,
}

impl Force<f64> for CurveForce<'_> {
    fn gradient(&mut self, step: u64, theta: &[f64], out: &mut [f64]) -> f64 {
        let Ensemble { network, width, population, objective } = self.ensemble;
        let mut rng = stream(self.seed, Role::Curve, self.pair, step);
        let t: f64 = rng.random();
        let [p, q] = &self.ends;
        let (before, middle, after) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
        let at: Vec<f64> = p.iter().zip(theta).zip(q).map(|((p, c), q)| before * p + middle * c + after * q).collect();
        let (d, outputs) = (network.inputs(), network.outputs());
        let Batch { x, y } = population;
        let drawn = self.batch.map(|size| {
            let mut batch = Batch::default();
            for _ in 0..size {
                let i = rng.random_range(0..y.len() / outputs);
                batch.x.extend_from_slice(&x[i * d..(i + 1) * d]);
                batch.y.extend_from_slice(&y[i * outputs..(i + 1) * outputs]);
            }
            batch
        });
        let batch = drawn.as_ref().unwrap_or(population);
        let loss = network.potential_gradient(width, &at, batch, objective, Threads::Pool, out);
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
