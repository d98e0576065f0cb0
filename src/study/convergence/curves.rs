//! The main quantities of the study: the times at which the risk falls to its levels, against the width.

use super::record::{ConvergenceArrays, ConvergenceRecord};
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::{Curve, CurvePoint};
use ndarray::s;

/// What a first passage is.
const PASSAGES: &str = "time until a fraction F of the decrease of the risk is left (first passage): the first time t = kε at which \
    the risk of a network is at most R(T) + F (R(0) − R(T)), with the risks R(0) and R(T) of the limit of the same run at \
    the start and at the horizon T; in the units of t, as horizon.time; the mean is over the seeds that get there within \
    the horizon, and is missing where none does";

/// The mean first passage over the networks that reach a level against the width, for every level.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let (record, arrays) = (ConvergenceRecord::read(folder)?, ConvergenceArrays::read_from(folder)?);
    let levels = record.fractions.iter().enumerate().take(arrays.levels.len());
    let curve = |(l, fraction): (usize, &f64)| {
        let of_width = |(w, &n): (usize, &f64)| CurvePoint::mean(n, arrays.passage.slice(s![w, .., l]).iter().copied());
        Curve::new(
            format!("time until {fraction} of the decrease of the risk is left, mean over seeds"),
            (Axis::log2("width N"), Axis::linear("first passage, time t")),
            arrays.widths.iter().enumerate().map(of_width).collect(),
        )
        .noted(PASSAGES)
    };
    Ok(levels.map(curve).collect())
}
