//! Identities and inequalities that every correct solver meets, on the layers of a network before pruning.
//!
//! ```text
//! sum e^2 = tr((W - W0) H_d (W - W0)^T)      of the sweep, with the damped moment H_d
//! L(best iterate) <= L(sweep)                 with the moment H itself
//! L_d(refit) <= L_d(sweep)                    with the damped moment
//! ```

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::super::layer::{Iteration, LayerProblem, LayerSettings, Sparsity, iterate, refit, sweep_from};
use super::super::model::{Inputs, ModelReal};
use super::dense_layers::{DenseLayer, each_dense_layer};
use faer::Mat;
use serde::{Deserialize, Serialize};

/// What was found on a layer. All numbers are relative, and 0 where a solver is exact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerAudit {
    /// The layer.
    pub layer: String,
    /// The condition number of the damped moment in the 1-norm, which bounds the rounding errors.
    pub condition: f64,
    /// Difference of the sum of squared errors of the sweep and its damped loss, over the damped loss.
    pub sweep_identity: f64,
    /// Excess of the best iterate's loss over that of the sweep, over the latter; negative where it is less.
    pub best_excess: f64,
    /// Excess of the damped loss after the refit over that before it, over the latter; negative where it is less.
    pub refit_excess: f64,
}

/// Audits every selected layer at a sparsity. `layer` is called after each.
///
/// # Errors
/// As [`super::prune_network`], and those of `layer`.
pub fn audit_layers<R: ModelReal>(
    source: &ModelFolder,
    inputs: &Inputs,
    settings: &LayerSettings,
    (sparsity, damping): (Sparsity, f64),
    selected: &dyn Fn(&str) -> bool,
    layer: &mut dyn FnMut() -> Result<(), PruneError>,
) -> Result<Vec<LayerAudit>, PruneError> {
    sparsity.check()?;
    let mut audits = Vec::new();
    each_dense_layer::<R>(source, inputs, damping, selected, &mut |dense| {
        let DenseLayer { spec, weight, moment } = *dense;
        let zeros = sparsity.of_matrix(&spec.name, spec.outputs, spec.inputs)?;
        let problem = LayerProblem { weights: weight.as_ref(), moment, zeros };
        audits.push(audit(&spec.name, &problem, settings));
        layer()
    })?;
    Ok(audits)
}

fn audit(layer: &str, problem: &LayerProblem<'_>, settings: &LayerSettings) -> LayerAudit {
    let swept = sweep_from(problem, &problem.weights.to_owned(), settings.block);
    let damped = |weights: &Mat<f64>| {
        let difference = weights - problem.weights;
        problem.loss(weights) + problem.moment.shift * difference.squared_norm_l2()
    };
    // A loss of 0 is compared with the smallest number.
    let over = |difference: f64, scale: f64| difference / scale.max(f64::MIN_POSITIVE);
    let start = damped(&swept.weights);
    let LayerSettings { step, length, iterations, block, .. } = *settings;
    let iteration = Iteration { step, length, iterations, block, best: true };
    let best = iterate(problem, &iteration, None).weights;
    let (sweep_loss, best_loss) = (problem.loss(&swept.weights), problem.loss(&best));
    LayerAudit {
        layer: layer.into(),
        condition: problem.moment.condition(),
        sweep_identity: over((swept.distance - start).abs(), start),
        best_excess: over(best_loss - sweep_loss, sweep_loss),
        refit_excess: over(damped(&refit(problem, &swept.weights)) - start, start),
    }
}
