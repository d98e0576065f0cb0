//! The main quantities of the study: the distances from the limit against the width.

use super::GapRecord;
use super::figure::{label, measure, title};
use crate::figure::Axis;
use crate::record::{GroupsRecord, Measure, RunFolder};
use crate::run::context::FiguresError;
use crate::run::curve::{Curve, CurvePoint};

/// The fitted distances over all times of the networks of the widths, against the effective width.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let gap = GapRecord::read(folder)?;
    let of_widths = gap.fits.iter().filter(|fit| fit.group == GroupsRecord::WIDTHS);
    let curve = |record| {
        let (measure, fit) = (measure(record)?, record.fit.as_ref()?);
        let point = |p: &crate::analysis::fit::DataPoint| CurvePoint { x: p.x, y: p.y, interval: p.interval };
        (measure != Measure::CouplingMax).then(|| {
            Curve::new(
                format!("gap of {}", title(measure, Some(fit.statistic))),
                (Axis::log10("effective width 1 / (1/N − 1/M)"), Axis::log10(label(measure, Some(fit.statistic)))),
                fit.points.iter().map(point).collect(),
            )
        })
    };
    Ok(of_widths.filter_map(curve).collect())
}
