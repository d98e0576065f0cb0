//! BAOAB splitting (Leimkuhler, Matthews 2013) of the limit at positive temperature, with the Ornstein-Uhlenbeck part
//! exact.
//!
//! ```text
//! B  r     <- r - (h/2) grad Psi(theta)
//! A  theta <- theta + (h/2) r
//! O  r     <- c r + sqrt(tau (1 - c^2)) xi,   c = exp(-gamma h)
//! A  theta <- theta + (h/2) r
//! B  r     <- r - (h/2) grad Psi(theta)
//! ```
//!
//! At temperature 0 it is a deterministic splitting of order 2. `xi` is the particle's normalised Brownian increment
//! over the step, so that a network and its limit share the noise up to the order of the scheme.

use super::coordinates::for_each_coordinate;
use super::{Force, Integrator, Noise, State, integrator::Motion};
use crate::compute::{Real, Threads};

/// The BAOAB integrator. A step costs one gradient.
pub struct Baoab<R> {
    motion: Motion,
    threads: Threads,
    gradient: Vec<R>,
    normals: Vec<R>,
    loss: f64,
    /// The step at whose start `gradient` was evaluated.
    valid_at: Option<u64>,
}

impl<R: Real> Baoab<R> {
    /// An integrator for states of length `len`.
    pub fn new(motion: Motion, threads: Threads, len: usize) -> Self {
        let (gradient, normals) = (vec![R::zero(); len], motion.normals(len));
        Baoab { motion, threads, gradient, normals, loss: f64::NAN, valid_at: None }
    }
}

impl<R: Real> Integrator<R> for Baoab<R> {
    fn step(&mut self, force: &mut dyn Force<R>, noise: &mut dyn Noise<R>, state: &mut State<R>) -> f64 {
        if self.valid_at != Some(state.step) {
            self.loss = force.gradient(state.step, &state.theta, &mut self.gradient);
        }
        let loss = self.loss;
        let Motion { step: h, friction, temperature, .. } = self.motion;
        let half = R::of(0.5 * h);
        let keep = libm::exp(-friction * h);
        let scale = R::of((temperature * (1.0 - keep * keep)).sqrt());
        let keep = R::of(keep);
        for_each_coordinate(self.threads, state, &self.gradient, |theta, r, g| {
            *r -= half * g;
            *theta += half * *r;
            *r *= keep;
        });
        if temperature > 0.0 {
            noise.normals_on(self.threads, state.step, &mut self.normals);
            for_each_coordinate(self.threads, state, &self.normals, |_, r, xi| *r += scale * xi);
        }
        for_each_coordinate(self.threads, state, &self.gradient, |theta, r, _| *theta += half * *r);
        self.loss = force.gradient(state.step + 1, &state.theta, &mut self.gradient);
        for_each_coordinate(self.threads, state, &self.gradient, |_, r, g| *r -= half * g);
        self.motion.count_step(state);
        self.valid_at = Some(state.step);
        loss
    }
}
