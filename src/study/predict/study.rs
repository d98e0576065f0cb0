//! The study of predictions. The tangent cloud and the cloud of half of its particles are two tasks; their results are
//! all that networks of any width are predicted from. The task of the whole cloud predicts single networks too.

use super::cloud::TangentCloud;
use super::compare::NetworkComparison;
use super::compare_total::GroupComparison;
use super::corrected::CorrectedComparison;
use super::limit_field;
use super::networks::NetworkStarts;
use super::quantity::PredictedQuantity;
use super::terms::{CloudFindings, Terms};
use super::trust::Trust;
use super::{Predict, PredictArrays, PredictRecord, PredictionRoute};
use crate::choice::Choice;
use crate::compute::profile::{self, WorkKind};
use crate::config::{BatchSize, Experiment, NetworkKind};
use crate::fluctuation::FluctuationError;
use crate::record::npz::whole;
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::study::{StudyMemory, TrainingSizes, TrainingSubject};
use crate::run::tasks::{Task, TaskHandle, run_tasks};
use ndarray::Array1;

/// Progress of the task of the whole cloud at which the field of the grid, and the fluctuations, are complete.
const SHARES: (f64, f64) = (0.1, 0.8);

/// That nothing fluctuates, in words.
const NO_SPREAD: &str = "the start has no spread: all neurons are equal, and nothing fluctuates";

/// Whether all neurons start at one point and remain equal.
fn has_no_spread(e: &Experiment) -> bool {
    e.network.start.is_point() && e.network.start_momentum == 0.0 && e.dynamics.temperature == 0.0
}

/// Quantities that are not predicted for the networks of an experiment, each with the reason.
fn left_out(spec: &Predict, e: &Experiment) -> Vec<(PredictedQuantity, &'static str)> {
    let mut left_out = Vec::new();
    if has_no_spread(e) {
        left_out.extend(PredictedQuantity::ALL.iter().map(|&of| (of, NO_SPREAD)));
        return left_out;
    }
    if spec.by == PredictionRoute::Pairs && e.dynamics.ridge > 0.0 {
        let why = "the ridge term of the risk is no part of predictions by pairs";
        left_out.extend([PredictedQuantity::LossMean, PredictedQuantity::LossDeviation].map(|of| (of, why)));
    }
    if e.network.fixed_output || e.network.kind == NetworkKind::Bump {
        let why = "the constructive path changes output weights, which are fixed in these networks";
        left_out.push((PredictedQuantity::Barrier, why));
    }
    left_out
}

/// The memory of the study.
pub(super) fn memory(spec: &Predict, sizes: TrainingSizes<'_>) -> StudyMemory {
    spec.estimated_memory(sizes)
}

/// Writes the records; returns the checks, of which there are none without networks.
pub(super) fn run(
    spec: &Predict,
    subject: TrainingSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let problem = subject.problem;
    let settings = spec.settings(problem.experiment);
    let starts = NetworkStarts::of(spec, subject);
    let of_networks = starts.as_ref().ok().and_then(Option::as_ref);
    // The task of all particles measures the networks, of which a shard has a part only.
    let trained = |id: &String| subject.trained.runs.contains_key(id);
    let measurable = of_networks.is_none_or(|starts| starts.group.ids.iter().flatten().all(trained));
    let tasks: Vec<Task<usize>> = [spec.particles, spec.particles / 2]
        .into_iter()
        .filter(|&particles| measurable || particles != spec.particles)
        .map(|particles| Task { name: format!("predict-{particles}"), size: particles, item: particles })
        .collect();
    let own = |particles: usize| TangentCloud { spec, problem, particles, interrupt: context.interrupt, given: None };
    let networks_of = |particles: usize| of_networks.filter(|_| particles == spec.particles);
    let fits =
        |&particles: &usize, found: &CloudFindings| Terms::new(own(particles)).fit(found, networks_of(particles));
    let one_cloud = |&particles: &usize, handle: &TaskHandle<'_>| -> Result<CloudFindings, RunError> {
        let _timed = profile::time(WorkKind::Columns);
        let of_networks = networks_of(particles);
        let part = |from: f64, to: f64| move |fraction: f64| handle.advance_to(from + (to - from) * fraction);
        let divisor = spec.particles / particles;
        let given = limit_field::of_grid(spec, problem, divisor, &part(0.0, SHARES.0))?;
        let cloud = TangentCloud { given: given.as_ref(), ..own(particles) };
        let begin = if given.is_some() { SHARES.0 } else { 0.0 };
        let end = if of_networks.is_some() { SHARES.1 } else { 1.0 };
        let terms = Terms::new(cloud);
        let middle = end - (end - begin) * terms.share();
        let found = cloud.fluctuations(&part(begin, middle))?;
        let findings = terms.beside(&found, cloud.predicted(&found)?, &part(middle, end))?;
        let networks = of_networks.map(|starts| starts.predict(&found, &cloud, context.folder, (handle, (end, 1.0))));
        let cloud_len = found.layout.map_or(found.end.theta.len(), |layout| layout.cloud_len());
        Ok(CloudFindings {
            given_distance: cloud.distance_from_given(&found.end.theta[..cloud_len]),
            networks: networks.transpose()?,
            ..findings
        })
    };
    let clouds = complete!(run_tasks(context, "predict", &tasks, fits, |particles, handle| {
        match one_cloud(particles, handle) {
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
        given_distance: all.given_distance.into_iter().collect(),
    };
    let arrays = arrays.with_totals(&settings.batches);
    arrays.write(context.folder)?;
    let left_out = left_out(spec, problem.experiment);
    let trust = || Trust { arrays: &arrays, draws: spec.draws, left_out: &left_out };
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
    checks.extend(CorrectedComparison::checks(subject, starts, all.networks, context.folder)?);
    let no_spread = has_no_spread(problem.experiment);
    let warnings = match no_spread {
        true => vec![format!("predict: nothing predicted: {NO_SPREAD}")],
        false => {
            not_predicted.iter().map(|(quantity, why)| format!("predict: {quantity} not predicted: {why}")).collect()
        }
    };
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
        least_width: trust().least_width(PredictedQuantity::Function),
        least_width_of_loss: trust().least_width(PredictedQuantity::LossDeviation),
        no_spread,
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
