//! The time loop: recording times, checkpoints and stopping criteria of every simulation.

use super::{Force, Integrator, Simulation, State};
use crate::compute::Real;
use crate::number;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// Relative distance at which a time counts as reached: `t = k eps` and a recording time differ by rounding.
const TIME_ROUNDING: f64 = 1e-12;

/// Why a simulation ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum StopReason {
    /// The last recording time was reached.
    Horizon,
    /// The loss stopped being finite, or exceeded the limit of [`TimeLoop::diverged_above`].
    Diverged {
        /// Step at whose start the loss was evaluated.
        step: u64,
        /// Time of that step.
        time: f64,
        /// The loss, or the recorded risk.
        #[serde(with = "number")]
        loss: f64,
    },
    /// The loop was interrupted; the checkpoint holds everything up to this step.
    Interrupted {
        /// Steps taken.
        step: u64,
    },
    /// The method tried more steps than [`TimeLoop::attempts_at_most`] allows.
    TooManySteps {
        /// Steps tried, rejected ones included.
        attempts: u64,
        /// Time reached.
        time: f64,
    },
}

/// Receives the states of a simulation.
///
/// Only [`Observer::record`] is required. A closure `FnMut(usize, &State<R>) -> f64` is an observer that records, with
/// the parameter types written out: `|index: usize, state: &State<f64>| ...`.
pub trait Observer<R> {
    /// The error of writing a checkpoint; [`Infallible`] where there is none.
    type Error;

    /// Called once per recording time, in order, with its index and the state there. Returns the risk, which the limit
    /// of [`TimeLoop::diverged_above`] is compared with; without a limit the value is not used. `force` is that of the
    /// simulation, for [`Force::predictions_at`], where the next step begins with its gradient at this state.
    fn record(&mut self, index: usize, state: &State<R>, force: Option<&mut dyn Force<R>>) -> f64;

    /// Saves what is needed to resume: the state, [`super::Integrator::memory`] and the index of the next record.
    ///
    /// # Errors
    /// Where the checkpoint cannot be written. The error ends the simulation.
    fn checkpoint(&mut self, _state: &State<R>, _memory: &[f64], _next_record: usize) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Called after every step with the time reached.
    fn progress(&mut self, _time: f64) {}
}

impl<R, F: FnMut(usize, &State<R>) -> f64> Observer<R> for F {
    type Error = Infallible;

    fn record(&mut self, index: usize, state: &State<R>, _force: Option<&mut dyn Force<R>>) -> f64 {
        self(index, state)
    }
}

/// The force, where the next step of the integrator begins with its gradient at the present state.
fn offered<'a, R>(integrator: &dyn Integrator<R>, force: &'a mut dyn Force<R>) -> Option<&'a mut dyn Force<R>> {
    integrator.starts_with_gradient().then_some(force)
}

/// The position of a resumed simulation in its sequence of records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResumePoint {
    /// Index of the next recording time, at least 1.
    pub next_record: usize,
    /// Risk recorded at time index 0.
    pub start_risk: f64,
}

/// Settings of the time loop: when to record, when to write checkpoints and when to stop.
#[derive(Clone, Copy)]
pub struct TimeLoop<'a> {
    times: &'a [f64],
    checkpoint_every: Option<Duration>,
    checkpoint_when: Option<&'a dyn Fn() -> bool>,
    diverged_above: Option<f64>,
    risk_scale: f64,
    exact_loss: bool,
    most_attempts: Option<u64>,
    interrupted: Option<&'a dyn Fn(f64) -> bool>,
}

impl<'a> TimeLoop<'a> {
    /// A loop over recording times, without checkpoints, limit or interruption.
    ///
    /// The first of the times, which strictly increase, is that of the state at the start. Methods of fixed step must
    /// land on all of them; adaptive methods interpolate.
    #[must_use]
    pub fn over(times: &'a [f64]) -> Self {
        TimeLoop {
            times,
            checkpoint_every: None,
            checkpoint_when: None,
            diverged_above: None,
            risk_scale: 0.0,
            exact_loss: false,
            most_attempts: None,
            interrupted: None,
        }
    }

    /// Writes a checkpoint whenever this much wall time has passed since the last one.
    #[must_use]
    pub fn checkpoint_every(self, period: Duration) -> Self {
        TimeLoop { checkpoint_every: Some(period), ..self }
    }

    /// Calls `due` before every step; where it returns true, writes a checkpoint.
    #[must_use]
    pub fn checkpoint_when(self, due: &'a dyn Fn() -> bool) -> Self {
        TimeLoop { checkpoint_when: Some(due), ..self }
    }

