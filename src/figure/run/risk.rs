//! Risk of every width and of the limit against time; accuracy beside it where labels are classes.

use super::records::Records;
use super::time::lines;
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Panel, Stroke};

/// Median over seeds with the 5 to 95 % band, and the limit as a dashed line on top.
pub fn figure(records: &Records) -> Figure {
    let classes = records.reference("accuracy").is_some_and(|accuracy| accuracy.iter().any(|v| v.is_finite()));
    let mut panels = vec![panel(records, "risk", "risk R")];
    if classes {
        panels.push(panel(records, "accuracy", "accuracy"));
    } else {
        panels.push(panel(records, "kinetic", "kinetic energy ½ mean |r|^{2}"));
    }
    let mut figure = Figure::double_column();
    let last = panels.len() - 1;
    for (i, panel) in panels.into_iter().enumerate() {
        figure = figure.with(panel.legend(if i == last { Legend::OutsideRight } else { Legend::Hidden }));
    }
    figure
}

fn panel(records: &Records, measure: &str, label: &str) -> Panel {
    let mut panel = Panel::new(Axis::linear("time t = kε"), Axis::linear(label));
    for mark in lines(records, measure) {
        panel = panel.with(mark);
    }
    if let Some(limit) = records.reference(measure) {
        let stroke = Stroke { width_pt: 1.4, ..Stroke::new(Colour::Series(1), Dash::Dashed) };
        let label = Some("limit".to_string());
        panel = panel.with(Mark::Line { x: records.times(), y: limit.to_vec(), stroke, label });
    }
    panel
}
