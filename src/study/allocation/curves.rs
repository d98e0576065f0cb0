//! The main quantities of the study: the held-out loss of both allocations against the fraction of zeros.

use super::{AllocationArrays, AllocationRecord};
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::Curve;
use crate::run::pruning_run::PruningRecord;
use ndarray::s;

/// The allocations, in the order of the arrays.
pub(super) const ALLOCATIONS: [&str; 2] = ["the same in every layer", "by measured losses"];

/// The mean held-out cross entropy of both allocations against the fraction of zeros.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let (run, record) = (PruningRecord::read(folder)?, AllocationRecord::read(folder)?);
    let arrays = AllocationArrays::of_run(folder, (record.summaries.len(), run.layers.len()))?;
    let mut order: Vec<usize> = (0..arrays.fraction.len()).collect();
    order.sort_by(|&a, &b| arrays.fraction[a].total_cmp(&arrays.fraction[b]));
    let x: Vec<f64> = order.iter().map(|&at| arrays.fraction[at]).collect();
    let curve = |(rule, name): (usize, &str)| {
        let mean = |&at: &usize| arrays.losses.slice(s![rule, at, ..]).mean().unwrap_or(f64::NAN);
        let axes = (Axis::linear("fraction of zeros"), Axis::log10("held-out cross entropy, nats"));
        let losses: Vec<f64> = order.iter().map(mean).collect();
        Curve::of_values(format!("loss with zeros {name}"), axes, &x, &losses)
    };
    Ok(ALLOCATIONS.into_iter().enumerate().map(curve).collect())
}
