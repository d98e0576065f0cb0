//! Stochastic heavy ball; WKM section 3, KCH.
//!
//! ```text
//! r     <- (1 - gamma eps) r - eps grad Psi(theta) + sqrt(2 gamma tau eps) xi
//! theta <- theta + eps r
//! ```
//!
//! It is gradient descent with Polyak momentum `1 - gamma eps` and learning rate `eps^2` on the N-scaled gradient:
//! `v = -r / eps` obeys `v <- m v + grad Psi, theta <- theta - lr v`. Against the limit's trajectory at `t = k eps`
//! it is of order 1.

use super::{Force, Integrator, Noise, State, integrator::Motion};
use crate::network::Real;

/// One step of stochastic heavy ball per step.
pub struct HeavyBall<R> {
    motion: Motion,
    gradient: Vec<R>,
    normals: Vec<R>,
}

impl<R: Real> HeavyBall<R> {
    /// For states of length `len`.
    pub fn new(motion: Motion, len: usize) -> Self {
        HeavyBall { motion, gradient: vec![R::zero(); len], normals: motion.normals(len) }
    }
}

impl<R: Real> Integrator<R> for HeavyBall<R> {
    fn step(&mut self, force: &mut dyn Force<R>, noise: &mut dyn Noise<R>, state: &mut State<R>) -> f64 {
        let Motion { step: eps, friction, temperature, .. } = self.motion;
        let loss = force.gradient(state.step, &state.theta, &mut self.gradient);
        let (keep, kick) = (R::of(1.0 - friction * eps), R::of(eps));
        for (r, &g) in state.momentum.iter_mut().zip(&self.gradient) {
            *r = keep * *r - kick * g;
        }
        if temperature > 0.0 {
            noise.normals(state.step, &mut self.normals);
            let scale = R::of((2.0 * friction * temperature * eps).sqrt());
            state.momentum.iter_mut().zip(&self.normals).for_each(|(r, &xi)| *r += scale * xi);
        }
        for (theta, &r) in state.theta.iter_mut().zip(&state.momentum) {
            *theta += kick * r;
        }
        self.motion.tick(state);
        loss
    }
}
