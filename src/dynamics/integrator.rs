//! The interface of integrators, and the integrators by name.

use super::baoab::Baoab;
use super::dormand_prince::DormandPrince;
use super::gradient_descent::GradientDescent;
use super::heavy_ball::HeavyBall;
use super::kick_drift_kick::KickDriftKick;
use super::runge_kutta::RungeKutta4;
use super::{Flow, Force, Noise, State};
use crate::choice::choice;
use crate::compute::{Real, Threads};
use crate::network::Portion;

/// A map from state, force and noise to the next state. Between steps an integrator holds no state beyond
/// [`Integrator::memory`] and values that it can recompute.
pub trait Integrator<R>: Send {
    /// Takes one step and advances the state's step count and time; returns the mean loss at the step's start, NaN
    /// where the step failed.
    fn step(&mut self, force: &mut dyn Force<R>, noise: &mut dyn Noise<R>, state: &mut State<R>) -> f64;

    /// Whether the first gradient of a step is that at its start and is not kept from the step before:
    /// [`super::TimeLoop`] offers the force to a record of that state only then.
    fn starts_with_gradient(&self) -> bool {
        false
    }

    /// Writes the state at `time`, inside the step that ended at `state`, into `out` and returns true. Methods of fixed
    /// step have no dense output: their recording times are ends of steps, and they return false.
    fn interpolate(&self, _time: f64, _state: &State<R>, _out: &mut State<R>) -> bool {
        false
    }

    /// The numbers that must be saved, besides the state, so that a resumed run is bitwise identical.
    fn memory(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Restores the numbers of [`Integrator::memory`].
    fn restore(&mut self, _memory: &[f64]) {}

    /// Number of steps tried so far, rejected ones included, where the method chooses its steps; otherwise 0.
    fn attempts(&self) -> u64 {
        0
    }
}

choice! {
    /// The integrators, by name.
    pub enum Method: "method" {
        /// Stochastic heavy ball.
        HeavyBall = "heavy-ball",
        /// Plain stochastic gradient descent.
        GradientDescent = "gradient-descent",
        /// Kick-drift-kick with exact friction, order 2.
        KickDriftKick = "kick-drift-kick",
        /// Classical Runge-Kutta, order 4.
        Rk4 = "rk4",
        /// Adaptive Dormand-Prince 5(4) with dense output.
        DormandPrince = "dormand-prince",
        /// BAOAB, for positive temperature.
        Baoab = "baoab",
    }
}

impl Method {
    /// Whether the method integrates the noise of a positive temperature.
    pub fn takes_noise(self) -> bool {
        match self {
            Method::HeavyBall | Method::GradientDescent | Method::Baoab => true,
            Method::KickDriftKick | Method::Rk4 | Method::DormandPrince => false,
        }
    }

    /// Order p of the method on smooth problems at temperature 0: the error of a solution is proportional to the p-th
    /// power of the step. For Dormand-Prince that of the dense output, with which recording times are reached.
    pub fn order(self) -> u32 {
        match self {
            Method::HeavyBall | Method::GradientDescent => 1,
            Method::KickDriftKick | Method::Baoab => 2,
            Method::Rk4 | Method::DormandPrince => 4,
        }
    }

    /// Number of gradients that a step evaluates; for Dormand-Prince, those of an accepted step after the first.
    pub fn gradients_per_step(self) -> usize {
        match self {
            Method::HeavyBall | Method::GradientDescent | Method::KickDriftKick | Method::Baoab => 1,
            Method::Rk4 => 4,
            Method::DormandPrince => 6,
        }
    }

    /// Whether the method solves the second-order (heavy ball) limit.
    pub fn solves_second_order(self) -> bool {
        match self {
            Method::HeavyBall | Method::KickDriftKick | Method::Baoab | Method::Rk4 | Method::DormandPrince => true,
            Method::GradientDescent => false,
        }
    }

