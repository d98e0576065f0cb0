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
use crate::compute::Real;
use crate::network::StepCoefficients;

/// The heavy-ball integrator. Steps are taken in one pass over the state where the force implements [`Force::advance`],
/// otherwise from the gradient; the two differ by rounding.
pub struct HeavyBall<R> {
    motion: Motion,
    gradient: Vec<R>,
    normals: Vec<R>,
}

impl<R: Real> HeavyBall<R> {
    /// An integrator with these constants.
    pub fn new(motion: Motion) -> Self {
        HeavyBall { motion, gradient: Vec::new(), normals: Vec::new() }
    }
}

impl<R: Real> Integrator<R> for HeavyBall<R> {
    fn starts_with_gradient(&self) -> bool {
        true
    }

    fn step(&mut self, force: &mut dyn Force<R>, noise: &mut dyn Noise<R>, state: &mut State<R>) -> f64 {
        let Motion { step: eps, friction, temperature, .. } = self.motion;
        let kick = StepCoefficients {
            decay: 1.0 - friction * eps,
            kick: eps,
            drift: eps,
            noise: (2.0 * friction * temperature * eps).sqrt(),
            first_order: false,
        };
        let loss = force.advance(kick, noise, state).unwrap_or_else(|| {
            self.gradient.resize(state.theta.len(), R::zero());
            let loss = force.gradient(state.step, &state.theta, &mut self.gradient);
            let (keep, eps) = (R::of(kick.decay), R::of(eps));
            for (r, &g) in state.momentum.iter_mut().zip(&self.gradient) {
                *r = keep * *r - eps * g;
            }
            if temperature > 0.0 {
                self.normals.resize(state.theta.len(), R::zero());
                noise.normals(state.step, &mut self.normals);
                let scale = R::of(kick.noise);
                state.momentum.iter_mut().zip(&self.normals).for_each(|(r, &xi)| *r += scale * xi);
            }
            for (theta, &r) in state.theta.iter_mut().zip(&state.momentum) {
                *theta += eps * r;
            }
            loss
        });
        self.motion.count_step(state);
        loss
    }
}
