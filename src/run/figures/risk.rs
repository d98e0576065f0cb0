//! Risk of every width and of the limit against time, with accuracy where labels are classes, otherwise kinetic energy;
//! and loss and accuracy on the test part, if there is one.

use super::lines::{by_width, limit};
use super::records::Records;
use super::subjects;
use crate::figure::{Axis, Figure, Legend, Panel};
use crate::record::Measure;

/// The figure: medians over seeds with bands from the 5 % to the 95 % quantile, and the limit as a dashed line.
pub fn figure(records: &Records) -> Figure {
    let classes = records.limit(Measure::Accuracy).is_some_and(|accuracy| accuracy.iter().any(|v| v.is_finite()));
    let mut panels = vec![panel(records, Measure::Risk, "risk R").subject(subjects::RISK_TIME)];
    if classes {
        panels.push(panel(records, Measure::Accuracy, "accuracy"));
    } else {
        panels.push(panel(records, Measure::Kinetic, "kinetic energy ½ mean |r|^{2}"));
    }
    let recorded = |measure: Measure| records.limit(measure).is_some_and(|of| of.iter().any(|v| v.is_finite()));
    let test = [(Measure::TestLoss, "test loss"), (Measure::TestAccuracy, "test accuracy")];
    for (measure, label) in test.into_iter().filter(|(measure, _)| recorded(*measure)) {
        panels.push(panel(records, measure, label));
    }
    let mut figure = Figure::double_column();
    figure.height_in *= panels.len().div_ceil(figure.columns) as f64;
    let last = panels.len() - 1;
    for (i, panel) in panels.into_iter().enumerate() {
        figure = figure.with(panel.legend(if i == last { Legend::Below } else { Legend::Hidden }));
    }
    figure
}

fn panel(records: &Records, measure: Measure, label: &str) -> Panel {
    let mut panel = Panel::new(Axis::linear("time t = kε"), Axis::linear(label));
    for mark in by_width(records, measure).into_iter().chain(limit(records, measure)) {
        panel = panel.with(mark);
    }
    panel
}
