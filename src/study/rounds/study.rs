//! The study of rounds. The first round prunes the model by a method; each of the others takes one step of the iterative
//! optimal brain surgeon on every layer, towards the weights before pruning, with the moments of its own batch. Where it is
//! asked for, the kept weights are trained on the task loss after every round, in series of their own.

use super::checks::{checks, training_checks};
use super::results::RoundResult;
use super::spec::RoundSeries;
use super::{Rounds, RoundsArrays, RoundsRecord, SeriesRecord};
use crate::analysis::fit::Bootstrap;
use crate::analysis::paired::{NoSpread, PairedDifference, paired_difference};
use crate::choice::Choice;
use crate::prune::network::{LayerRecord, PassStart, Quota, stored_zeros};
use crate::prune::training::last_losses;
use crate::record::npz::{shaped, whole};
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::pruning_source::BatchRule;
use crate::run::pruning_task::{LayerProgress, WrittenModel, read_back, working_copy, write_timings};
use crate::run::study::PruningSubject;
use crate::run::tasks::{Task, TaskHandle, run_tasks_in_order};
use ndarray::{Array2, Array3};

/// Distinguishes the resamples of this study.
const SALT: u64 = 61;

/// Writes `records/rounds.npz`, `records/rounds.json` and the wall times; returns the checks.
pub(super) fn run(
    spec: &Rounds,
    subject: PruningSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let all = spec.series();
    let task = |one: &RoundSeries| Task { name: format!("rounds-{}", one.name()), size: spec.rounds + 1, item: *one };
    let tasks: Vec<Task<RoundSeries>> = all.iter().map(task).collect();
    let (samples, layers) = (subject.dense.losses.len(), subject.source.layers().len());
    let fits = |_: &RoundSeries, found: &Vec<RoundResult>| {
        let one = |result: &RoundResult| result.losses.len() == samples && result.record.layers.len() == layers;
        found.len() == spec.rounds + 1 && found.iter().all(one)
    };
    let found = complete!(run_tasks_in_order(context, "rounds", &tasks, fits, |&one, handle| {
        run_series(spec, &subject, context, (one, handle))
    })?);
    arrays(spec, &subject, &found).write_to(context.folder)?;
    let (mut series, mut gains) = (Vec::new(), Vec::new());
    for (one, results) in all.iter().zip(&found) {
        let (record, gain) = judged(&subject, *one, results);
        series.push(record);
        gains.push(gain);
    }
    let record = RoundsRecord {
        sparsity: spec.sparsity.to_string(),
        first: spec.first.name().into(),
        batch: spec.samples(subject.source),
        adam: spec.adam,
        series,
    };
    record.write(context.folder)?;
    let every: Vec<Vec<LayerRecord>> =
        found.iter().map(|results| results.iter().flat_map(|result| result.record.layers.clone()).collect()).collect();
    let timed = tasks.iter().zip(&every).map(|(task, layers)| (task.name.clone(), layers.as_slice()));
    write_timings(context.folder, "rounds", timed)?;
    let mut checks = checks(&record, &gains, &found);
    checks.extend(training_checks(&all, &found, subject.experiment.seed));
    Ok(Outcome::Complete(Findings { checks, warnings: warnings(&subject, spec, &found) }))
}

