//! Lines against time.

use super::records::Records;
use crate::figure::{Colour, Dash, Mark, Stroke};
use crate::record::Measure;

/// The median and the band from the 5 % to the 95 % quantile over seeds, of every width; wider networks are darker.
pub fn by_width(records: &Records, measure: Measure) -> Vec<Mark> {
    let Some(group) = records.widths() else { return Vec::new() };
    let times = records.times();
    let shade = |v: usize| Colour::Ramp((v + 1) as f64 / group.values.len() as f64);
    let mut marks = Vec::new();
    for (v, n) in group.values.iter().enumerate() {
        let Some(spread) = records.spread(group, measure, v) else { continue };
        marks.push(Mark::band(times.clone(), spread.low, spread.high, shade(v)));
        marks.push(Mark::line(times.clone(), spread.middle, shade(v), Dash::Solid).label(format!("N = {n}")));
    }
    marks
}

/// The limit as a dashed line.
pub fn limit(records: &Records, measure: Measure) -> Option<Mark> {
    let limit = records.limit(measure)?;
    let stroke = Stroke { width_pt: 1.4, ..Stroke::new(Colour::Series(1), Dash::Dashed) };
    Some(Mark::Line { x: records.times(), y: limit.to_vec(), stroke, label: Some("limit".into()) })
}