    /// Whether the method solves the first-order (gradient flow) limit.
    pub fn solves_first_order(self) -> bool {
        match self {
            Method::GradientDescent | Method::Rk4 | Method::DormandPrince => true,
            Method::HeavyBall | Method::KickDriftKick | Method::Baoab => false,
        }
    }

    /// Whether the method chooses its steps by an error tolerance.
    pub fn is_adaptive(self) -> bool {
        match self {
            Method::DormandPrince => true,
            Method::HeavyBall | Method::GradientDescent | Method::KickDriftKick | Method::Baoab | Method::Rk4 => false,
        }
    }

    /// Scratch arrays of the state's length that the method allocates, for the memory estimate.
    pub fn work_arrays(self) -> usize {
        match self {
            Method::HeavyBall | Method::GradientDescent => 0,
            Method::KickDriftKick => 1,
            Method::Baoab => 2,
            Method::Rk4 => 5,
            Method::DormandPrince => 18,
        }
    }
}

/// The constants of the equation of motion and of its integration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Motion {
    /// Step eps (or h); the first step tried where the method is adaptive.
    pub step: f64,
    /// Friction gamma.
    pub friction: f64,
    /// Temperature tau.
    pub temperature: f64,
    /// Whether the dynamics are first-order (gradient flow) instead of second-order (heavy ball).
    pub first_order: bool,
    /// Local error tolerance, absolute and relative; Dormand-Prince only.
    pub tolerance: f64,
}

impl Motion {
    /// A buffer for the normals of a state of length `len`; empty at temperature 0.
    pub(super) fn normals<R: Real>(&self, len: usize) -> Vec<R> {
        vec![R::zero(); if self.temperature > 0.0 { len } else { 0 }]
    }

    /// Advances step count and time by one step. Time is the product of step count and step length, which does not
    /// accumulate rounding errors.
    pub(super) fn count_step<R>(&self, state: &mut State<R>) {
        state.step += 1;
        state.time = state.step as f64 * self.step;
    }
}

/// A method together with its constants: everything that determines an integrator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scheme {
    /// The method.
    pub method: Method,
    /// Its constants.
    pub motion: Motion,
}

impl Scheme {
    /// The integrator for states of length `len`, of which `coordinates` are trained.
    pub fn integrator<R: Real>(self, coordinates: usize, len: usize) -> Box<dyn Integrator<R>> {
        self.integrator_on(Threads::One, coordinates, len)
    }

    /// The same for states of length `len` that consist of the neurons of one rank; `coordinates` are those of all
    /// ranks. The steps of an adaptive method are collective.
    pub fn integrator_over<R: Real>(self, portion: Portion, coordinates: usize, len: usize) -> Box<dyn Integrator<R>> {
        let Scheme { method, motion } = self;
        if method == Method::DormandPrince {
            let all = DormandPrince::new(self.flow(), motion.step, motion.tolerance, coordinates, len);
            return Box::new(all.over(portion));
        }
        self.integrator(coordinates, len)
    }

    fn flow(self) -> Flow {
        let Motion { friction, first_order, .. } = self.motion;
        if first_order { Flow::Gradient } else { Flow::HeavyBall { friction } }
    }

    /// The same, where loops over the state may use more than one thread: kick-drift-kick and BAOAB share theirs.
    pub fn integrator_on<R: Real>(self, threads: Threads, coordinates: usize, len: usize) -> Box<dyn Integrator<R>> {
        let (Scheme { method, motion }, flow) = (self, self.flow());
        match method {
            Method::HeavyBall => Box::new(HeavyBall::new(motion)),
            Method::GradientDescent => Box::new(GradientDescent::new(motion)),
            Method::KickDriftKick => Box::new(KickDriftKick::new(motion, threads, len)),
            Method::Rk4 => Box::new(RungeKutta4::new(motion, flow, len)),
            Method::DormandPrince => {
                Box::new(DormandPrince::new(flow, motion.step, motion.tolerance, coordinates, len))
            }
            Method::Baoab => Box::new(Baoab::new(motion, threads, len)),
        }
    }
}
