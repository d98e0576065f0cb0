//! The study of allocation: the losses of all layers are measured on the model before pruning, zeros are divided between
//! the layers such that the sum of the losses is least, and the model is pruned with these and with uniform numbers.

use super::{Allocation, AllocationArrays, AllocationRecord, AllocationSummary};
use crate::analysis::fit::Bootstrap;
use crate::analysis::paired::paired_difference;
use crate::analysis::verdict::Check;
use crate::choice::Choice;
use crate::prune::model::Scores;
use crate::prune::network::{CURVE_FRACTIONS, LayerCurve, LayerRecord, Quota, divided, total_zeros};
use crate::record::npz::{shaped, whole};
use crate::run::complete;
use crate::run::context::{Findings, Outcome, RunContext, RunError};
use crate::run::pruning_task::{PrunedModel, prune_and_score, write_timings};
use crate::run::study::PruningSubject;
use crate::run::tasks::{Scope, Task, run_scoped_tasks_in_order, run_tasks_in_order};
use std::collections::BTreeMap;

/// Distinguishes the resamples of this study.
const SALT: u64 = 62;

/// The names of the two allocations.
const RULES: [&str; 2] = ["uniform", "measured"];

/// Writes `records/allocation.npz`, `records/allocation.json` and the wall times; returns the checks.
pub(super) fn run(
    spec: &Allocation,
    subject: PruningSubject<'_>,
    context: &RunContext<'_>,
) -> Result<Outcome<Findings>, RunError> {
    let curves = complete!(curves(&subject, context)?);
    let quotas = Quotas::new(spec, &curves);
    let count = spec.sparsities.len();
    let name = |&(rule, s): &(usize, usize)| format!("allocation-{}-{s}", RULES[rule]);
    let tasks: Vec<Task<(usize, usize)>> = (0..2 * count)
        .map(|at| (at / count, at % count))
        .map(|pair| Task { name: name(&pair), size: 1, item: pair })
        .collect();
    let fits = |_: &(usize, usize), found: &PrunedModel| found.fits(&subject);
    let found = complete!(run_tasks_in_order(context, "allocations", &tasks, fits, |pair, handle| {
        let quota = quotas.of(*pair);
        prune_and_score(&subject, context, (&name(pair), handle), spec.method, &quota)
    })?);
    arrays(spec, &subject, &curves, &quotas, &found).write_to(context.folder)?;
    let bootstrap = Bootstrap::new(subject.experiment.seed, SALT);
    let (mut summaries, mut checks) = (Vec::new(), vec![totals(spec, &curves, &quotas, &found)]);
    for (s, sparsity) in spec.sparsities.iter().enumerate() {
        let models = [&found[s], &found[count + s]];
        let difference = paired_difference(&models[1].losses, &models[0].losses, &bootstrap);
        let scores = models.map(|model| Scores { losses: model.losses.clone(), hits: model.hits.clone() });
        summaries.push(AllocationSummary {
            sparsity: sparsity.to_string(),
            loss: [scores[0].loss(), scores[1].loss()],
            accuracy: [scores[0].accuracy(), scores[1].accuracy()],
            linear_sparsity: models.map(|model| model.record.sparsity),
            gain: scores[1].loss() - scores[0].loss(),
            gain_interval: difference.ok().map(|difference| difference.interval),
        });
        let name = format!("allocation-gain-{sparsity}");
        let statement = format!(
            "at sparsity {sparsity} zeros by measured losses have a lower held-out loss than the same sparsity in every layer: ratio of exp(mean cross entropy)"
        );
        checks.push(match difference {
            Err(why) => Check::not_measured(name, statement, Some(1.0), format!("held-out data: {why}")),
            Ok(found) => {
                let (low, high) = found.interval;
                let value = found.estimate.value;
                let measured = format!("mean difference {value:.4} nats, paired bootstrap [{low:.4}, {high:.4}]");
                Check::ratio_below(name, statement, 1.0, found.estimate, measured)
            }
        });
    }
    AllocationRecord { method: spec.method.name().into(), summaries }.write(context.folder)?;
    let timed = tasks.iter().zip(&found).map(|(task, model)| (task.name.clone(), model.record.layers.as_slice()));
    write_timings(context.folder, "allocation", timed)?;
    let mut warnings: Vec<String> = Vec::new();
    for warning in found.iter().flat_map(|model| &model.record.warnings) {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    Ok(Outcome::Complete(Findings { checks, warnings }))
}

/// The loss curves of the layers, saved like the result of a task.
fn curves(subject: &PruningSubject<'_>, context: &RunContext<'_>) -> Result<Outcome<Vec<LayerCurve>>, RunError> {
    let layers = subject.source.layers().len();
    let task = [Task { name: "allocation-curves".into(), size: 1, item: () }];
    let fits = |_: &(), found: &Vec<LayerCurve>| {
        found.len() == layers && found.iter().all(|layer| layer.curve.points.len() == CURVE_FRACTIONS.len())
    };
    let found = run_scoped_tasks_in_order(context, ("loss curves", Scope::Shared), &task, fits, |_, handle| {
        let curves = subject.source.loss_curves(&CURVE_FRACTIONS)?;
        Ok(if handle.interrupted() { Outcome::Interrupted } else { Outcome::Complete(curves) })
    })?;
    Ok(match found {
        Outcome::Complete(mut found) => found.pop().map_or(Outcome::Interrupted, Outcome::Complete),
        Outcome::Interrupted => Outcome::Interrupted,
    })
}

/// The zeros of the layers at every sparsity.
struct Quotas {
    uniform: Vec<Quota>,
    /// Zeros of the layers by the measured losses.
    measured: Vec<BTreeMap<String, usize>>,
}

impl Quotas {
    fn new(spec: &Allocation, curves: &[LayerCurve]) -> Self {
        Quotas {
            uniform: spec.sparsities.iter().map(|sparsity| Quota::Uniform(*sparsity)).collect(),
            measured: spec.sparsities.iter().map(|sparsity| divided(curves, sparsity.fraction())).collect(),
        }
    }

    fn of(&self, (rule, s): (usize, usize)) -> Quota {
        match rule {
            0 => self.uniform[s].clone(),
            _ => Quota::PerLayer(self.measured[s].clone()),
        }
    }
}

/// The measured allocation has the requested number of zeros, in files too.
fn totals(spec: &Allocation, curves: &[LayerCurve], quotas: &Quotas, found: &[PrunedModel]) -> Check {
    let count = spec.sparsities.len();
    let most: usize = curves.iter().filter_map(|layer| layer.curve.points.last()).map(|point| point.0).sum();
    let missing = (0..count).map(|s| {
        let wanted = total_zeros(curves, spec.sparsities[s].fraction()).min(most);
        let given: usize = quotas.measured[s].values().sum();
        wanted.abs_diff(given) + found[s].missing_zeros + found[count + s].missing_zeros
    });
    let statement = "measured allocations sum up to the requested zeros, and layers that were written and read back have them: zeros that are missing";
    Check::at_most("allocation-zeros", statement, missing.sum::<usize>() as f64, 0.0).about_program()
}

fn arrays(
    spec: &Allocation,
    subject: &PruningSubject<'_>,
    curves: &[LayerCurve],
    quotas: &Quotas,
    found: &[PrunedModel],
) -> AllocationArrays {
    let (count, layers, points) = (spec.sparsities.len(), curves.len(), CURVE_FRACTIONS.len());
    let by_layer = |of: &dyn Fn(&LayerRecord) -> f64| {
        let values = found.iter().flat_map(|model| model.record.layers.iter().map(of)).collect();
        shaped((2, count, layers), values)
    };
    let curve = |of: &dyn Fn(&(usize, f64)) -> f64| {
        shaped((layers, points), curves.iter().flat_map(|layer| layer.curve.points.iter().map(of)).collect())
    };
    let uniform = spec.sparsities.iter().flat_map(|sparsity| {
        curves.iter().map(|layer| (sparsity.fraction() * layer.curve.entries as f64).round_ties_even())
    });
    // In the order of the curves, which is that of the network.
    let measured = quotas.measured.iter().flat_map(|zeros| curves.iter().map(|layer| zeros[&layer.layer] as f64));
    AllocationArrays {
        fraction: spec.sparsities.iter().map(|sparsity| sparsity.fraction()).collect(),
        entries: whole(curves.iter().map(|layer| layer.curve.entries)),
        curve_zeros: curve(&|point| point.0 as f64),
        curve_loss: curve(&|point| point.1),
        quota: shaped((2, count, layers), uniform.chain(measured).collect()),
        zeros: by_layer(&|layer| layer.zeros as f64),
        layer_relative_loss: by_layer(&|layer| layer.relative_loss),
        losses: shaped(
            (2, count, subject.dense.losses.len()),
            found.iter().flat_map(|model| model.losses.iter().copied()).collect(),
        ),
    }
}
