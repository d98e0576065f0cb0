//! The parts of the deviation that are not due to the starts, beside the fluctuation of the starts.

use super::cloud::TangentCloud;
use super::networks::{NetworkPredictions, NetworkStarts};
use super::record::{BatchArrays, DeviationArrays, PredictedArrays, StepTermArrays};
use super::settings::{FEWEST_PARTICLES, MOST_DRAWS, PARTICLES_PER_PARTICLE, PredictedSettings};
use super::step::StepTerm;
use crate::fluctuation::{DeviationParts, Fluctuations};
use crate::record::npz_json::ArraysAsJson;
use crate::run::context::RunError;
use serde::{Deserialize, Serialize};

/// The saved result of the task of one cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CloudFindings {
    /// From the starts.
    pub predicted: ArraysAsJson<PredictedArrays>,
    /// From mini-batches, where there are any.
    pub batch: Option<ArraysAsJson<BatchArrays>>,
    /// From the step; not of the cloud with half of the particles.
    pub step: Option<ArraysAsJson<StepTermArrays>>,
    /// Draws of the deviation; not of the cloud with half of the particles, nor of two hidden layers.
    pub draws: Option<ArraysAsJson<DeviationArrays>>,
    /// The distance of the cloud's average from the field that it was given.
    pub given_distance: Option<f64>,
    /// The predictions of single networks, from the whole cloud.
    pub networks: Option<NetworkPredictions>,
}

/// The other parts along one cloud.
pub(super) struct Terms<'a> {
    cloud: TangentCloud<'a>,
    settings: PredictedSettings,
}

impl<'a> Terms<'a> {
    /// The parts that an experiment has.
    pub fn new(cloud: TangentCloud<'a>) -> Self {
        // The field of a grid has other steps than the parts.
        let settings = cloud.spec.settings(cloud.problem.experiment);
        Terms { cloud: TangentCloud { given: None, ..cloud }, settings }
    }

    /// Whether the cloud has all particles.
    fn is_whole(&self) -> bool {
        self.cloud.particles == self.cloud.spec.particles
    }

    /// The cloud that carries the noise of mini-batches, and the steps.
    fn smaller_cloud(&self) -> TangentCloud<'a> {
        let particles = (self.cloud.particles / PARTICLES_PER_PARTICLE).max(FEWEST_PARTICLES);
        TangentCloud { particles, ..self.cloud }
    }

    /// Whether the deviation is drawn.
    fn draws(&self) -> bool {
        self.is_whole() && self.cloud.problem.network.as_two_layer().is_some()
    }

    /// The share of the work of the cloud that these parts take.
    pub fn share(&self) -> f64 {
        let spec = self.cloud.spec;
        let step = if self.is_whole() { 0.05 } else { 0.0 };
        let starts = (spec.modes + spec.columns) as f64 / spec.step * self.cloud.particles as f64;
        let batch = spec
            .batch_noise
            .map_or(0.0, |noise| noise.batch_columns as f64 / noise.batch_step * self.smaller_cloud().particles as f64);
        step + (1.0 - step) * batch / (starts + batch)
    }

    /// Everything along the cloud. `proceed` is called with the completed fraction of these parts and returns whether to
    /// go on.
    ///
    /// # Errors
    /// States that are not finite, interrupted computations.
    pub fn beside(
        &self,
        starts: &Fluctuations,
        predicted: PredictedArrays,
        proceed: &dyn Fn(f64) -> bool,
    ) -> Result<CloudFindings, RunError> {
        let (spec, seed) = (self.cloud.spec, self.cloud.problem.experiment.seed);
        let step_share = match (self.is_whole(), spec.batch_noise) {
            (false, _) => 0.0,
            (true, Some(_)) => 0.1,
            (true, None) => 1.0,
        };
        let step = match self.is_whole() && !self.settings.steps.is_empty() {
            true => {
                Some(StepTerm::new(&self.smaller_cloud(), &self.settings.steps, &|done| proceed(done * step_share))?)
            }
            false => None,
        };
        let advance = |done| proceed(step_share + (1.0 - step_share) * done);
        let batches =
            spec.batch_noise.map(|keys| self.smaller_cloud().batch_fluctuations(keys, &advance)).transpose()?;
        let batch = batches.as_ref().map(|found| BatchArrays::new(found, spec.draws, seed)).transpose()?;
        let draws = self.draws().then(|| {
            let parts = DeviationParts {
                starts,
                batches: batches.as_ref(),
                step: step.as_ref().map(|step| step.slope.as_slice()),
                step_norm: step.as_ref().map_or(0.0, |step| step.norm_slope),
            };
            let draws = spec.draws.min(MOST_DRAWS);
            let responses = parts.responses(starts.records.len() - 1, draws, seed);
            DeviationArrays {
                distances: parts.distances(draws, seed),
                slopes: responses.slopes,
                curvature: responses.curvature,
            }
        });
        Ok(CloudFindings {
            predicted: ArraysAsJson(predicted),
            batch: batch.map(ArraysAsJson),
            step: step.map(|step| ArraysAsJson(step.arrays)),
            draws: draws.map(ArraysAsJson),
            given_distance: None,
            networks: None,
        })
    }

    /// Whether a result can be that of this cloud, with the predictions of `networks`.
    pub fn fit(&self, found: &CloudFindings, networks: Option<&NetworkStarts<'_>>) -> bool {
        let (spec, whole, steps) = (self.cloud.spec, self.is_whole(), &self.settings.steps);
        let times = self.cloud.problem.times.len();
        let draws = spec.draws.min(MOST_DRAWS);
        let of_networks = match (networks, &found.networks) {
            (Some(starts), Some(networks)) => starts.fits(networks),
            (None, None) => true,
            _ => false,
        };
        of_networks
            && found.predicted.0.fits(times, spec.widths.len())
            && found.batch.is_some() == spec.batch_noise.is_some()
            && found.batch.iter().all(|batch| batch.0.fits(times))
            && found.step.is_some() == (whole && !steps.is_empty())
            && found.step.iter().all(|step| step.0.fits(steps.len(), times))
            && found.draws.is_some() == self.draws()
            && found.draws.iter().all(|found| found.0.fits(draws, times))
    }
}
