//! The steps and batch sizes for which predictions are made.

use super::{Predict, PredictionRoute};
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
    /// The settings of a study.
    pub fn new(spec: &Predict, e: &Experiment) -> Self {
        let swept = || e.sweeps().flat_map(|sweep| sweep.values.iter().map(|&value| sweep.at(value, &e.dynamics)));
        let mut steps: Vec<f64> = swept().map(|(step, _)| step).chain([e.dynamics.step]).collect();
        steps.extend(&spec.steps);
        steps.sort_by(f64::total_cmp);
        steps.dedup();
        if e.dynamics.temperature > 0.0 {
            steps.clear();
        }
        PredictedSettings { steps, batches: Self::batches(e, spec.by, &spec.batches) }
    }

    /// The batch sizes of an experiment's networks, and `own` of the table.
    pub fn batches(e: &Experiment, by: PredictionRoute, own: &[usize]) -> Vec<usize> {
        if by == PredictionRoute::Pairs {
            return Vec::new();
        }
        let swept = e.sweeps().flat_map(|sweep| sweep.values.iter().map(|&value| sweep.at(value, &e.dynamics)));
        let sizes = swept.map(|(_, batch)| batch).chain([e.dynamics.batch]);
        let mut batches: Vec<usize> = sizes
            .filter_map(|batch| match batch {
                BatchSize::Full => None,
                BatchSize::Size(size) => Some(size),
            })
            .collect();
        batches.extend(own);
        batches.sort_unstable();
        batches.dedup();
        batches
    }
}
