//! Gaps against time, one line per width.

use super::records::Records;
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Panel};

/// Median over seeds with the 5 to 95 % band: function distance and root-mean-square coupling distance.
pub fn figure(records: &Records) -> Figure {
    let panels = [("function", "‖f_{N} − f_{ρ}‖"), ("coupling_rms", "rms coupling distance")];
    let mut figure = Figure::double_column();
    for (i, (measure, label)) in panels.into_iter().enumerate() {
        let mut panel = Panel::new(Axis::linear("time t = kε"), Axis::log10(label));
        for mark in lines(records, measure) {
            panel = panel.with(mark);
        }
        let last = i + 1 == panels.len();
        figure = figure.with(panel.legend(if last { Legend::OutsideRight } else { Legend::Hidden }));
    }
    figure
}

/// The band and the line of every width, dark for wide.
pub(super) fn lines(records: &Records, measure: &str) -> Vec<Mark> {
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