    /// Stops when a loss is not finite, or a risk exceeds `factor` times the larger of the risk at the start and
    /// [`TimeLoop::risk_scale`]. Without this limit, losses are not examined; adaptive methods need it, as their steps shrink without bound where a solution breaks
    /// down.
    #[must_use]
    pub fn diverged_above(self, factor: f64) -> Self {
        TimeLoop { diverged_above: Some(factor), ..self }
    }

    /// A risk that the problem reaches without diverging, for starts whose risk is near zero; 0 where there is none.
    #[must_use]
    pub fn risk_scale(self, scale: f64) -> Self {
        TimeLoop { risk_scale: scale, ..self }
    }

    /// Whether the loss that a step returns is the exact risk and is compared with the limit at every step. A batch's
    /// loss is not; only recorded risks are compared then.
    #[must_use]
    pub fn exact_loss(self, exact: bool) -> Self {
        TimeLoop { exact_loss: exact, ..self }
    }

    /// Stops an adaptive method that tries more than this number of steps, rejected ones included.
    #[must_use]
    pub fn attempts_at_most(self, most: u64) -> Self {
        TimeLoop { most_attempts: Some(most), ..self }
    }

    /// Calls `interrupted` before every step with the time reached; where it returns true, writes a checkpoint and
    /// stops.
    #[must_use]
    pub fn interrupted_when(self, interrupted: &'a dyn Fn(f64) -> bool) -> Self {
        TimeLoop { interrupted: Some(interrupted), ..self }
    }

    /// Records the start, then steps to the last recording time. The simulation's state at the end is the state there,
    /// by dense output where the last step passes it.
    ///
    /// # Errors
    /// Those of the observer's checkpoints.
    pub fn run<R: Real, O: Observer<R>>(
        &self,
        simulation: &mut Simulation<'_, R>,
        observer: &mut O,
    ) -> Result<StopReason, O::Error> {
        let Simulation { state, integrator, force, .. } = simulation;
        let start_risk = observer.record(0, state, offered(integrator.as_ref(), force.as_mut()));
        self.resume(simulation, ResumePoint { next_record: 1, start_risk }, observer)
    }

    /// Continues a simulation whose state and integrator memory were restored from a checkpoint.
    ///
    /// # Errors
    /// Those of the observer's checkpoints.
    pub fn resume<R: Real, O: Observer<R>>(
        &self,
        simulation: &mut Simulation<'_, R>,
        from: ResumePoint,
        observer: &mut O,
    ) -> Result<StopReason, O::Error> {
        let limit = self.diverged_above.map(|factor| factor * from.start_risk.max(self.risk_scale));
        let mut next_record = from.next_record;
        // By dense output: the state at the last recording time, unless it is the simulation's.
        let (mut dense, mut is_dense) = (State::at_rest(Vec::new()), false);
        let mut saved = Instant::now();
        while next_record < self.times.len() {
            let State { step, time, .. } = simulation.state;
            if self.interrupted.is_some_and(|interrupted| interrupted(time)) {
                observer.checkpoint(&simulation.state, &simulation.integrator.memory(), next_record)?;
                return Ok(StopReason::Interrupted { step });
            }
            let due = self.checkpoint_when.is_some_and(|due| due());
            if due || self.checkpoint_every.is_some_and(|period| saved.elapsed() >= period) {
                observer.checkpoint(&simulation.state, &simulation.integrator.memory(), next_record)?;
                saved = Instant::now();
            }
            let attempts = simulation.integrator.attempts();
            if self.most_attempts.is_some_and(|most| attempts > most) {
                return Ok(StopReason::TooManySteps { attempts, time });
            }
            let loss = simulation.step();
            if limit.is_some_and(|limit| !loss.is_finite() || (self.exact_loss && loss > limit)) {
                return Ok(StopReason::Diverged { step, time, loss });
            }
            let Simulation { state, integrator, force, .. } = simulation;
            while self.times.get(next_record).is_some_and(|time| *time <= state.time * (1.0 + TIME_ROUNDING)) {
                is_dense = integrator.interpolate(self.times[next_record], state, &mut dense);
                let risk = match is_dense {
                    true => observer.record(next_record, &dense, None),
                    false => observer.record(next_record, state, offered(integrator.as_ref(), force.as_mut())),
                };
                next_record += 1;
                if limit.is_some_and(|limit| !risk.is_finite() || risk > limit) {
                    return Ok(StopReason::Diverged { step: state.step, time: state.time, loss: risk });
                }
            }
            observer.progress(state.time);
        }
        // The last step of an adaptive method passes the last recording time: the state at the end is the one there.
        if is_dense {
            simulation.state = dense;
        }
        Ok(StopReason::Horizon)
    }
}
