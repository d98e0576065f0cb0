//! Fixed-point iteration of the trajectory map, window by window (Picard iteration on predictions; theory section 3).

use super::{FrozenPath, TrajectoryMap};
use crate::compute::Real;
use crate::dynamics::{Ensemble, State};

/// The trajectory of predictions that a window's iteration starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// The predictions at the window's start.
    Constant,
    /// The labels after the window's start, for which the half-squared loss has zero residuals: a second guess, to test
    /// that the fixed point does not depend on it.
    Labels,
}

/// Discretisation and stopping criterion of an iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IterationSettings {
    /// Number of equal windows that the horizon is divided into.
    pub windows: usize,
    /// Steps of the whole horizon, a multiple of the windows.
    pub steps: usize,
    /// Largest number of iterates of a window.
    pub iterates: usize,
    /// A window has converged when `sup_t |f^{n+1} - f^n|_{L2}` is at most `tolerance * max(1, sup_t |f^{n+1}|_{L2})`.
    pub tolerance: f64,
    /// First guess of every window.
    pub guess: Guess,
}

/// Status of the iteration after an iterate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IterationStatus {
    /// The window needs another iterate, or there is another window.
    Continue,
    /// The last window has converged.
    Converged,
    /// The iterate was interrupted; the iteration is as before it.
    Interrupted,
    /// The window has reached the largest number of iterates, or its last iterate is not finite.
    NotConverged {
        /// Index of the window.
        window: usize,
        /// `sup_t |f^{n+1}_t - f^n_t|_{L2}` of its last iterate.
        difference: f64,
    },
}

/// A Picard iteration in progress. Its public fields are the contents of a checkpoint.
pub struct PicardIteration<'m, 'a, R> {
    map: &'m TrajectoryMap<'a, R>,
    settings: IterationSettings,
    path: FrozenPath<R>,
    /// Predictions (steps + 1, n, K); those of later windows are not determined yet.
    pub predictions: Vec<f64>,
    /// State at the start of the current window; at the horizon once the iteration has converged.
    pub start: State<R>,
    /// `sup_t |f^{n+1}_t - f^n_t|_{L2}` for every iterate of every window so far. The last entry is the current window.
    pub differences: Vec<Vec<f64>>,
}

impl<'m, 'a, R: Real> PicardIteration<'m, 'a, R> {
    /// An iteration from the state `start` at time 0.
    pub fn new(map: &'m TrajectoryMap<'a, R>, start: State<R>, settings: IterationSettings) -> Self {
        let (len, window) = (map.prediction_len(), settings.steps / settings.windows);
        let mut iteration = PicardIteration {
            map,
            settings,
            path: FrozenPath::new(len, window, settings.steps),
            predictions: vec![0.0; (settings.steps + 1) * len],
            start,
            differences: vec![Vec::new()],
        };
        iteration.predictions[..len].copy_from_slice(&map.predict(&iteration.start.theta));
        iteration.write_guess();
        iteration
    }

    /// Resumes an iteration from the saved fields `predictions`, `start` and `differences`.
    pub fn resume(
        map: &'m TrajectoryMap<'a, R>,
        settings: IterationSettings,
        predictions: Vec<f64>,
        start: State<R>,
        differences: Vec<Vec<f64>>,
    ) -> Self {
        let path = FrozenPath::new(map.prediction_len(), settings.steps / settings.windows, settings.steps);
        PicardIteration { map, settings, path, predictions, start, differences }
    }

    /// Index of the current window.
    pub fn window(&self) -> usize {
        self.differences.len() - 1
    }

    /// Estimated fraction of the work that is done, in [0, 1]: converged windows, and for the current window the
    /// logarithm of the reduction of its difference relative to that required.
    pub fn fraction_done(&self) -> f64 {
        let part = match &self.differences[self.window()][..] {
            [first, .., last] if last < first => (last / first).ln() / (self.settings.tolerance / first).ln(),
            _ => 0.0,
        };
        (self.window() as f64 + part.clamp(0.0, 1.0)) / self.settings.windows as f64
    }

    /// Steps of a window.
    fn window_steps(&self) -> usize {
        self.settings.steps / self.settings.windows
    }

    /// Writes the guess into the nodes of the current window.
    fn write_guess(&mut self) {
        let (len, steps) = (self.map.prediction_len(), self.window_steps());
        let first = self.window() * steps * len;
        for node in 1..=steps {
            match self.settings.guess {
                Guess::Constant => self.predictions.copy_within(first..first + len, first + node * len),
                Guess::Labels => {
                    self.predictions[first + node * len..][..len].copy_from_slice(&self.map.ensemble.population.y);
                }
            }
        }
    }

    /// Computes one iterate of the current window; on convergence, moves on to the next window.
    pub fn advance(&mut self) -> IterationStatus {
        let (len, steps, window) = (self.map.prediction_len(), self.window_steps(), self.window());
        let nodes = window * steps * len..(window * steps + steps + 1) * len;
        let Ensemble { network, population, objective, .. } = self.map.ensemble;
        let before = &mut self.predictions[nodes];
        let (y, outputs) = (&population.y, network.outputs);
        self.path.freeze(window * steps, before, objective.loss, y, outputs);
        let mut end = self.start.clone();
        let Some(after) = self.map.apply(&self.path, &mut end, steps) else { return IterationStatus::Interrupted };
        let norm = |f: &[f64]| (f.iter().map(|v| v * v).sum::<f64>() * outputs as f64 / len as f64).sqrt();
        let distance = |(a, b): (&[f64], &[f64])| norm(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>());
        // f64::max ignores NaN, which must be reported.
        let sup = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(0.0_f64, |most, v| if v.is_nan() || most.is_nan() { f64::NAN } else { most.max(v) })
        };
        let difference = sup(&mut after.chunks_exact(len).zip(before.chunks_exact(len)).map(distance));
        let size = sup(&mut after.chunks_exact(len).map(norm));
        before.copy_from_slice(&after);
        let iterates = &mut self.differences[window];
        iterates.push(difference);
        if difference <= self.settings.tolerance * size.max(1.0) {
            self.start = self.map.gather(end);
            if window + 1 == self.settings.windows {
                return IterationStatus::Converged;
            }
            self.differences.push(Vec::new());
            self.write_guess();
            return IterationStatus::Continue;
        }
        if iterates.len() >= self.settings.iterates || !difference.is_finite() {
            return IterationStatus::NotConverged { window, difference };
        }
        IterationStatus::Continue
    }

    /// The predictions of the fixed point over the whole horizon as a path of residuals; valid once the iteration has
    /// converged.
    pub fn into_path(mut self) -> FrozenPath<R> {
        let Ensemble { network, population, objective, .. } = self.map.ensemble;
        self.path.freeze(0, &self.predictions, objective.loss, &population.y, network.outputs);
        self.path
    }
}
