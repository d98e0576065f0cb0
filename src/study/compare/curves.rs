//! The main quantities of the study: the held-out loss of every method against the fraction of zeros.

use super::{CompareArrays, CompareRecord};
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::Curve;
use crate::run::pruning_run::PruningRecord;
use ndarray::s;

/// The mean held-out cross entropy against the fraction of zeros, of every method.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let (run, record) = (PruningRecord::read(folder)?, CompareRecord::read(folder)?);
    let arrays = CompareArrays::of_run(folder, (run.methods.len(), record.sparsities.len(), run.layers.len()))?;
    // Of equal fractions, as those of a pattern, the first in the experiment is kept.
    let mut order: Vec<usize> = (0..arrays.fraction.len()).collect();
    order.sort_by(|&a, &b| arrays.fraction[a].total_cmp(&arrays.fraction[b]));
    order.dedup_by(|b, a| arrays.fraction[*a] == arrays.fraction[*b]);
    let x: Vec<f64> = order.iter().map(|&at| arrays.fraction[at]).collect();
    let curve = |(m, method): (usize, &String)| {
        let mean = |&at: &usize| arrays.losses.slice(s![m, at, ..]).mean().unwrap_or(f64::NAN);
        let axes = (Axis::linear("fraction of zeros"), Axis::log10("held-out cross entropy, nats"));
        Curve::of_values(format!("loss after {method}"), axes, &x, &order.iter().map(mean).collect::<Vec<f64>>())
    };
    Ok(run.methods.iter().enumerate().map(curve).collect())
}
