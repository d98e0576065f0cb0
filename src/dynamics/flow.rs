//! The right-hand side of the limit at temperature 0, which the Runge-Kutta methods integrate.

use super::{Force, StageTime, State};
use crate::compute::Real;

/// Entries of a range of an array that stays in the first-level cache while terms are added to it.
pub(super) const RANGE: usize = 1024;

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
        combine(&mut self.theta, &state.theta, terms.iter().map(|(c, k)| (*c, &k.theta[..])));
        combine(&mut self.momentum, &state.momentum, terms.iter().map(|(c, k)| (*c, &k.momentum[..])));
    }
}

/// `out = start + sum_i c_i k_i` for terms `(c_i, k_i)`, summed in their order.
pub(super) fn combine<'a, R: Real>(out: &mut [R], start: &[R], terms: impl Iterator<Item = (f64, &'a [R])> + Clone) {
    for (index, (out, start)) in out.chunks_mut(RANGE).zip(start.chunks(RANGE)).enumerate() {
        out.copy_from_slice(start);
        for (c, k) in terms.clone().filter(|(c, _)| *c != 0.0) {
            let (c, k) = (R::of(c), &k[index * RANGE..][..out.len()]);
            out.iter_mut().zip(k).for_each(|(v, &k)| *v += c * k);
        }
    }
}

impl Flow {
    /// Writes the velocity at a point with these momenta and this gradient: that of the parameters, and of the momenta.
    pub(super) fn velocity_from<R: Real>(
        self,
        momentum: &[R],
        gradient: &[R],
        out_theta: &mut [R],
        out_momentum: &mut [R],
    ) {
        match self {
            Flow::HeavyBall { friction } => {
                let friction = R::of(friction);
                out_theta.copy_from_slice(momentum);
                let terms = momentum.iter().zip(gradient);
                out_momentum.iter_mut().zip(terms).for_each(|(v, (&r, &g))| *v = -friction * r - g);
            }
            Flow::Gradient => {
                out_theta.iter_mut().zip(gradient).for_each(|(v, &g)| *v = -g);
                out_momentum.fill(R::zero());
            }
        }
    }

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
