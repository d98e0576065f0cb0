//! The main quantities of the study: the barriers of every kind of path against the width.

use super::{PathKind, PathsArrays, PathsRecord};
use crate::figure::Axis;
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::{Curve, CurvePoint};

/// The mean barrier over pairs against the width, of every kind of path; variants left out.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let record = PathsRecord::read(folder)?;
    let arrays = PathsArrays::read(folder, &record)?;
    let curve = |(kind, own): &(PathKind, super::record::KindArrays)| {
        let of_width = |&n: &usize| {
            let pairs = record.pairs.iter().zip(&own.barrier);
            let chosen = pairs.filter(|(pair, _)| pair.width == n && pair.variant.is_none());
            CurvePoint::mean(n as f64, chosen.map(|(_, &barrier)| barrier))
        };
        Curve::new(
            format!("barrier of the path '{}', mean over pairs", kind.name()),
            (Axis::log2("width N"), Axis::log10("barrier")),
            record.widths.iter().map(of_width).collect(),
        )
    };
    Ok(arrays.kinds.iter().map(curve).collect())
}
