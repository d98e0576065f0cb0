//! The main quantities of the study: the differences of Picard's iterates, and how many of them are needed.

use super::figure::{DIFFERENCE, iterates, window_differences};
use super::{PicardArrays, PicardRecord};
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::Curve;

/// The differences of iterates against the iterate, over the first window of every division; the iterates per window
/// against the number of windows.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let (record, arrays) = (PicardRecord::read(folder)?, PicardArrays::read_from(folder)?);
    let divisions = record.runs.iter().zip(arrays.differences.outer_iter());
    let mut curves: Vec<Curve> = divisions
        .map(|(run, windows)| {
            let y = window_differences(windows, 0);
            let windows = if run.windows == 1 { "1 window".into() } else { format!("{} windows", run.windows) };
            let axes = (Axis::linear("iterate n").counts(), Axis::log10(DIFFERENCE));
            Curve::of_values(format!("differences of iterates, {windows}"), axes, &iterates(y.len()), &y)
        })
        .collect();
    let x: Vec<f64> = record.runs.iter().map(|run| run.windows as f64).collect();
    let y: Vec<f64> = record.runs.iter().map(|run| run.sweeps).collect();
    let axes = (Axis::log10("windows").counts(), Axis::linear("iterates per window"));
    curves.push(Curve::of_values("iterates per window, mean", axes, &x, &y));
    Ok(curves)
}
