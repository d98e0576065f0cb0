//! The classical Runge-Kutta method of order 4 (Kutta 1901) on the noise-free limit.
//!
//! A stage is one pass over the state: while the gradient of a range of it is in the cache, the velocity is added to the
//! solution, and the range moves to the next stage. Neither gradients nor velocities are stored.

use super::flow::{Flow, PhasePoint};
use super::force::StageUpdate;
use super::{Force, Integrator, Noise, StageTime, State, integrator::Motion};
use crate::compute::Real;

/// A stage of the method.
struct MethodStage {
    /// Its time, as a fraction of the step.
    time: f64,
    /// The divisor of the step that gives the weight of its velocity in the solution.
    divisor: f64,
    /// The fraction of the step along its velocity to the next stage.
    advance: Option<f64>,
}

const STAGES: [MethodStage; 4] = [
    MethodStage { time: 0.0, divisor: 6.0, advance: Some(0.5) },
    MethodStage { time: 0.5, divisor: 3.0, advance: Some(0.5) },
    MethodStage { time: 0.5, divisor: 3.0, advance: Some(1.0) },
    MethodStage { time: 1.0, divisor: 6.0, advance: None },
];

/// The classical Runge-Kutta integrator. A step costs four gradients.
pub struct RungeKutta4<R> {
    motion: Motion,
    flow: Flow,
    /// The point of the stage.
    stage: PhasePoint<R>,
    /// The solution with the velocities of the stages so far.
    solution: PhasePoint<R>,
    /// The gradient, where it is not used while it is evaluated.
    gradient: Vec<R>,
}

impl<R: Real> RungeKutta4<R> {
    /// An integrator for states of length `len`.
    pub fn new(motion: Motion, flow: Flow, len: usize) -> Self {
        let [stage, solution] = std::array::from_fn(|_| PhasePoint::zeros(len));
        RungeKutta4 { motion, flow, stage, solution, gradient: Vec::new() }
    }
}

/// The position of the stage's parameters among the arrays of an update: those of the state, the stage and the solution,
/// parameters before momenta.
const STAGE_PARAMETERS: usize = 2;

/// One stage of a step.
struct StageStep<R> {
    index: usize,
    /// Factor of the velocity in the solution.
    weight: R,
    /// Factor of the velocity in the point of the next stage.
    advance: R,
}

impl<R: Real> StageStep<R> {
    /// Stage `index` of a step of length `h`.
    fn new(index: usize, h: f64) -> Self {
        let MethodStage { divisor, advance, .. } = STAGES[index];
        StageStep { index, weight: R::of(h / divisor), advance: R::of(advance.unwrap_or(0.0) * h) }
    }

    /// Moves ranges of the arrays by the gradient there.
    fn update(&self, flow: Flow, arrays: &mut [&mut [R]], gradient: &[R]) {
        let [theta, momentum, stage_theta, stage_momentum, solution_theta, solution_momentum] = arrays else {
            unreachable!("a step has three points of phase space");
        };
        match flow {
            Flow::HeavyBall { friction } => {
                let friction = R::of(friction);
                let r: &[R] = if self.index == 0 { momentum } else { stage_momentum };
                self.advance(theta, stage_theta, solution_theta, r, |_, r| r);
                self.advance(momentum, stage_momentum, solution_momentum, gradient, |r, g| -friction * r - g);
            }
            Flow::Gradient => self.advance(theta, stage_theta, solution_theta, gradient, |_, g| -g),
        }
    }

    /// Adds the velocity to the solution and moves to the point of the next stage; after the last stage, the solution
    /// replaces the start. The velocity is a function of the point and of `other`.
    #[inline]
    fn advance(&self, start: &mut [R], stage: &mut [R], solution: &mut [R], other: &[R], velocity: impl Fn(R, R) -> R) {
        let (n, weight, advance) = (other.len(), self.weight, self.advance);
        let (start, stage, solution) = (&mut start[..n], &mut stage[..n], &mut solution[..n]);
        match self.index {
            0 => {
                for i in 0..n {
                    let v = velocity(start[i], other[i]);
                    solution[i] = start[i] + weight * v;
                    stage[i] = start[i] + advance * v;
                }
            }
            1 | 2 => {
                for i in 0..n {
                    let v = velocity(stage[i], other[i]);
                    solution[i] += weight * v;
                    stage[i] = start[i] + advance * v;
                }
            }
            _ => {
                for i in 0..n {
                    start[i] = solution[i] + weight * velocity(stage[i], other[i]);
                }
            }
        }
    }
}

impl<R: Real> Integrator<R> for RungeKutta4<R> {
    fn starts_with_gradient(&self) -> bool {
        true
    }

    fn step(&mut self, force: &mut dyn Force<R>, _noise: &mut dyn Noise<R>, state: &mut State<R>) -> f64 {
        let (flow, mut loss) = (self.flow, f64::NAN);
        for (index, MethodStage { time, .. }) in STAGES.iter().enumerate() {
            let stage = StageStep::new(index, self.motion.step);
            let update = |arrays: &mut [&mut [R]], gradient: &[R]| stage.update(flow, arrays, gradient);
            let at = |fraction: f64| StageTime { step: state.step, fraction };
            let request = StageUpdate {
                time: at(*time),
                at: if index == 0 { 0 } else { STAGE_PARAMETERS },
                next: STAGES.get(index + 1).map(|next| (STAGE_PARAMETERS, at(next.time))),
                update: &update,
            };
            let arrays: &mut [&mut [R]] = &mut [
                &mut state.theta,
                &mut state.momentum,
                &mut self.stage.theta,
                &mut self.stage.momentum,
                &mut self.solution.theta,
                &mut self.solution.momentum,
            ];
            let at_stage = request.apply(force, arrays, &mut self.gradient);
            if index == 0 {
                loss = at_stage;
            }
        }
        self.motion.count_step(state);
        loss
    }
}
