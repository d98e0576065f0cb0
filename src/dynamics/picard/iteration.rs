//! The iteration of the trajectory map, window by window, with everything that a checkpoint needs.

use super::{FrozenPath, TrajectoryMap};
use crate::compute::Real;
use crate::dynamics::State;

/// From which trajectory a window's iteration starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// Predictions stay what they are at the window's start.
    Standing,
    /// Predictions are the labels after the window's start, so that particles move freely under the half-squared loss: another
    /// start, for the same fixed point.
    Labels,
}

/// How to iterate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Equal windows that the horizon is cut into.
    pub windows: usize,
    /// Steps of the whole horizon, a multiple of the windows.
    pub steps: usize,
    /// Most iterates of a window.
    pub iterates: usize,
    /// A window is done when `sup_t |f^{n+1} - f^n|_{L2}` is at most this multiple of the larger of 1 and `sup_t |f^n|_{L2}`.
    pub tolerance: f64,
    /// Where it starts.
    pub guess: Guess,
}

/// What an iterate led to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The window needs another iterate, or there is another window.
    Going,
    /// The last window is done.
    Converged,
    /// The window has had all its iterates, or its last one is not finite.
    NotConverged { window: usize, difference: f64 },
}

/// An iteration under way.
pub struct Iteration<'m, 'a, R> {
    map: &'m TrajectoryMap<'a, R>,
    terms: Terms,
    path: FrozenPath<R>,
    /// Predictions (steps + 1, n, K); those of later windows are not yet known.
    pub predictions: Vec<f64>,
    /// State at the start of the window in hand.
    pub start: State<R>,
    /// `sup_t |f^{n+1}_t - f^n_t|_{L2}` for every iterate of every window so far. The last entry is the window in hand.
    pub differences: Vec<Vec<f64>>,
}

impl<'m, 'a, R: Real> Iteration<'m, 'a, R> {
    /// From a state at time 0.
    pub fn new(map: &'m TrajectoryMap<'a, R>, start: State<R>, terms: Terms) -> Self {
        let (len, window) = (map.len(), terms.steps / terms.windows);
        let mut iteration = Iteration {
            map,
            terms,
            path: FrozenPath::new(len, window, terms.steps),
            predictions: vec![0.0; (terms.steps + 1) * len],
            start,
            differences: vec![Vec::new()],
        };
        iteration.predictions[..len].copy_from_slice(&map.predict(&iteration.start.theta));
        iteration.open();
        iteration
    }

    /// Goes on from predictions, a window's starting state, and differences, as they were saved.
    pub fn resume(
        map: &'m TrajectoryMap<'a, R>,
        terms: Terms,
        predictions: Vec<f64>,
        start: State<R>,
        differences: Vec<Vec<f64>>,
    ) -> Self {
        let path = FrozenPath::new(map.len(), terms.steps / terms.windows, terms.steps);
        Iteration { map, terms, path, predictions, start, differences }
    }

    /// The window in hand.
    pub fn window(&self) -> usize {
        self.differences.len() - 1
    }

    /// The part of the iteration that is done, between 0 and 1: windows, and of the one in hand the digits that are right.
    pub fn done(&self) -> f64 {
        let part = match &self.differences[self.window()][..] {
            [first, .., last] if last < first => (last / first).ln() / (self.terms.tolerance / first).ln(),
            _ => 0.0,
        };
        (self.window() as f64 + part.clamp(0.0, 1.0)) / self.terms.windows as f64
    }

    /// Steps of a window.
    fn steps(&self) -> usize {
        self.terms.steps / self.terms.windows
    }

    /// Writes the guess into the nodes of the window in hand.
    fn open(&mut self) {
        let (len, steps) = (self.map.len(), self.steps());
        let first = self.window() * steps * len;
        for node in 1..=steps {
            match self.terms.guess {
                Guess::Standing => self.predictions.copy_within(first..first + len, first + node * len),
                Guess::Labels => {
                    self.predictions[first + node * len..][..len].copy_from_slice(&self.map.population.y);
                }
            }
        }
    }

    /// One iterate of the window in hand.
    pub fn advance(&mut self) -> Outcome {
        let (len, steps, window) = (self.map.len(), self.steps(), self.window());
        let nodes = window * steps * len..(window * steps + steps + 1) * len;
        let objective = self.map.objective;
        let before = &mut self.predictions[nodes];
        let (y, outputs) = (&self.map.population.y, self.map.network.outputs);
        self.path.freeze(window * steps, before, objective.loss, y, outputs);
        let mut end = self.start.clone();
        let after = self.map.apply(&self.path, &mut end, steps);
        let norm = |f: &[f64]| (f.iter().map(|v| v * v).sum::<f64>() * outputs as f64 / len as f64).sqrt();
        let apart = |(a, b): (&[f64], &[f64])| norm(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>());
        // NaN must not be lost, as f64::max would.
        let sup = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(0.0_f64, |most, v| if v.is_nan() || most.is_nan() { f64::NAN } else { most.max(v) })
        };
        let difference = sup(&mut after.chunks_exact(len).zip(before.chunks_exact(len)).map(apart));
        let size = sup(&mut after.chunks_exact(len).map(norm));
        before.copy_from_slice(&after);
        let iterates = &mut self.differences[window];
        iterates.push(difference);
        if difference <= self.terms.tolerance * size.max(1.0) {
            self.start = end;
            if window + 1 == self.terms.windows {
                return Outcome::Converged;
            }
            self.differences.push(Vec::new());
            self.open();
            return Outcome::Going;
        }
        if iterates.len() >= self.terms.iterates || !difference.is_finite() {
            return Outcome::NotConverged { window, difference };
        }
        Outcome::Going
    }

    /// The fixed point's residuals over the whole horizon, once it has converged.
    pub fn frozen(mut self) -> FrozenPath<R> {
        let (y, outputs) = (&self.map.population.y, self.map.network.outputs);
        self.path.freeze(0, &self.predictions, self.map.objective.loss, y, outputs);
        self.path
    }
}
