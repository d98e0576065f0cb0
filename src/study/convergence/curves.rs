//! The main quantities of the study: the times at which the risk falls to its levels, against the width.

use super::record::{ConvergenceArrays, ConvergenceRecord};
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::{Curve, CurvePoint};
use ndarray::s;

/// The mean first passage over the networks that reach a level against the width, for every level.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let (record, arrays) = (ConvergenceRecord::read(folder)?, ConvergenceArrays::read_from(folder)?);
    let levels = record.fractions.iter().enumerate().take(arrays.levels.len());
    let curve = |(l, fraction): (usize, &f64)| {
        let of_width = |(w, &n): (usize, &f64)| CurvePoint::mean(n, arrays.passage.slice(s![w, .., l]).iter().copied());
        Curve {
            quantity: format!("time to {fraction} of the decrease of the risk"),
            x: Axis::log2("width N"),
            y: Axis::linear("first passage"),
            points: arrays.widths.iter().enumerate().map(of_width).collect(),
        }
    };
    Ok(levels.map(curve).collect())
}
