//! The study of methods: every method at every sparsity.

use super::checks::checks;
use super::models::{ModelTable, bootstrap};
use super::{Compare, CompareRecord, CompareSummary, SparsityAudit};
use crate::analysis::paired::paired_difference;
use crate::choice::Choice;
use crate::prune::layer::{LayerMethod, PruneMethod, Sparsity};
use crate::prune::model::Scores;
use crate::prune::network::{LayerAudit, Quota};
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::pruning_task::{LayerProgress, PrunedModel, prune_and_score, write_timings};
use crate::run::study::PruningSubject;
use crate::run::tasks::{Task, run_tasks_in_order};

/// Writes `records/compare.npz`, `records/compare.json` and the wall times; returns the checks.
pub(super) fn run(
    spec: &Compare,
    subject: PruningSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let methods = &subject.experiment.pruning.methods;
    let pairs: Vec<(usize, usize)> =
        (0..methods.len()).flat_map(|m| (0..spec.sparsities.len()).map(move |s| (m, s))).collect();
    let name = |&(m, s): &(usize, usize)| format!("compare-{}-{s}", methods[m]);
    let tasks: Vec<Task<(usize, usize)>> =
        pairs.iter().map(|pair| Task { name: name(pair), size: work(methods[pair.0]), item: *pair }).collect();
    let fits = |_: &(usize, usize), found: &PrunedModel| found.fits(&subject);
    let found = run_tasks_in_order(context, "methods", &tasks, fits, |pair, handle| {
        let quota = Quota::Uniform(spec.sparsities[pair.1]);
        prune_and_score(&subject, context, (&name(pair), handle), methods[pair.0], &quota)
    })?;
    let audits = audits(spec, &subject, context)?;
    let (found, audits) = (complete!(found), complete!(audits));

    let models = ModelTable::new(spec.sparsities.len(), &found);
    models.arrays(spec, &subject).write_to(context.folder)?;
    let record = CompareRecord {
        sparsities: spec.sparsities.iter().map(ToString::to_string).collect(),
        summaries: tasks.iter().zip(&found).map(|(task, model)| summary(spec, &subject, task.item, model)).collect(),
        audits: spec.sparsities.iter().zip(audits).map(SparsityAudit::of).collect(),
    };
    record.write(context.folder)?;
    let timed = tasks.iter().zip(&found).map(|(task, model)| (task.name.clone(), model.record.layers.as_slice()));
    write_timings(context.folder, "compare", timed)?;
    let checks = checks(spec, &subject, &models, &record.audits);
    Ok(Outcome::Complete(Findings { checks, warnings: warnings(&record, &found) }))
}

/// Relative work of a method, for the progress bar.
fn work(method: PruneMethod) -> usize {
    let solver = match method.method {
        LayerMethod::Magnitude | LayerMethod::Wanda => 1,
        LayerMethod::Sweep => 2,
        LayerMethod::Iterative => 16,
        LayerMethod::Dual => 6,
        LayerMethod::Greedy => 40,
    };
    solver + if method.refit { 3 } else { 0 }
}

/// The audit of the solvers on every layer, at every sparsity.
fn audits(
    spec: &Compare,
    subject: &PruningSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Vec<Vec<LayerAudit>>>, RunError> {
    let layers = subject.source.layers().len();
    let tasks: Vec<Task<usize>> = (0..spec.sparsities.len())
        .map(|s| Task { name: format!("compare-audit-{s}"), size: layers, item: s })
        .collect();
    let fits = |_: &usize, found: &Vec<LayerAudit>| found.len() == layers;
    run_tasks_in_order(context, "audit of the solvers", &tasks, fits, |&s, handle| {
        let mut progress = LayerProgress::new(handle, layers);
        let audit = subject.source.audit(spec.sparsities[s], &mut || progress.step())?;
        Ok(if handle.interrupted() { Outcome::Interrupted } else { Outcome::Complete(audit) })
    })
}

impl SparsityAudit {
    fn of((sparsity, layers): (&Sparsity, Vec<LayerAudit>)) -> Self {
        SparsityAudit { sparsity: sparsity.to_string(), layers }
    }
}

fn summary(
    spec: &Compare,
    subject: &PruningSubject<'_>,
    (m, s): (usize, usize),
    model: &PrunedModel,
) -> CompareSummary {
    let scores = Scores { losses: model.losses.clone(), hits: model.hits.clone() };
    let difference = paired_difference(&model.losses, &subject.dense.losses, &bootstrap(subject));
    CompareSummary {
        method: subject.experiment.pruning.methods[m].name().into(),
        sparsity: spec.sparsities[s].to_string(),
        loss: scores.loss(),
        perplexity: subject.source.is_language().then(|| scores.perplexity()),
        accuracy: scores.accuracy(),
        added_loss: scores.loss() - subject.dense.loss(),
        added_loss_interval: difference.ok().map(|difference| difference.interval),
        relative_loss: model.record.relative_loss(),
        linear_sparsity: model.record.sparsity,
        model_sparsity: model.record.model_sparsity,
        missing_zeros: model.missing_zeros,
    }
}

/// Warnings of the layers, each once, and the sparsity of all layers where some are not pruned.
fn warnings(record: &CompareRecord, found: &[PrunedModel]) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    for warning in found.iter().flat_map(|model| &model.record.warnings) {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    if found.iter().any(|model| !model.record.excluded.is_empty()) {
        for summary in record.summaries.iter().take(record.sparsities.len()) {
            warnings.push(format!(
                "sparsity {} of the chosen layers is {:.1} % of all linear layers of the blocks, {:.1} % of all parameters",
                summary.sparsity,
                100.0 * summary.linear_sparsity,
                100.0 * summary.model_sparsity
            ));
        }
    }
    warnings
}
