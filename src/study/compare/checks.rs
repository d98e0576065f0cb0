//! The checks of the study of methods.

use super::models::{ModelTable, bootstrap};
use super::{Compare, SparsityAudit};
use crate::analysis::paired::paired_difference;
use crate::analysis::verdict::Check;
use crate::choice::Choice;
use crate::prune::layer::{PruneMethod, Sparsity};
use crate::prune::network::LayerAudit;
use crate::run::recovery_checks::all_within;
use crate::run::study::PruningSubject;

/// Relative difference of the sums of a sweep, with a damping of 1 %.
const IDENTITY: f64 = 1e-10;
/// Rounding errors over the machine precision and the condition number of a moment.
const ROUNDING: f64 = 4.0;
/// Relative difference of a score from that of another forward pass in single precision.
const SCORE: f64 = 1e-5;

/// The checks.
pub(super) fn checks(
    spec: &Compare,
    subject: &PruningSubject<'_>,
    models: &ModelTable<'_>,
    audits: &[SparsityAudit],
) -> Vec<Check> {
    let layers = || audits.iter().flat_map(|audit| &audit.layers);
    let mut checks = vec![dense(subject), zeros(models), identity(layers()), best(layers()), refit(layers())];
    checks = checks.into_iter().map(Check::about_program).collect();
    let methods = &subject.experiment.pruning.methods;
    let Some(sweep) = methods.iter().position(|method| *method == PruneMethod::SWEEP) else { return checks };
    for (s, sparsity) in spec.sparsities.iter().enumerate() {
        let iterative = methods.iter().enumerate().filter(|(_, method)| method.is_iterative());
        checks.extend(iterative.map(|(m, method)| {
            let (iterative, swept) = (&models.at(m, s).losses, &models.at(sweep, s).losses);
            better(subject, *method, *sparsity, iterative, swept)
        }));
    }
    checks
}

/// The score of the model before pruning is the known one.
fn dense(subject: &PruningSubject<'_>) -> Check {
    let (name, statement) = (
        "compare-dense",
        "before pruning the model has its known score: relative difference of the held-out cross entropies",
    );
    match subject.source.known_score(&subject.experiment.held_out.source) {
        Some(known) => Check::at_most(name, statement, (subject.dense.loss() / known.loss - 1.0).abs(), SCORE),
        None => {
            let reason = "no score is known of this model on these samples";
            Check::not_measured(name, statement, Some(0.0), reason)
        }
    }
}

/// No written layer lacks a zero.
fn zeros(models: &ModelTable<'_>) -> Check {
    let missing = models.all().iter().map(|model| model.missing_zeros).sum::<usize>();
    let statement = "layers that were written and read back have all zeros of their sparsity, and patterns in every group: zeros that are missing";
    Check::at_most("compare-zeros", statement, missing as f64, 0.0)
}

/// A number of an audit, with the limit of its rounding errors.
fn with_limit(audit: &LayerAudit, value: f64) -> (f64, f64) {
    (value, IDENTITY.max(ROUNDING * f64::EPSILON * audit.condition))
}

const NOTHING: &str = "there is no layer";

fn identity<'a>(layers: impl Iterator<Item = &'a LayerAudit>) -> Check {
    let statement = "the squared errors of a sweep sum up to its damped layer loss: largest relative difference";
    all_within("compare-sweep-identity", statement, layers.map(|a| with_limit(a, a.sweep_identity)), NOTHING)
}

fn best<'a>(layers: impl Iterator<Item = &'a LayerAudit>) -> Check {
    let statement = "the best iterate of i-obs has no larger layer loss than the sweep: largest relative excess";
    all_within("compare-best-iterate", statement, layers.map(|a| with_limit(a, a.best_excess.max(0.0))), NOTHING)
}

fn refit<'a>(layers: impl Iterator<Item = &'a LayerAudit>) -> Check {
    let statement = "a refit has no larger damped layer loss than its start: largest relative excess";
    all_within("compare-refit", statement, layers.map(|a| with_limit(a, a.refit_excess.max(0.0))), NOTHING)
}

/// An iterative method has a lower held-out loss than the sweep.
fn better(
    subject: &PruningSubject<'_>,
    method: PruneMethod,
    sparsity: Sparsity,
    iterative: &[f64],
    swept: &[f64],
) -> Check {
    let name = format!("compare-{}-{}", method.name(), sparsity.to_string().replace(':', "-"));
    let statement = format!(
        "at sparsity {sparsity} {} has a lower held-out loss than sparsegpt: ratio of exp(mean cross entropy)",
        method.name()
    );
    let found = match paired_difference(iterative, swept, &bootstrap(subject)) {
        Ok(found) => found,
        Err(why) => return Check::not_measured(name, statement, Some(1.0), format!("held-out data: {why}")),
    };
    let (low, high) = found.interval;
    let measured = format!(
        "mean difference {:.4} nats, paired bootstrap [{low:.4}, {high:.4}] over {} samples",
        found.estimate.value,
        iterative.len()
    );
    Check::ratio_below(name, statement, 1.0, found.estimate, measured)
}
