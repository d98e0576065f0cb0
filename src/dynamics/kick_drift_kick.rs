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

use super::coordinates::for_each_coordinate;
use super::{Force, Integrator, Noise, State, integrator::Motion};
use crate::compute::{Real, Threads};

/// The kick-drift-kick integrator. A step costs one gradient.
pub struct KickDriftKick<R> {
    motion: Motion,
    threads: Threads,
    gradient: Vec<R>,
    loss: f64,
    /// The step at whose start `gradient` was evaluated.
    valid_at: Option<u64>,
}

impl<R: Real> KickDriftKick<R> {
    /// An integrator for states of length `len`.
    pub fn new(motion: Motion, threads: Threads, len: usize) -> Self {
        KickDriftKick { motion, threads, gradient: vec![R::zero(); len], loss: f64::NAN, valid_at: None }
    }
}

impl<R: Real> Integrator<R> for KickDriftKick<R> {
    fn step(&mut self, force: &mut dyn Force<R>, _noise: &mut dyn Noise<R>, state: &mut State<R>) -> f64 {
        if self.valid_at != Some(state.step) {
            self.loss = force.gradient(state.step, &state.theta, &mut self.gradient);
        }
        let loss = self.loss;
        let (h, half) = (R::of(self.motion.step), R::of(0.5 * self.motion.step));
        let damping = R::of(libm::exp(-0.5 * self.motion.friction * self.motion.step));
        for_each_coordinate(self.threads, state, &self.gradient, |theta, r, g| {
            *r = damping * *r - half * g;
            *theta += h * *r;
        });
        self.loss = force.gradient(state.step + 1, &state.theta, &mut self.gradient);
        for_each_coordinate(self.threads, state, &self.gradient, |_, r, g| *r = damping * (*r - half * g));
        self.motion.count_step(state);
        self.valid_at = Some(state.step);
        loss
    }
}
