//! Figure of the study of the Picard iteration: differences of iterates and their theoretical envelope, several numbers
//! of windows, the local constants, and the cost.

use super::{PicardArrays, PicardRecord};
use crate::analysis::contraction::local_constants;
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel, Stroke};
use crate::record::{RecordError, RunFolder};
use crate::run::context::FiguresError;
use crate::run::figures::labels::number;
use crate::run::study::NamedFigure;
use ndarray::{Array3, ArrayView2, Axis as Dim};

/// `picard`.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let record = PicardRecord::read(folder)?;
    let differences = PicardArrays::read_from(folder)?.differences;
    let (iterations, windows_kept, _) = differences.dim();
    if iterations != record.runs.len() || record.runs.iter().any(|run| run.windows == 0 || run.windows > windows_kept) {
        let problem = "its runs are not those of the arrays in picard.npz".into();
        return Err(RecordError::Manifest { path: folder.file("records/picard.json"), problem }.into());
    }
    let mut figure = Figure::double_column();
    figure.panels = vec![contraction(&record, &differences), windows(&record, &differences)];
    figure.panels.extend(constants(&record, &differences));
    if record.runs.len() > 1 {
        figure.panels.push(cost(&record));
    }
    figure.height_in *= figure.panels.len().div_ceil(2) as f64;
    Ok(vec![("picard".into(), figure)])
}

/// Differences of the iterates of one window of a run (windows, iterates).
pub(super) fn window_differences(run: ArrayView2<f64>, window: usize) -> Vec<f64> {
    run.row(window).iter().copied().filter(|d| d.is_finite()).collect()
}

/// The numbers 0, 1, ... of iterates.
pub(super) fn iterates(count: usize) -> Vec<f64> {
    (0..count).map(|n| n as f64).collect()
}

/// Label of the axis of differences.
pub(super) const DIFFERENCE: &str = "sup_{t} ‖f^{n+1} − f^{n}‖";

/// Differences over the first window, from both initial guesses, with the envelope.
fn contraction(record: &PicardRecord, differences: &Array3<f64>) -> Panel {
    let measured = window_differences(differences.index_axis(Dim(0), 0), 0);
    let count = measured.len();
    let mut panel = Panel::new(Axis::linear("iterate n").counts(), Axis::log10(DIFFERENCE));
    if let Some(envelope) = &record.runs[0].envelope {
        let form = (0..count).map(|n| envelope.at(n)).collect();
        let constant =
            number(envelope.constant).map_or_else(String::new, |constant| format!(", \\mathit{{CT}} = {constant}"));
        let label = format!("A (\\mathit{{CT}})^{{n}}/n!{constant}");
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
    let part = if windows == 1 { "the whole horizon".into() } else { format!("the first of {windows} windows") };
    panel.title(format!("{part}, M = {}", record.particles)).legend(Legend::Automatic)
}

/// Differences over every window of every run.
fn windows(record: &PicardRecord, differences: &Array3<f64>) -> Panel {
    let mut panel = Panel::new(Axis::linear("iterate n").counts(), Axis::log10(DIFFERENCE)).title("every window");
    let count = record.runs.len();
    for (r, run) in record.runs.iter().enumerate() {
        let colour = Colour::Ramp((r + 1) as f64 / count as f64);
        for w in 0..run.windows {
            let y = window_differences(differences.index_axis(Dim(0), r), w);
            let stroke = Stroke { width_pt: 0.7, ..Stroke::new(colour, Dash::Solid) };
            let label = (w == 0).then(|| match run.windows {
                1 => "1 window".to_string(),
                many => format!("{many} windows"),
            });
            panel = panel.with(Mark::Line { x: iterates(y.len()), y, stroke, label });
        }
    }
    panel.legend(Legend::Below)
}

/// The local constants of the theoretical form at every iterate.
fn constants(record: &PicardRecord, differences: &Array3<f64>) -> Option<Panel> {
    let measured =
        local_constants(&window_differences(differences.index_axis(Dim(0), 0), 0), record.floor.max(record.tolerance));
    let envelope = record.runs[0].envelope.as_ref()?;
    let x: Vec<f64> = (1..=measured.len()).map(|n| n as f64).collect();
    let constant = number(envelope.constant).map_or_else(String::new, |constant| format!(", {constant}"));
    let panel = Panel::new(Axis::linear("iterate n").counts(), Axis::linear("n d_{n} / d_{n−1}"))
        .title("local constant \\mathit{CT} at iterate n")
        .with(
            Mark::horizontal(envelope.constant, Colour::Grey(90), Dash::Dashed)
                .label(format!("that of the envelope{constant}")),
        )
        .with(Mark::points(x, measured, Colour::Series(0), Marker::Circle).label("measured"));
    Some(panel)
}

/// Iterates per window against the number of windows.
fn cost(record: &PicardRecord) -> Panel {
    let x: Vec<f64> = record.runs.iter().map(|run| run.windows as f64).collect();
    let sweeps: Vec<f64> = record.runs.iter().map(|run| run.sweeps).collect();
    Panel::new(Axis::log10("windows").counts(), Axis::linear("iterates per window, mean"))
        .title("cost, in passes over the horizon")
        .with(Mark::line(x.clone(), sweeps.clone(), Colour::Series(0), Dash::Dotted))
        .with(Mark::points(x, sweeps, Colour::Series(0), Marker::Circle))
}