/// All rounds of a series.
fn run_series(
    spec: &Rounds,
    subject: &PruningSubject<'_>,
    context: &RunContext<'_>,
    (one, handle): (RoundSeries, &TaskHandle<'_>),
) -> Result<Outcome<Vec<RoundResult>>, RunError> {
    let source = subject.source;
    let adam = spec.adam.filter(|_| one.trained);
    let mut copy = working_copy(subject, context, &format!("rounds-{}", one.name()))?;
    let quota = Quota::Uniform(spec.sparsity);
    let (layers, samples) = (source.layers().len(), spec.samples(source));
    let steps = layers + 1 + adam.map_or(0, |adam| adam.steps);
    let mut progress = LayerProgress::new(handle, steps * (spec.rounds + 1));
    let mut results = Vec::new();
    for round in 0..=spec.rounds {
        let batch = source.batch_of_round(one.rule, round, samples);
        let result = source.with_settings(spec.first, &quota, |settings| {
            let start = PassStart { round, block: 0 };
            let mut layers = source.prune(&mut copy, &batch, settings, start, &mut progress)?;
            let mut losses = Vec::new();
            if let Some(adam) = &adam {
                source.train(&mut copy, adam, round, &mut |loss| {
                    losses.push(loss);
                    progress.step()
                })?;
                // A kept weight may have become zero in the type of the file.
                for (record, layer) in layers.iter_mut().zip(source.layers()) {
                    record.zeros = stored_zeros(copy.checkpoint(), layer)?;
                }
            }
            let WrittenModel { model, record, missing_zeros } = read_back(source, &copy, settings, layers)?;
            let scores = source.score(&model)?;
            let accuracy = scores.accuracy();
            Ok(RoundResult { record, missing_zeros, losses: scores.losses, accuracy, training_losses: losses })
        })?;
        progress.step()?;
        results.push(result);
    }
    Ok(if handle.interrupted() { Outcome::Interrupted } else { Outcome::Complete(results) })
}

/// The best round, and the gain of one that is chosen on half of the samples, measured on the other half.
fn judged(
    subject: &PruningSubject<'_>,
    one: RoundSeries,
    results: &[RoundResult],
) -> (SeriesRecord, Result<PairedDifference, NoSpread>) {
    let part = |losses: &[f64], odd: usize| -> Vec<f64> { losses.iter().copied().skip(odd).step_by(2).collect() };
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let least = |values: &[f64]| (1..values.len()).fold(0, |best, i| if values[i] < values[best] { i } else { best });
    let all: Vec<f64> = results.iter().map(|result| mean(&result.losses)).collect();
    let half: Vec<f64> = results.iter().map(|result| mean(&part(&result.losses, 0))).collect();
    let (best, chosen) = (least(&all), least(&half));
    let (after, before) = (part(&results[chosen].losses, 1), part(&results[0].losses, 1));
    let bootstrap = Bootstrap::new(subject.experiment.seed, SALT);
    let difference = paired_difference(&after, &before, &bootstrap);
    let record = SeriesRecord {
        batches: one.rule.name().into(),
        trained: one.trained,
        best,
        best_loss: all[best],
        chosen,
        gain: mean(&after) - mean(&before),
        gain_interval: difference.ok().map(|difference| difference.interval),
    };
    (record, difference)
}

fn arrays(spec: &Rounds, subject: &PruningSubject<'_>, found: &[Vec<RoundResult>]) -> RoundsArrays {
    let (series, rounds) = (found.len(), spec.rounds + 1);
    let (samples, layers) = (subject.dense.losses.len(), subject.source.layers().len());
    let all = || found.iter().flatten();
    let by_layer = |of: &dyn Fn(&LayerRecord) -> f64| -> Array3<f64> {
        let values = all().flat_map(|result| result.record.layers.iter().map(of)).collect();
        shaped((series, rounds, layers), values)
    };
    let table = |values: Vec<f64>| -> Array2<f64> { shaped((series, rounds), values) };
    let accuracies: Option<Vec<f64>> = all().map(|result| result.accuracy).collect();
    RoundsArrays {
        round: whole(0..rounds),
        losses: shaped((series, rounds, samples), all().flat_map(|result| result.losses.iter().copied()).collect()),
        accuracy: accuracies.map(table),
        training_loss: spec.adam.map(|_| table(all().map(|result| last_losses(&result.training_losses)).collect())),
        relative_loss: table(all().map(|result| result.record.relative_loss()).collect()),
        zeros: by_layer(&|layer| layer.zeros as f64),
        layer_loss: by_layer(&|layer| layer.loss),
        layer_relative_loss: by_layer(&|layer| layer.relative_loss),
    }
}

/// Warnings of the layers, each once, and batches that repeat samples.
fn warnings(subject: &PruningSubject<'_>, spec: &Rounds, found: &[Vec<RoundResult>]) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    for warning in found.iter().flatten().flat_map(|result| &result.record.warnings) {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    if spec.batches.contains(&BatchRule::Fresh) {
        let repeated = subject.source.repeated_samples(spec.rounds + 1, spec.samples(subject.source));
        warnings.extend(repeated.map(|note| format!("[rounds] {note}")));
    }
    warnings
}
