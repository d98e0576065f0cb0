//! The part of mini-batches, from a tangent cloud that their noise drives.

use super::cloud::{TangentCloud, summary};
use super::record::BatchArrays;
use super::spec::BatchNoiseKeys;
use crate::compute::Threads;
use crate::dynamics::Scheme;
use crate::fluctuation::{
    BatchNoise, FluctuationError, Fluctuations, LossGap, NoiseColumns, TangentRun, TangentSystem,
};
use crate::run::context::RunError;
use ndarray::Array1;

impl TangentCloud<'_> {
    /// The fluctuation of the predictions under mini-batches, by the networks' method.
    ///
    /// # Errors
    /// Networks that are not linearised, states that are not finite, interrupted computations.
    pub fn batch_fluctuations(
        &self,
        keys: BatchNoiseKeys,
        proceed: &dyn Fn(f64) -> bool,
    ) -> Result<Fluctuations, RunError> {
        let (e, BatchNoiseKeys { batch_columns, batch_step }) = (self.problem.experiment, keys);
        let columns = NoiseColumns::zero(self.particles, batch_columns);
        let noise = BatchNoise::of_columns(e.seed, batch_columns, batch_step);
        let system = TangentSystem {
            ensemble: self.ensemble(),
            columns: &columns,
            second_order: true,
            batch_noise: Some(noise),
            given: None,
            threads: Threads::Pool,
        };
        let run = TangentRun {
            system,
            scheme: Scheme { method: e.dynamics.method, motion: e.dynamics.motion(batch_step) },
            start: self.start()?,
            noise: self.noise(),
            times: &self.problem.times,
            features_at: &[],
        };
        Ok(run.propagate_unless(&|t| !proceed(t / e.horizon.time))?)
    }
}

impl BatchArrays {
    /// What follows from the fluctuation under mini-batches.
    ///
    /// # Errors
    /// Those of [`Fluctuations::loss_gap`].
    pub(super) fn new(found: &Fluctuations, draws: usize, seed: u64) -> Result<Self, FluctuationError> {
        let times = 0..found.records.len();
        let gaps = times.clone().map(|t| found.loss_gap(t)).collect::<Result<Vec<_>, _>>()?;
        let of_gaps = |f: &dyn Fn(&LossGap) -> f64| gaps.iter().map(f).collect::<Array1<f64>>();
        Ok(BatchArrays {
            variance: Array1::from(found.variance()),
            gap_mean: of_gaps(&LossGap::scaled_mean),
            gap_linear: of_gaps(&|gap| gap.slopes.iter().map(|v| v * v).sum()),
            coupling: times.clone().map(|t| found.coupling_distance(t, 1.0).powi(2)).collect(),
            spread_bias: times.clone().map(|t| Ok(found.spread(t)?.bias)).collect::<Result<_, FluctuationError>>()?,
            error: times.map(|t| found.guards(t).column_error).collect(),
            supremum: Array1::from(summary(&found.supremum(draws, seed))),
        })
    }

    /// Whether these are numbers of so many recording times.
    pub(super) fn fits(&self, times: usize) -> bool {
        let by_time =
            [&self.variance, &self.gap_mean, &self.gap_linear, &self.coupling, &self.spread_bias, &self.error];
        by_time.iter().all(|values| values.len() == times) && self.supremum.len() == 4
    }
}
