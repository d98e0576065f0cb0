//! The one time loop: it owns the clock, the recording times, the checkpoints and the reasons to stop.

use super::{Force, Integrator, Noise, State};
use crate::compute::Real;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum StopReason {
    /// The last recording time was reached.
    Horizon,
    /// The loss stopped being finite, or exceeded the stated multiple of its start, in the step named.
    Diverged { step: u64, time: f64, loss: String },
    /// A person asked to stop; the checkpoint holds everything up to this step.
    Interrupted { step: u64 },
}

/// Who watches a run.
pub trait Observer<R> {
    /// What can go wrong when a checkpoint is written.
    type Error;
    /// Called once per recording time with the state there; returns the risk.
    fn record(&mut self, index: usize, state: &State<R>) -> f64;
    /// The risk recorded at time 0.
    fn start_risk(&self) -> f64;
    /// Saves everything needed to go on: the state, the integrator's memory and the index of the next record.
    fn checkpoint(&mut self, state: &State<R>, memory: &[f64], next_record: usize) -> Result<(), Self::Error>;
    /// Told the time reached after every step.
    fn progress(&mut self, time: f64);
}

/// The loop's terms.
pub struct TimeLoop<'a> {
    /// Recording times, increasing from 0; methods of fixed step must land on them.
    pub times: &'a [f64],
    /// Wall time between checkpoints.
    pub checkpoint_every: Duration,
    /// A run has diverged when its loss exceeds this multiple of the risk at time 0.
    pub diverged_above: f64,
    /// Whether a step's loss is the exact risk, so that it can be held against that multiple at every step.
    pub exact_loss: bool,
    /// Set from outside to ask for a checkpoint and a stop.
    pub interrupt: &'a AtomicBool,
}

impl TimeLoop<'_> {
    /// Moves `state` to the last recording time, recording from index `next_record` on.
    pub fn run<R: Real, O: Observer<R>>(
        &self,
        state: &mut State<R>,
        mut next_record: usize,
        integrator: &mut dyn Integrator<R>,
        force: &mut dyn Force<R>,
        noise: &mut dyn Noise<R>,
        observer: &mut O,
    ) -> Result<StopReason, O::Error> {
        let mut at_record = state.clone();
        let mut saved = Instant::now();
        if next_record == 0 {
            observer.record(0, state);
            next_record = 1;
        }
        let ceiling = self.diverged_above * observer.start_risk();
        while next_record < self.times.len() {
            if self.interrupt.load(Ordering::Relaxed) {
                observer.checkpoint(state, &integrator.memory(), next_record)?;
                return Ok(StopReason::Interrupted { step: state.step });
            }
            if saved.elapsed() >= self.checkpoint_every {
                observer.checkpoint(state, &integrator.memory(), next_record)?;
                saved = Instant::now();
            }
            let (step, time) = (state.step, state.time);
            let loss = integrator.step(force, noise, state);
            if !loss.is_finite() || (self.exact_loss && loss > ceiling) {
                return Ok(StopReason::Diverged { step, time, loss: format!("{loss:.3e}") });
            }
            while next_record < self.times.len() && self.times[next_record] <= state.time * (1.0 + 1e-12) {
                integrator.interpolate(self.times[next_record], state, &mut at_record);
                let risk = observer.record(next_record, &at_record);
                next_record += 1;
                if !risk.is_finite() || risk > ceiling {
                    let (step, time) = (state.step, state.time);
                    return Ok(StopReason::Diverged { step, time, loss: format!("{risk:.3e}") });
                }
            }
            observer.progress(state.time);
        }
        Ok(StopReason::Horizon)
    }
}
