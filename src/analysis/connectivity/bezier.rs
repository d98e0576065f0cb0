//! A learned curve: the middle point C of `theta(t) = (1-t)^2 P + 2 t (1-t) C + t^2 Q` that lowers the mean loss along it.
//!
//! (Garipov et al., NeurIPS 2018.) `d/dC` of the loss at t is `2 t (1-t)` times the gradient there, so one place on the
//! curve and one batch a step give an unbiased force on C, and heavy ball moves it like any network.

use super::Path;
use crate::compute::Threads;
use crate::compute::rng::{Role, stream};
use crate::dynamics::{Force, Method, Motion, State, Still};
use crate::network::{Batch, Network, Objective, Point};
use rand::RngExt;

/// The force on the middle point.
pub struct CurveForce<'a> {
    /// The model.
    pub network: &'a Network,
    /// Width of the networks.
    pub width: usize,
    /// P and Q as state slices.
    pub ends: [Vec<f64>; 2],
    /// The fixed sample.
    pub population: &'a Batch<f64>,
    /// What is minimised.
    pub objective: Objective,
    /// Samples per step; the whole sample without it.
    pub batch: Option<usize>,
    /// Address of places and batches: (seed, pair).
    pub address: (u64, u64),
}

impl Force<f64> for CurveForce<'_> {
    fn gradient(&mut self, step: u64, theta: &[f64], out: &mut [f64]) -> f64 {
        let mut rng = stream(self.address.0, Role::Curve, self.address.1, step);
        let t: f64 = rng.random();
        let [p, q] = &self.ends;
        let (before, middle, after) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
        let at: Vec<f64> = p.iter().zip(theta).zip(q).map(|((p, c), q)| before * p + middle * c + after * q).collect();
        let (d, outputs) = (self.network.inputs(), self.network.outputs());
        let Batch { x, y } = self.population;
        let drawn = self.batch.map(|size| {
            let mut batch = Batch::default();
            for _ in 0..size {
                let i = rng.random_range(0..y.len() / outputs);
                batch.x.extend_from_slice(&x[i * d..(i + 1) * d]);
                batch.y.extend_from_slice(&y[i * outputs..(i + 1) * outputs]);
            }
            batch
        });
        let batch = drawn.as_ref().unwrap_or(self.population);
        let loss = self.network.potential_gradient(self.width, &at, batch, self.objective, Threads::Pool, out);
        out.iter_mut().for_each(|g| *g *= middle);
        loss
    }
}

/// Trains the middle point for `steps` steps of heavy ball from the middle of the straight line; without a step the curve
/// is that line.
pub fn learn_curve(mut force: CurveForce<'_>, motion: Motion, steps: usize) -> Path {
    let (network, width) = (force.network, force.width);
    let middle: Vec<f64> = force.ends[0].iter().zip(&force.ends[1]).map(|(p, q)| 0.5 * (p + q)).collect();
    let mut state = State::at_rest(middle);
    let mut integrator = motion.integrator(Method::HeavyBall, network.coordinates(width), state.theta.len());
    for _ in 0..steps {
        integrator.step(&mut force, &mut Still, &mut state);
    }
    let canonical = |slice: &[f64]| Point::from_vec(network.to_canonical(width, slice));
    let [p, q] = &force.ends;
    Path::Bezier { points: [canonical(p), canonical(&state.theta), canonical(q)] }
}
