//! The steps and batch sizes for which predictions are made.

use super::PredictionRoute;
use crate::config::{BatchSize, Experiment};

/// Particles of the cloud per particle that carries the noise of mini-batches: that noise is common to all particles,
/// so that fewer of them and more columns are needed.
pub(super) const PARTICLES_PER_PARTICLE: usize = 4;

/// Fewest particles that carry the noise.
pub(super) const FEWEST_PARTICLES: usize = 16;

/// Most draws of the deviation that are recorded.
pub(super) const MOST_DRAWS: usize = 2000;

/// Steps and batch sizes of an experiment's networks, and those of the table beside them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PredictedSettings {
    /// Steps eps, increasing; none at positive temperature, where the part of the step is not predicted.
    pub steps: Vec<f64>,
    /// Batch sizes B, increasing; none where no network follows mini-batches and the table has none, and none by pairs,
    /// which have no noise of mini-batches.
    pub batches: Vec<usize>,
}

impl PredictedSettings {
    /// The settings of an experiment's networks, and `steps` and `batches` of the table.
    pub fn new(e: &Experiment, by: PredictionRoute, steps: &[f64], batches: &[usize]) -> Self {
        let swept = || e.sweeps().flat_map(|sweep| sweep.values.iter().map(|&value| sweep.at(value, &e.dynamics)));
        let mut steps: Vec<f64> =
            swept().map(|(step, _)| step).chain([e.dynamics.step]).chain(steps.iter().copied()).collect();
        steps.sort_by(f64::total_cmp);
        steps.dedup();
        if e.dynamics.temperature > 0.0 {
            steps.clear();
        }
        let sizes = swept().map(|(_, batch)| batch).chain([e.dynamics.batch]);
        let trained = sizes.filter_map(|batch| match batch {
            BatchSize::Full => None,
            BatchSize::Size(size) => Some(size),
        });
        let mut batches: Vec<usize> = trained.chain(batches.iter().copied()).collect();
        batches.sort_unstable();
        batches.dedup();
        if by == PredictionRoute::Pairs {
            batches.clear();
        }
        PredictedSettings { steps, batches }
    }
}
