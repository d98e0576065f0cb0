//! Kick-drift-kick with exact friction: the Strang splitting of the noise-free limit, order 2.
//!
//! ```text
//! r     <- exp(-gamma h/2) r          friction, exact
//! r     <- r - (h/2) grad Psi(theta)  kick
//! theta <- theta + h r                drift
//! r     <- r - (h/2) grad Psi(theta)  kick
//! r     <- exp(-gamma h/2) r          friction, exact
//! ```
//!
//! The second kick's gradient is the next step's first, so a step costs one gradient.

use super::{Force, Integrator, Noise, State, integrator::Motion};
use crate::compute::Real;

/// The kick-drift-kick integrator. A step costs one gradient.
pub struct KickDriftKick<R> {
    motion: Motion,
    gradient: Vec<R>,
    loss: f64,
    /// The step at whose start `gradient` was evaluated.
    valid_at: Option<u64>,
}

impl<R: Real> KickDriftKick<R> {
    /// An integrator for states of length `len`.
    pub fn new(motion: Motion, len: usize) -> Self {
        KickDriftKick { motion, gradient: vec![R::zero(); len], loss: f64::NAN, valid_at: None }
    }

    /// `r <- after (before r - (h/2) grad Psi)`: half a kick between two damping factors.
    fn kick(&self, momentum: &mut [R], before: f64, after: f64) {
        let half = R::of(0.5 * self.motion.step);
        let (before, after) = (R::of(before), R::of(after));
        momentum.iter_mut().zip(&self.gradient).for_each(|(r, &g)| *r = after * (before * *r - half * g));
    }
}

impl<R: Real> Integrator<R> for KickDriftKick<R> {
    fn step(&mut self, force: &mut dyn Force<R>, _noise: &mut dyn Noise<R>, state: &mut State<R>) -> f64 {
        if self.valid_at != Some(state.step) {
            self.loss = force.gradient(state.step, &state.theta, &mut self.gradient);
        }
        let loss = self.loss;
        let h = R::of(self.motion.step);
        let damping = libm::exp(-0.5 * self.motion.friction * self.motion.step);
        self.kick(&mut state.momentum, damping, 1.0);
        state.theta.iter_mut().zip(&state.momentum).for_each(|(theta, &r)| *theta += h * r);
        self.loss = force.gradient(state.step + 1, &state.theta, &mut self.gradient);
        self.kick(&mut state.momentum, 1.0, damping);
        self.motion.count_step(state);
        self.valid_at = Some(state.step);
        loss
    }
}
