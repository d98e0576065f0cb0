//! The study of predictions. The tangent cloud and the cloud of half of its particles are two tasks; their results are
//! all that networks of any width are predicted from.

use super::cloud::TangentCloud;
use super::compare::NetworkComparison;
use super::compare_total::GroupComparison;
use super::settings::PredictedSettings;
use super::terms::{CloudFindings, Terms};
use super::trust::{PredictedQuantity, Trust};
use super::{Predict, PredictArrays, PredictRecord};
use crate::choice::Choice;
use crate::config::BatchSize;
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
    let settings = PredictedSettings::new(spec, problem.experiment);
    let tasks: Vec<Task<usize>> = [spec.particles, spec.particles / 2]
        .into_iter()
        .map(|particles| Task { name: format!("predict-{particles}"), size: particles, item: particles })
        .collect();
    let cloud = |&particles: &usize| TangentCloud { spec, problem, particles, interrupt: context.interrupt };
    let fits = |particles: &usize, found: &CloudFindings| Terms::new(cloud(particles)).fit(found);
    let clouds = complete!(run_tasks(context, "predict", &tasks, fits, |particles, handle| {
        match cloud(particles).predict(&|fraction| handle.advance_to(fraction)) {
            Ok(found) => Ok(Outcome::Complete(found)),
            Err(RunError::Fluctuation(FluctuationError::Interrupted)) => Ok(Outcome::Interrupted),
            Err(error) => Err(error),
        }
    })?);
    let mut clouds = clouds.into_iter();
    let (Some(all), Some(half)) = (clouds.next(), clouds.next()) else { return Ok(Outcome::Interrupted) };
    let arrays = PredictArrays {
        widths: whole(spec.widths.iter().copied()),
        times: Array1::from(problem.times.clone()),
        whole: all.predicted.0,
        half: half.predicted.0,
        step: all.step.map(|part| part.0),
        batch: all.batch.map(|part| part.0),
        half_batch: half.batch.map(|part| part.0),
        draws: all.draws.map(|part| part.0),
        totals: None,
    };
    let arrays = arrays.with_totals(&settings.batches);
    arrays.write(context.folder)?;
    let trust = || Trust { arrays: &arrays, draws: spec.draws };
    let broken = |&quantity: &PredictedQuantity| Some((quantity.name().to_string(), trust().broken(quantity)?));
    let not_predicted: Vec<(String, String)> = PredictedQuantity::ALL.iter().filter_map(broken).collect();
    let paths = problem.experiment.studies.find("paths").is_some();
    let trusted = trust();
    let comparison = NetworkComparison::new(subject, trust(), paths, context.folder)?;
    let compared = comparison.as_ref().map(NetworkComparison::group);
    let (group_ratios, group_checks): (Vec<_>, Vec<_>) =
        GroupComparison::all(subject, &trusted, compared).flat_map(|group| group.ratios()).unzip();
    let (ratios, mut checks): (Vec<_>, Vec<_>) =
        comparison.map_or_else(Default::default, |comparison| comparison.ratios().into_iter().unzip());
    checks.extend(group_checks);
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
        trained_step: problem.experiment.dynamics.step,
        trained_batch: match problem.experiment.dynamics.batch {
            BatchSize::Full => None,
            BatchSize::Size(size) => Some(size),
        },
        group_ratios,
    };
    record.write(context.folder)?;
    Ok(Outcome::Complete(Findings { checks, warnings }))
}
