//! The study of predictions. The tangent cloud and the cloud of half of its particles are two tasks; their results are
//! all that networks of any width are predicted from. The task of the whole cloud predicts single networks too.

use super::cloud::{CloudPrediction, TangentCloud};
use super::compare::NetworkComparison;
use super::corrected::CorrectedComparison;
use super::limit_field;
use super::networks::{NetworkPredictions, NetworkStarts};
use super::trust::{PredictedQuantity, Trust};
use super::{Predict, PredictArrays, PredictRecord};
use crate::choice::Choice;
use crate::fluctuation::FluctuationError;
use crate::record::npz::whole;
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::study::TrainingSubject;
use crate::run::tasks::{Task, TaskHandle, run_tasks};
use ndarray::Array1;
use serde::{Deserialize, Serialize};

/// The result of the task of one cloud.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct CloudResult {
    /// What is predicted from it.
    prediction: CloudPrediction,
    /// The distance of its average from the field that it was given.
    given_distance: Option<f64>,
    /// The predictions of single networks, from the whole cloud.
    networks: Option<NetworkPredictions>,
}

/// Progress of the task of the whole cloud at which the field of the grid, and the fluctuations, are complete.
const SHARES: (f64, f64) = (0.1, 0.8);

/// Writes the records; returns the checks, of which there are none without networks.
pub(super) fn run(
    spec: &Predict,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let problem = subject.problem;
    let times = problem.times.len();
    let starts = NetworkStarts::of(spec, subject);
    let of_networks = starts.as_ref().ok().and_then(Option::as_ref);
    let tasks: Vec<Task<usize>> = [spec.particles, spec.particles / 2]
        .into_iter()
        .map(|particles| Task { name: format!("predict-{particles}"), size: particles, item: particles })
        .collect();
    let fits = |&particles: &usize, found: &CloudResult| {
        let of_networks = of_networks.filter(|_| particles == spec.particles);
        let networks = match (of_networks, &found.networks) {
            (Some(starts), Some(networks)) => starts.fits(networks),
            (None, None) => true,
            _ => false,
        };
        networks && found.prediction.fits(times, spec.widths.len())
    };
    let one_cloud = |&particles: &usize, handle: &TaskHandle<'_>| -> Result<CloudResult, RunError> {
        let of_networks = of_networks.filter(|_| particles == spec.particles);
        let part = |from: f64, to: f64| move |fraction: f64| handle.advance_to(from + (to - from) * fraction);
        let divisor = spec.particles / particles;
        let given = limit_field::of_grid(spec, problem, divisor, &part(0.0, SHARES.0))?;
        let cloud = TangentCloud { spec, problem, particles, given: given.as_ref() };
        let end = if of_networks.is_some() { SHARES.1 } else { 1.0 };
        let found = cloud.fluctuations(&part(if given.is_some() { SHARES.0 } else { 0.0 }, end))?;
        let networks = of_networks.map(|starts| starts.predict(&found, &cloud, context.folder, (handle, (end, 1.0))));
        Ok(CloudResult {
            prediction: cloud.predict(&found)?,
            given_distance: cloud.distance_from_given(&found.end.theta[..found.layout.cloud_len()]),
            networks: networks.transpose()?,
        })
    };
    let results = complete!(run_tasks(context, "predict", &tasks, fits, |particles, handle| {
        match one_cloud(particles, handle) {
            Ok(found) => Ok(Outcome::Complete(found)),
            Err(RunError::Fluctuation(FluctuationError::Interrupted)) => Ok(Outcome::Interrupted),
            Err(error) => Err(error),
        }
    })?);
    let mut results = results.into_iter();
    let (Some(all), Some(half)) = (results.next(), results.next()) else { return Ok(Outcome::Interrupted) };
    let arrays = PredictArrays {
        widths: whole(spec.widths.iter().copied()),
        times: Array1::from(problem.times.clone()),
        whole: all.prediction.arrays(),
        half: half.prediction.arrays(),
        given_distance: all.given_distance.into_iter().collect(),
    };
    arrays.write(context.folder)?;
    let trust = || Trust { arrays: &arrays, draws: spec.draws };
    let broken = |&quantity: &PredictedQuantity| Some((quantity.name().to_string(), trust().broken(quantity)?));
    let not_predicted: Vec<(String, String)> = PredictedQuantity::ALL.iter().filter_map(broken).collect();
    let paths = problem.experiment.studies.find("paths").is_some();
    let comparison = NetworkComparison::new(subject, trust(), paths, context.folder)?;
    let (ratios, mut checks): (Vec<_>, Vec<_>) =
        comparison.map_or_else(Default::default, |comparison| comparison.ratios().into_iter().unzip());
    checks.extend(CorrectedComparison::checks(subject, starts, all.networks, context.folder)?);
    let warnings =
        not_predicted.iter().map(|(quantity, why)| format!("predict: {quantity} not predicted: {why}")).collect();
    let record = PredictRecord {
        particles: spec.particles,
        modes: spec.modes,
        columns: spec.columns,
        method: spec.method.to_string(),
        step: spec.step,
        draws: spec.draws,
        sample: problem.sampler.is_some(),
        least_width: trust().least_width(),
        not_predicted,
        ratios,
    };
    record.write(context.folder)?;
    Ok(Outcome::Complete(Findings { checks, warnings }))
}
