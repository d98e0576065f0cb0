//! The limit as a flow: the right-hand side that the deterministic integrators share.

use super::{Force, State};
use crate::compute::Real;

/// Which ordinary differential equation the particles obey at temperature 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flow {
    /// `d theta = r dt, d r = (-gamma r - grad Psi) dt`; WKM section 4, KCH.
    HeavyBall { friction: f64 },
    /// `d theta = -grad Psi dt`, the limit of plain stochastic gradient descent; MMN eq. (5).
    Gradient,
}

/// A point of phase space or its velocity.
#[derive(Clone, Debug, Default)]
pub struct Phase<R> {
    /// Parameters, or their velocity.
    pub theta: Vec<R>,
    /// Momenta, or their velocity.
    pub momentum: Vec<R>,
}

impl<R: Real> Phase<R> {
    /// Zeros of this length.
    pub fn zeros(len: usize) -> Self {
        Phase { theta: vec![R::zero(); len], momentum: vec![R::zero(); len] }
    }

    /// `self = base + sum_i c_i k_i`, summed in order of the terms.
    pub fn combine(&mut self, state: &State<R>, terms: &[(f64, &Phase<R>)]) {
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
    /// Writes the velocity of phase-space point `at` into `out`; returns the mean loss there. The time is that of a step, and
    /// of the fraction of it at which the stage stands.
    pub fn velocity<R: Real>(
        self,
        force: &mut dyn Force<R>,
        (step, fraction): (u64, f64),
        at: &Phase<R>,
        out: &mut Phase<R>,
    ) -> f64 {
        match self {
            Flow::HeavyBall { friction } => {
                let loss = force.gradient_within(step, fraction, &at.theta, &mut out.momentum);
                let friction = R::of(friction);
                out.theta.copy_from_slice(&at.momentum);
                out.momentum.iter_mut().zip(&at.momentum).for_each(|(v, &r)| *v = -friction * r - *v);
                loss
            }
            Flow::Gradient => {
                let loss = force.gradient_within(step, fraction, &at.theta, &mut out.theta);
                out.theta.iter_mut().for_each(|v| *v = -*v);
                out.momentum.fill(R::zero());
                loss
            }
        }
    }
}
