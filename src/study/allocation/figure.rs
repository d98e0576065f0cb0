//! Figure of the study of allocation: scores against sparsity, and the sparsity of every layer.

use super::curves::ALLOCATIONS;
use super::{AllocationArrays, AllocationRecord};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::figures::labels::parameters;
use crate::run::pruning_run::PruningRecord;
use crate::run::study::NamedFigure;
use ndarray::s;

/// `allocation`.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let (run, record) = (PruningRecord::read(folder)?, AllocationRecord::read(folder)?);
    let arrays = AllocationArrays::of_run(folder, (record.summaries.len(), run.layers.len()))?;
    let label = if run.language { "held-out perplexity" } else { "held-out cross entropy, nats" };
    let shown = |loss: f64| if run.language { loss.exp() } else { loss };
    let fractions = arrays.fraction.to_vec();
    let mut order: Vec<usize> = (0..fractions.len()).collect();
    order.sort_by(|&a, &b| fractions[a].total_cmp(&fractions[b]));
    let mut scores = Panel::new(Axis::linear("fraction of zeros of all layers"), Axis::log10(label))
        .title(&record.method)
        .legend(Legend::Automatic);
    for (rule, name) in ALLOCATIONS.into_iter().enumerate() {
        let (colour, marker, dash) = style::series(rule);
        let mean = |at: usize| arrays.losses.slice(s![rule, at, ..]).mean().unwrap_or(f64::NAN);
        let x: Vec<f64> = order.iter().map(|&at| fractions[at]).collect();
        let y: Vec<f64> = order.iter().map(|&at| shown(mean(at))).collect();
        scores = scores
            .with(Mark::line(x.clone(), y.clone(), colour, dash).label(name))
            .with(Mark::points(x, y, colour, marker).label(name));
    }
    scores =
        scores.with(Mark::horizontal(shown(run.dense_loss), Colour::Grey(90), Dash::Dotted).label("before pruning"));
    let mut layers = Panel::new(Axis::linear("layer").counts(), Axis::linear("fraction of zeros of the layer"))
        .title("by measured losses")
        .legend(Legend::Below);
    let names = parameters(&fractions);
    for (place, &at) in order.iter().enumerate() {
        let colour = style::ramp(place, order.len());
        let x: Vec<f64> = (1..=arrays.entries.len()).map(|layer| layer as f64).collect();
        let y: Vec<f64> = (0..arrays.entries.len()).map(|l| arrays.quota[[1, at, l]] / arrays.entries[l]).collect();
        let (dash, label) = (style::series(place).2, format!("{} of all layers", names[at]));
        layers = layers
            .with(Mark::line(x.clone(), y.clone(), colour, dash).label(&label))
            .with(Mark::points(x, y, colour, Marker::Circle).label(&label));
    }
    let mut figure = Figure::double_column().with(scores).with(layers);
    figure.height_in = 2.9;
    Ok(vec![("allocation".into(), figure)])
}
