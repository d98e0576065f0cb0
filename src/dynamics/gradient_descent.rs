//! Plain stochastic gradient descent, the first-order baseline on the same time scale `t = k eps`; MMN.
//!
//! ```text
//! theta <- theta - eps grad Psi(theta) + sqrt(2 tau eps) xi
//! ```

use super::{Force, Integrator, Noise, State, integrator::Motion};
use crate::compute::Real;
use crate::network::StepCoefficients;

/// The gradient-descent integrator; momenta stay zero. Steps are taken in one pass over the state where the force
/// implements [`Force::advance`], otherwise from the gradient; the two differ by rounding.
pub struct GradientDescent<R> {
    motion: Motion,
    gradient: Vec<R>,
    normals: Vec<R>,
}

impl<R: Real> GradientDescent<R> {
    /// An integrator with these constants.
    pub fn new(motion: Motion) -> Self {
        GradientDescent { motion, gradient: Vec::new(), normals: Vec::new() }
    }
}

impl<R: Real> Integrator<R> for GradientDescent<R> {
    fn starts_with_gradient(&self) -> bool {
        true
    }

    fn step(&mut self, force: &mut dyn Force<R>, noise: &mut dyn Noise<R>, state: &mut State<R>) -> f64 {
        let Motion { step: eps, temperature, .. } = self.motion;
        let noise_scale = (2.0 * temperature * eps).sqrt();
        let kick = StepCoefficients { decay: 1.0, kick: eps, drift: 0.0, noise: noise_scale, first_order: true };
        let loss = force.advance(kick, noise, state).unwrap_or_else(|| {
            self.gradient.resize(state.theta.len(), R::zero());
            let loss = force.gradient(state.step, &state.theta, &mut self.gradient);
            let eps = R::of(eps);
            state.theta.iter_mut().zip(&self.gradient).for_each(|(theta, &g)| *theta -= eps * g);
            if temperature > 0.0 {
                self.normals.resize(state.theta.len(), R::zero());
                noise.normals(state.step, &mut self.normals);
                let scale = R::of(noise_scale);
                state.theta.iter_mut().zip(&self.normals).for_each(|(theta, &xi)| *theta += scale * xi);
            }
            loss
        });
        self.motion.count_step(state);
        loss
    }
}
