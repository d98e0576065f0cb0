//! The classical Runge-Kutta method of order 4 (Kutta 1901) on the noise-free limit.

use super::flow::{Flow, PhasePoint};
use super::{Force, Integrator, Noise, StageTime, State, integrator::Motion};
use crate::compute::Real;

/// The classical Runge-Kutta integrator. A step costs four gradients.
pub struct RungeKutta4<R> {
    motion: Motion,
    flow: Flow,
    stage: PhasePoint<R>,
    k: [PhasePoint<R>; 4],
}

impl<R: Real> RungeKutta4<R> {
    /// An integrator for states of length `len`.
    pub fn new(motion: Motion, flow: Flow, len: usize) -> Self {
        RungeKutta4 { motion, flow, stage: PhasePoint::zeros(len), k: std::array::from_fn(|_| PhasePoint::zeros(len)) }
    }
}

impl<R: Real> Integrator<R> for RungeKutta4<R> {
    fn step(&mut self, force: &mut dyn Force<R>, _noise: &mut dyn Noise<R>, state: &mut State<R>) -> f64 {
        let h = self.motion.step;
        let mut loss = f64::NAN;
        for (i, c) in [0.0, 0.5, 0.5, 1.0].into_iter().enumerate() {
            let (done, rest) = self.k.split_at_mut(i);
            let terms: Vec<_> = done.last().map(|k| (c * h, k)).into_iter().collect();
            self.stage.combine(state, &terms);
            let time = StageTime { step: state.step, fraction: c };
            let at_stage = self.flow.velocity(force, time, &self.stage, &mut rest[0]);
            if i == 0 {
                loss = at_stage;
            }
        }
        let [k1, k2, k3, k4] = &self.k;
        self.stage.combine(state, &[(h / 6.0, k1), (h / 3.0, k2), (h / 3.0, k3), (h / 6.0, k4)]);
        state.theta.copy_from_slice(&self.stage.theta);
        state.momentum.copy_from_slice(&self.stage.momentum);
        self.motion.count_step(state);
        loss
    }
}
