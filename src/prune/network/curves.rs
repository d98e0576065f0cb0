//! Loss curves of all layers, measured on the network before pruning.

use super::super::checkpoint::ModelFolder;
use super::super::error::PruneError;
use super::super::layer::{LayerMethod, LayerProblem, LayerSettings, Sparsity, prune_layer};
use super::super::model::{Inputs, ModelReal};
use super::allocate::{LossCurve, allocate};
use super::dense_layers::{DenseLayer, each_dense_layer};
use super::driver::Quota;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Fractions of zeros at which the curves for a quota are measured.
pub const CURVE_FRACTIONS: [f64; 8] = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

/// Divides a fraction of zeros of all selected layers between them, such that the sum of their relative losses under the
/// sweep, measured on the network before pruning, is least.
///
/// # Errors
/// As [`super::prune_network`].
pub fn measured_quota<R: ModelReal>(
    source: &ModelFolder,
    inputs: &Inputs,
    fraction: f64,
    damping: f64,
    selected: &dyn Fn(&str) -> bool,
) -> Result<Quota, PruneError> {
    Sparsity::Fraction(fraction).check()?;
    let settings = LayerSettings { method: LayerMethod::Sweep, refit: false, ..LayerSettings::default() };
    let curves = loss_curves::<R>(source, inputs, &CURVE_FRACTIONS, &settings, damping, selected)?;
    Ok(Quota::PerLayer(divided(&curves, fraction)))
}

/// The zeros of all layers together at a fraction, rounded to nearest, halves to even.
pub fn total_zeros(curves: &[LayerCurve], fraction: f64) -> usize {
    let entries: usize = curves.iter().map(|layer| layer.curve.entries).sum();
    (fraction * entries as f64).round_ties_even() as usize
}

/// The zeros of every layer by name, such that their sum is [`total_zeros`] and the sum of the measured losses is least.
pub fn divided(curves: &[LayerCurve], fraction: f64) -> BTreeMap<String, usize> {
    let losses: Vec<LossCurve> = curves.iter().map(|layer| layer.curve.clone()).collect();
    let zeros = allocate(&losses, total_zeros(curves, fraction));
    curves.iter().map(|layer| layer.layer.clone()).zip(zeros).collect()
}

/// The curve of a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerCurve {
    /// The layer.
    pub layer: String,
    /// Its relative loss against its zeros.
    pub curve: LossCurve,
}

/// Measures the relative loss of every selected layer at every one of the `fractions` of zeros, increasing.
///
/// # Errors
/// As [`super::prune_network`].
pub fn loss_curves<R: ModelReal>(
    source: &ModelFolder,
    inputs: &Inputs,
    fractions: &[f64],
    settings: &LayerSettings,
    damping: f64,
    selected: &dyn Fn(&str) -> bool,
) -> Result<Vec<LayerCurve>, PruneError> {
    let mut curves = Vec::new();
    each_dense_layer::<R>(source, inputs, damping, selected, &mut |dense| {
        let DenseLayer { spec, weight, moment } = *dense;
        let (rows, columns) = (spec.outputs, spec.inputs);
        let mut points = Vec::new();
        for &fraction in fractions {
            let sparsity = Sparsity::Fraction(fraction);
            sparsity.check()?;
            let zeros = sparsity.of_matrix(&spec.name, rows, columns)?;
            let problem = LayerProblem { weights: weight.as_ref(), moment, zeros };
            let loss = problem.loss(&prune_layer(&problem, settings));
            points.push((zeros.total(rows, columns), loss / problem.scale().max(f64::MIN_POSITIVE)));
        }
        curves.push(LayerCurve { layer: spec.name.clone(), curve: LossCurve { entries: rows * columns, points } });
        Ok(())
    })?;
    Ok(curves)
}
