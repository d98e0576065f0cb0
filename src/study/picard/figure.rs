//! How Picard's iterates converge: differences against the iterate with the form's envelope, windows, the constants
//! that the form needs, and the cost of windows.

use super::{PicardArrays, PicardRecord};
use crate::analysis::contraction::local_constants;
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel, Stroke};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::study::NamedFigure;
use ndarray::{Array3, Axis as Dim};

/// `picard`.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let record = PicardRecord::read(folder)?;
    let differences = PicardArrays::read_from(folder)?.differences;
    let mut figure = Figure::double_column();
    figure.panels = vec![contraction(&record, &differences), windows(&record, &differences)];
    figure.panels.extend(constants(&record, &differences));
    if record.runs.len() > 1 {
        figure.panels.push(cost(&record));
    }
    figure.height_in *= figure.panels.len().div_ceil(2) as f64;
    Ok(vec![("picard".into(), figure)])
}

/// Differences of one window of one run, as far as there are any.
fn of(differences: &Array3<f64>, run: usize, window: usize) -> Vec<f64> {
    let all = differences.index_axis(Dim(0), run);
    all.index_axis(Dim(0), window).iter().copied().filter(|d| d.is_finite()).collect()
}

fn iterates(count: usize) -> Vec<f64> {
    (0..count).map(|n| n as f64).collect()
}

const DIFFERENCE: &str = "sup_{t} ‖f^{n+1} − f^{n}‖";

fn contraction(record: &PicardRecord, differences: &Array3<f64>) -> Panel {
    let measured = of(differences, 0, 0);
    let count = measured.len();
    let mut panel = Panel::new(Axis::linear("iterate n"), Axis::log10(DIFFERENCE));
    if let Some(envelope) = &record.runs[0].envelope {
        let form = (0..count).map(|n| envelope.at(n)).collect();
        let label = format!("A (CT)^{{n}}/n!, CT = {:.1}", envelope.constant);
        panel = panel.with(Mark::line(iterates(count), form, Colour::Grey(90), Dash::Dashed).label(label));
    }
    panel = panel.with(
        Mark::points(iterates(count), measured, Colour::Series(0), Marker::Circle).label("from constant predictions"),
    );
    if let Some(other) = record.from_labels.first() {
        let points = Mark::points(iterates(other.len()), other.clone(), Colour::Series(1), Marker::Square).hollow();
        panel = panel.with(points.label("from the labels"));
    }
    let windows = record.runs[0].windows;
    let what = if windows == 1 { "the whole horizon".into() } else { format!("the first of {windows} windows") };
    panel.title(format!("{what}, M = {}", record.particles)).legend(Legend::Automatic)
}

fn windows(record: &PicardRecord, differences: &Array3<f64>) -> Panel {
    let mut panel = Panel::new(Axis::linear("iterate n"), Axis::log10(DIFFERENCE)).title("every window");
    let count = record.runs.len();
    for (r, run) in record.runs.iter().enumerate() {
        let colour = Colour::Ramp((r + 1) as f64 / count as f64);
        for w in 0..run.windows {
            let y = of(differences, r, w);
            let stroke = Stroke { width_pt: 0.7, ..Stroke::new(colour, Dash::Solid) };
            let label = (w == 0).then(|| match run.windows {
                1 => "1 window".to_string(),
                many => format!("{many} windows"),
            });
            panel = panel.with(Mark::Line { x: iterates(y.len()), y, stroke, label });
        }
    }
    panel.legend(Legend::OutsideRight)
}

fn constants(record: &PicardRecord, differences: &Array3<f64>) -> Option<Panel> {
    let measured = local_constants(&of(differences, 0, 0), record.floor.max(record.tolerance));
    let envelope = record.runs[0].envelope.as_ref()?;
    let x: Vec<f64> = (1..=measured.len()).map(|n| n as f64).collect();
    let panel = Panel::new(Axis::linear("iterate n"), Axis::linear("n d_{n} / d_{n−1}"))
        .title("the constant CT that iterate n needs")
        .with(
            Mark::horizontal(envelope.constant, Colour::Grey(90), Dash::Dashed)
                .label(format!("that of the envelope, {:.1}", envelope.constant)),
        )
        .with(Mark::points(x, measured, Colour::Series(0), Marker::Circle).label("measured"));
    Some(panel)
}

fn cost(record: &PicardRecord) -> Panel {
    let x: Vec<f64> = record.runs.iter().map(|run| run.windows as f64).collect();
    let sweeps: Vec<f64> = record.runs.iter().map(|run| run.sweeps).collect();
    Panel::new(Axis::log10("windows"), Axis::linear("iterates per window, mean"))
        .title("cost, in passes over the horizon")
        .with(Mark::line(x.clone(), sweeps.clone(), Colour::Series(0), Dash::Dotted))
        .with(Mark::points(x, sweeps, Colour::Series(0), Marker::Circle))
}
