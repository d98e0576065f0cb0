//! A simulation: an ensemble's state together with the integrator, force and noise that advance it.

use super::{Force, Integrator, NoNoise, Noise, State};
use crate::compute::Real;

/// Everything that one step needs. [`super::TimeLoop`] runs it.
pub struct Simulation<'a, R> {
    /// The current state.
    pub state: State<R>,
    /// Advances the state.
    pub integrator: Box<dyn Integrator<R> + 'a>,
    /// Gradient of the potential.
    pub force: Box<dyn Force<R> + 'a>,
    /// Brownian increments.
    pub noise: Box<dyn Noise<R> + 'a>,
}

impl<'a, R: Real> Simulation<'a, R> {
    /// A simulation at temperature 0. A force that is needed afterwards can be passed by mutable reference.
    pub fn noise_free(state: State<R>, integrator: Box<dyn Integrator<R> + 'a>, force: impl Force<R> + 'a) -> Self {
        Simulation { state, integrator, force: Box::new(force), noise: Box::new(NoNoise) }
    }

    /// Takes one step; returns the mean loss at its start, NaN where the integrator failed.
    pub fn step(&mut self) -> f64 {
        self.integrator.step(self.force.as_mut(), self.noise.as_mut(), &mut self.state)
    }
}
