//! The study of predictions. The tangent cloud and the cloud of half of its particles are two tasks; their results are
//! all that networks of any width are predicted from.

use super::cloud::{CloudPrediction, TangentCloud};
use super::compare::NetworkComparison;
use super::trust::{PredictedQuantity, Trust};
use super::{Predict, PredictArrays, PredictRecord};
use crate::choice::Choice;
use crate::fluctuation::FluctuationError;
use crate::record::npz::whole;
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::study::TrainingSubject;
use crate::run::tasks::{Task, run_tasks};
use ndarray::Array1;

/// Writes `records/predict.npz` and `records/predict.json`; returns the checks, of which there are none without networks.
pub(super) fn run(
    spec: &Predict,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let problem = subject.problem;
    let times = problem.times.len();
    let tasks: Vec<Task<usize>> = [spec.particles, spec.particles / 2]
        .into_iter()
        .map(|particles| Task { name: format!("predict-{particles}"), size: particles, item: particles })
        .collect();
    let fits = |_: &usize, found: &CloudPrediction| found.fits(times, spec.widths.len());
    let clouds = complete!(run_tasks(context, "predict", &tasks, fits, |&particles, handle| {
        let cloud = TangentCloud { spec, problem, particles, interrupt: handle.interrupt() };
        match cloud.predict(&|fraction| handle.advance_to(fraction)) {
            Ok(found) => Ok(Outcome::Complete(found)),
            Err(RunError::Fluctuation(FluctuationError::Interrupted)) => Ok(Outcome::Interrupted),
            Err(error) => Err(error),
        }
    })?);
    let mut clouds = clouds.into_iter().map(CloudPrediction::arrays);
    let (Some(all), Some(half)) = (clouds.next(), clouds.next()) else { return Ok(Outcome::Interrupted) };
    let arrays = PredictArrays {
        widths: whole(spec.widths.iter().copied()),
        times: Array1::from(problem.times.clone()),
        whole: all,
        half,
    };
    arrays.write(context.folder)?;
    let trust = || Trust { arrays: &arrays, draws: spec.draws };
    let broken = |&quantity: &PredictedQuantity| Some((quantity.name().to_string(), trust().broken(quantity)?));
    let not_predicted: Vec<(String, String)> = PredictedQuantity::ALL.iter().filter_map(broken).collect();
    let paths = problem.experiment.studies.find("paths").is_some();
    let comparison = NetworkComparison::new(subject, trust(), paths, context.folder)?;
    let (ratios, checks) =
        comparison.map_or_else(Default::default, |comparison| comparison.ratios().into_iter().unzip());
    let warnings =
        not_predicted.iter().map(|(quantity, why)| format!("predict: {quantity} not predicted: {why}")).collect();
    let record = PredictRecord {
        by: spec.by,
        amplitude: spec.amplitude,
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
