//! The main quantities of the study: the held-out loss against the round.

use super::{RoundsArrays, RoundsRecord};
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::Curve;
use crate::run::pruning_run::PruningRecord;
use ndarray::s;

/// The mean held-out cross entropy against the round, of every rule of batches.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let (run, record) = (PruningRecord::read(folder)?, RoundsRecord::read(folder)?);
    let arrays = RoundsArrays::of_run(folder, (record.series.len(), run.layers.len()))?;
    let rounds = arrays.round.to_vec();
    let curve = |(i, series): (usize, &super::record::SeriesRecord)| {
        let mean = |round: usize| arrays.losses.slice(s![i, round, ..]).mean().unwrap_or(f64::NAN);
        let values: Vec<f64> = (0..rounds.len()).map(mean).collect();
        let trained = if series.trained { ", trained" } else { "" };
        let axes = (Axis::linear("round"), Axis::log10("held-out cross entropy, nats"));
        Curve::of_values(format!("loss of rounds, {} batches{trained}", series.batches), axes, &rounds, &values)
    };
    Ok(record.series.iter().enumerate().map(curve).collect())
}
