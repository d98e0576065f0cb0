//! Figures of the study of methods: scores against sparsity, and the losses of the layers.

use super::{CompareArrays, CompareRecord, CompareSummary};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::pruning_run::PruningRecord;
use crate::run::study::NamedFigure;

/// Most sparsities whose layers are shown.
const MAX_PANELS: usize = 6;

/// Diameter of the points of patterns.
const PATTERN_PT: f64 = 6.5;

/// `compare` and `compare-layers`.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let (run, record) = (PruningRecord::read(folder)?, CompareRecord::read(folder)?);
    let arrays = CompareArrays::of_run(folder, (run.methods.len(), record.sparsities.len(), run.layers.len()))?;
    Ok(vec![
        ("compare".into(), scores(&run, &record, &arrays)),
        ("compare-layers".into(), layers(&run, &record, &arrays)),
    ])
}

/// The score and the sum of the layer losses of every method against the sparsity. Fractions are joined by a line;
/// patterns are hollow points.
fn scores(run: &PruningRecord, record: &CompareRecord, arrays: &CompareArrays) -> Figure {
    let x = || Axis::linear("fraction of zeros");
    let (label, dense) = match run.language {
        true => ("held-out perplexity", run.dense_loss.exp()),
        false => ("held-out cross entropy, nats", run.dense_loss),
    };
    let mut held_out = Panel::new(x(), Axis::log10(label)).legend(Legend::Hidden);
    let score = |s: &CompareSummary| s.perplexity.unwrap_or(s.loss);
    held_out = curves(held_out, run, record, arrays, score)
        .with(Mark::horizontal(dense, Colour::Grey(90), Dash::Dotted).label("before pruning"));
    let right = match run.dense_accuracy {
        Some(accuracy) => {
            let panel = Panel::new(x(), Axis::linear("held-out accuracy, %")).legend(Legend::Below);
            let percent = |s: &CompareSummary| 100.0 * s.accuracy.unwrap_or(f64::NAN);
            curves(panel, run, record, arrays, percent)
                .with(Mark::horizontal(100.0 * accuracy, Colour::Grey(90), Dash::Dotted).label("before pruning"))
        }
        None => {
            let panel = Panel::new(x(), Axis::log10("relative layer loss")).legend(Legend::Below);
            curves(panel, run, record, arrays, |s| s.relative_loss)
        }
    };
    let patterns = record.sparsities.iter().filter(|sparsity| is_pattern(sparsity));
    let named: Vec<&str> = patterns.map(String::as_str).collect();
    if !named.is_empty() {
        held_out = held_out.note(format!("large, hollow: {}", named.join(", ")));
    }
    let mut figure = Figure::double_column().with(held_out).with(right);
    figure.height_in = 3.0;
    figure
}

fn is_pattern(sparsity: &str) -> bool {
    sparsity.contains(':')
}

/// The curve of every method over the fractions, and its points at the patterns.
fn curves(
    mut panel: Panel,
    run: &PruningRecord,
    record: &CompareRecord,
    arrays: &CompareArrays,
    value: impl Fn(&CompareSummary) -> f64,
) -> Panel {
    let count = record.sparsities.len();
    for (m, method) in run.methods.iter().enumerate() {
        let (colour, marker, dash) = style::series(m);
        let of = |s: usize| record.summaries.get(m * count + s).map_or(f64::NAN, &value);
        let points = |pattern: bool| -> (Vec<f64>, Vec<f64>) {
            let chosen = (0..count).filter(|&s| is_pattern(&record.sparsities[s]) == pattern);
            let mut points: Vec<(f64, f64)> = chosen.map(|s| (arrays.fraction[s], of(s))).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            points.into_iter().unzip()
        };
        let (x, y) = points(false);
        panel = panel
            .with(Mark::line(x.clone(), y.clone(), colour, dash).label(method))
            .with(Mark::points(x, y, colour, marker).label(method));
        let (x, y) = points(true);
        // Crosses have no inside: patterns are larger too.
        panel = panel.with(Mark::Points {
            x,
            y,
            error: None,
            marker,
            colour,
            filled: false,
            size_pt: PATTERN_PT,
            label: Some(method.clone()),
        });
    }
    panel
}

/// The relative loss of every layer by every method, a panel for every sparsity.
fn layers(run: &PruningRecord, record: &CompareRecord, arrays: &CompareArrays) -> Figure {
    let losses = &arrays.layer_relative_loss;
    let count = record.sparsities.len().min(MAX_PANELS);
    let mut figure = Figure::double_column();
    for (s, sparsity) in record.sparsities.iter().take(count).enumerate() {
        let legend = if s + 1 == count.min(2) { Legend::Below } else { Legend::Hidden };
        let mut panel = Panel::new(Axis::linear("layer").counts(), Axis::log10("relative layer loss"))
            .title(format!("sparsity {sparsity}"))
            .legend(legend);
        for (m, method) in run.methods.iter().enumerate() {
            let (colour, marker, dash) = style::series(m);
            let x: Vec<f64> = (1..=run.layers.len()).map(|layer| layer as f64).collect();
            let y: Vec<f64> = (0..run.layers.len()).map(|layer| losses[[m, s, layer]]).collect();
            panel = panel
                .with(Mark::line(x.clone(), y.clone(), colour, dash).label(method))
                .with(Mark::points(x, y, colour, marker).label(method));
        }
        figure.panels.push(panel);
    }
    let more = record.sparsities.len() - count;
    if let Some(last) = figure.panels.pop() {
        figure.panels.push(match more {
            0 => last,
            _ => last.note(format!("not shown: {}", record.sparsities[count..].join(", "))),
        });
    }
    figure.height_in = 0.4 + 2.2 * count.div_ceil(2) as f64;
    figure.share_ranges()
}
