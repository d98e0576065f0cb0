//! The right-hand side of the limit at temperature 0, which the Runge-Kutta methods integrate.

use super::{Force, StageTime, State};
use crate::compute::Real;

/// The ordinary differential equation of the particles at temperature 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flow {
    /// `d theta = r dt, d r = (-gamma r - grad Psi) dt`; WKM section 4, KCH.
    HeavyBall {
        /// Friction gamma.
        friction: f64,
    },
    /// `d theta = -grad Psi dt`, the limit of plain stochastic gradient descent; MMN eq. (5).
    Gradient,
}

/// A point of phase space or its velocity.
#[derive(Clone, Debug, Default)]
pub struct PhasePoint<R> {
    /// Parameters, or their velocity.
    pub theta: Vec<R>,
    /// Momenta, or their velocity.
    pub momentum: Vec<R>,
}

impl<R: Real> PhasePoint<R> {
    /// The zero vector with `len` parameters and `len` momenta.
    pub fn zeros(len: usize) -> Self {
        PhasePoint { theta: vec![R::zero(); len], momentum: vec![R::zero(); len] }
    }

    /// `self = state + sum_i c_i k_i` for terms `(c_i, k_i)`, summed in their order.
    pub fn combine(&mut self, state: &State<R>, terms: &[(f64, &PhasePoint<R>)]) {
        self.theta.copy_from_slice(&state.theta);
        self.momentum.copy_from_slice(&state.momentum);
        for &(c, k) in terms.iter().filter(|(c, _)| *c != 0.0) {
            let c = R::of(c);
            self.theta.iter_mut().zip(&k.theta).for_each(|(v, &k)| *v += c * k);
            self.momentum.iter_mut().zip(&k.momentum).for_each(|(v, &k)| *v += c * k);
        }
    }
}

impl Flow {
    /// Writes the velocity at the point `at` of phase space and at a stage's time into `out`; returns the mean loss
    /// there.
    pub fn velocity<R: Real>(
        self,
        force: &mut dyn Force<R>,
        time: StageTime,
        at: &PhasePoint<R>,
        out: &mut PhasePoint<R>,
    ) -> f64 {
        match self {
            Flow::HeavyBall { friction } => {
                let loss = force.gradient_within(time, &at.theta, &mut out.momentum);
                let friction = R::of(friction);
                out.theta.copy_from_slice(&at.momentum);
                out.momentum.iter_mut().zip(&at.momentum).for_each(|(v, &r)| *v = -friction * r - *v);
                loss
            }
            Flow::Gradient => {
                let loss = force.gradient_within(time, &at.theta, &mut out.theta);
                out.theta.iter_mut().for_each(|v| *v = -*v);
                out.momentum.fill(R::zero());
                loss
            }
        }
    }
}
