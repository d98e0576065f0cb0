//! Plain stochastic gradient descent, the first-order baseline on the same clock `t = k eps`.
//!
//! ```text
//! theta <- theta - eps grad Psi(theta) + sqrt(2 tau eps) xi
//! ```

use super::{Force, Integrator, Noise, State, integrator::Motion};
use crate::network::Real;

/// One step of stochastic gradient descent per step; momenta stay zero.
pub struct GradientDescent<R> {
    motion: Motion,
    gradient: Vec<R>,
    normals: Vec<R>,
}

impl<R: Real> GradientDescent<R> {
    /// For states of length `len`.
    pub fn new(motion: Motion, len: usize) -> Self {
        GradientDescent { motion, gradient: vec![R::zero(); len], normals: motion.normals(len) }
    }
}

impl<R: Real> Integrator<R> for GradientDescent<R> {
    fn step(&mut self, force: &mut dyn Force<R>, noise: &mut dyn Noise<R>, state: &mut State<R>) -> f64 {
        let Motion { step: eps, temperature, .. } = self.motion;
        let loss = force.gradient(state.step, &state.theta, &mut self.gradient);
        let kick = R::of(eps);
        state.theta.iter_mut().zip(&self.gradient).for_each(|(theta, &g)| *theta -= kick * g);
        if temperature > 0.0 {
            noise.normals(state.step, &mut self.normals);
            let scale = R::of((2.0 * temperature * eps).sqrt());
            state.theta.iter_mut().zip(&self.normals).for_each(|(theta, &xi)| *theta += scale * xi);
        }
        self.motion.tick(state);
        loss
    }
}
