//! The main quantity of the study: the loss that random sets of neurons add, against their number.

use super::{DropoutArrays, DropoutRecord};
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::{Curve, CurvePoint};
use ndarray::s;

/// The mean change of the loss over random sets against M, for every width.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let record = DropoutRecord::read(folder)?;
    let arrays = DropoutArrays::read(folder, &record)?;
    let mut curves = Vec::new();
    for (drop, changes) in &arrays.changes {
        let layers = if drop.is_empty() { String::new() } else { format!(" ({})", drop.replace('-', " ")) };
        for (w, n) in arrays.widths.iter().enumerate() {
            let of_seeds = |(m, &kept): (usize, &f64)| {
                CurvePoint::mean(kept, changes.change_mean.slice(s![w, .., m]).iter().copied())
            };
            curves.push(Curve::new(
                format!("dropout{layers}, N = {n}: loss added by random sets"),
                (Axis::log2("neurons kept M"), Axis::log10("E_{A} R(f_{A}) − R(f_{N})")),
                arrays.kept.iter().enumerate().map(of_seeds).collect(),
            ));
        }
    }
    Ok(curves)
}
