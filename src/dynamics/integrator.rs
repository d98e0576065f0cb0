//! What an integrator is, and the closed set of them.

use super::baoab::Baoab;
use super::dormand_prince::DormandPrince;
use super::gradient_descent::GradientDescent;
use super::heavy_ball::HeavyBall;
use super::kick_drift_kick::KickDriftKick;
use super::runge_kutta::RungeKutta4;
use super::{Flow, Force, Noise, State};
use crate::choice::choice;
use crate::compute::Real;

/// A map from state, force and noise to the next state. Fields other than [`Integrator::memory`] are scratch.
pub trait Integrator<R>: Send {
    /// Takes one step and moves the clock; returns the mean loss at the step's start, NaN where it broke down.
    fn step(&mut self, force: &mut dyn Force<R>, noise: &mut dyn Noise<R>, state: &mut State<R>) -> f64;

    /// The state at a time inside the step that ended at `state`. Methods of fixed step are only asked for its end.
    fn interpolate(&self, _time: f64, state: &State<R>, out: &mut State<R>)
    where
        R: Clone,
    {
        out.clone_from(state);
    }

    /// What must be saved, besides the state, to go on with the same bits.
    fn memory(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Takes back what [`Integrator::memory`] gave.
    fn restore(&mut self, _memory: &[f64]) {}
}

choice! {
    /// The closed set of integrators.
    pub enum Method: "method" {
        /// Stochastic heavy ball itself.
        HeavyBall = "heavy-ball",
        /// Plain stochastic gradient descent.
        GradientDescent = "gradient-descent",
        /// Kick-drift-kick with exact friction.
        KickDriftKick = "kick-drift-kick",
        /// Classical Runge-Kutta.
        Rk4 = "rk4",
        /// Adaptive Dormand-Prince with dense output.
        DormandPrince = "dormand-prince",
        /// BAOAB, for positive temperature.
        Baoab = "baoab",
    }
}

impl Method {
    /// Whether the method can carry noise.
    pub fn takes_noise(self) -> bool {
        match self {
            Method::HeavyBall | Method::GradientDescent | Method::Baoab => true,
            Method::KickDriftKick | Method::Rk4 | Method::DormandPrince => false,
        }
    }

    /// Gradients that a step evaluates; of Dormand-Prince, an accepted step after the first.
    pub fn gradients_per_step(self) -> usize {
        match self {
            Method::HeavyBall | Method::GradientDescent | Method::KickDriftKick | Method::Baoab => 1,
            Method::Rk4 => 4,
            Method::DormandPrince => 6,
        }
    }

    /// Whether the method solves the second-order (heavy ball) limit, and whether the first-order one.
    pub fn solves(self) -> (bool, bool) {
        match self {
            Method::HeavyBall | Method::KickDriftKick | Method::Baoab => (true, false),
            Method::GradientDescent => (false, true),
            Method::Rk4 | Method::DormandPrince => (true, true),
        }
    }

    /// Arrays of the state's length that the method works with, beyond the state itself: for the memory estimate.
    pub fn work_arrays(self) -> usize {
        match self {
            Method::HeavyBall | Method::GradientDescent => 0,
            Method::KickDriftKick => 1,
            Method::Baoab => 2,
            Method::Rk4 => 10,
            Method::DormandPrince => 18,
        }
    }
}

/// The constants of motion of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Motion {
    /// Step eps (or h); the first step tried where the method is adaptive.
    pub step: f64,
    /// Friction gamma.
    pub friction: f64,
    /// Temperature tau.
    pub temperature: f64,
    /// First-order (gradient flow) instead of second-order (heavy ball) dynamics.
    pub first_order: bool,
    /// Local error tolerance, absolute and relative; Dormand-Prince only.
    pub tolerance: f64,
}

impl Motion {
    /// Scratch for the noise: nothing at temperature 0.
    pub(super) fn normals<R: Real>(&self, len: usize) -> Vec<R> {
        vec![R::zero(); if self.temperature > 0.0 { len } else { 0 }]
    }

    /// Counts one step; time is a product, so that it does not drift.
    pub(super) fn tick<R>(&self, state: &mut State<R>) {
        state.step += 1;
        state.time = state.step as f64 * self.step;
    }

    /// The method's integrator for states of length `len`, of which `coordinates` are trained.
    pub fn integrator<R: Real>(self, method: Method, coordinates: usize, len: usize) -> Box<dyn Integrator<R>> {
        let flow = if self.first_order { Flow::Gradient } else { Flow::HeavyBall { friction: self.friction } };
        match method {
            Method::HeavyBall => Box::new(HeavyBall::new(self)),
            Method::GradientDescent => Box::new(GradientDescent::new(self)),
            Method::KickDriftKick => Box::new(KickDriftKick::new(self, len)),
            Method::Rk4 => Box::new(RungeKutta4::new(self, flow, len)),
            Method::DormandPrince => Box::new(DormandPrince::new(flow, self.step, self.tolerance, coordinates, len)),
            Method::Baoab => Box::new(Baoab::new(self, len)),
        }
    }
}
