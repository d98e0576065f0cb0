//! Figure of the study of rounds: scores and layer losses against the round, with the best round marked.

use super::{RoundsArrays, RoundsRecord};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::pruning_run::PruningRecord;
use crate::run::study::NamedFigure;

/// Diameter and colour of the mark of the best round, around the point of its series.
const BEST_PT: f64 = 9.0;
const BEST: Colour = Colour::Grey(60);

/// `rounds`.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let (run, record) = (PruningRecord::read(folder)?, RoundsRecord::read(folder)?);
    let arrays = RoundsArrays::of_run(folder, (record.series.len(), run.layers.len()))?;
    let x = arrays.round.to_vec();
    let axis = || Axis::linear("round").counts();
    let label = if run.language { "held-out perplexity" } else { "held-out cross entropy, nats" };
    let shown = |loss: f64| if run.language { loss.exp() } else { loss };
    let mut scores =
        Panel::new(axis(), Axis::log10(label)).title(format!("sparsity {}", record.sparsity)).legend(Legend::Hidden);
    let mut losses = Panel::new(axis(), Axis::log10("relative layer loss, own batch")).legend(Legend::Below);
    let mut rings = Vec::new();
    for (s, series) in record.series.iter().enumerate() {
        let (colour, marker, dash) = style::series(s);
        let batches = if series.batches == "same" { "the same batch" } else { "fresh batches" };
        let name = format!("{batches}{}", if series.trained { ", trained" } else { "" });
        let of_round = |round: usize| shown(arrays.losses.slice(ndarray::s![s, round, ..]).mean().unwrap_or(f64::NAN));
        let y: Vec<f64> = (0..x.len()).map(of_round).collect();
        rings.push(Mark::Points {
            x: vec![series.best as f64],
            y: vec![y[series.best.min(y.len() - 1)]],
            error: None,
            marker: Marker::Ring,
            colour: BEST,
            filled: false,
            size_pt: BEST_PT,
            label: Some("best round".into()),
        });
        scores = scores
            .with(Mark::line(x.clone(), y.clone(), colour, dash).label(name.clone()))
            .with(Mark::points(x.clone(), y, colour, marker).label(name.clone()));
        let y = arrays.relative_loss.row(s).to_vec();
        losses = losses
            .with(Mark::line(x.clone(), y.clone(), colour, dash).label(name.clone()))
            .with(Mark::points(x.clone(), y, colour, marker).label(name.clone()));
    }
    scores = rings.into_iter().fold(scores, Panel::with);
    scores =
        scores.with(Mark::horizontal(shown(run.dense_loss), Colour::Grey(90), Dash::Dotted).label("before pruning"));
    let mut figure = Figure::double_column().with(scores).with(losses);
    figure.height_in = 2.9;
    Ok(vec![("rounds".into(), figure)])
}
