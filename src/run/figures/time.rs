//! Distances from the limit against time, one line per width.

use super::lines::by_width;
use super::records::Records;
use crate::figure::{Axis, Figure, Legend, Panel};
use crate::record::Measure;

/// The figure: function distance and root-mean-square coupling distance, as medians over seeds with bands from the 5 %
/// to the 95 % quantile.
pub fn figure(records: &Records) -> Figure {
    let panels = [(Measure::Function, "‖f_{N} − f_{ρ}‖"), (Measure::CouplingRms, "rms coupling distance")];
    let mut figure = Figure::double_column();
    for (i, (measure, label)) in panels.into_iter().enumerate() {
        let mut panel = Panel::new(Axis::linear("time t = kε"), Axis::log10(label));
        for mark in by_width(records, measure) {
            panel = panel.with(mark);
        }
        let last = i + 1 == panels.len();
        figure = figure.with(panel.legend(if last { Legend::OutsideRight } else { Legend::Hidden }));
    }
    figure
}
