//! The main quantities of the study: what is predicted of networks, against the width and against time.

use super::figure::PredictFigure;
use super::{PredictArrays, PredictRecord};
use crate::figure::{Mark, Panel};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::curve::Curve;

/// The predicted distance of the predictions, loss gap, loss added by half of the neurons, and barrier against the width;
/// c against time. They are the lines of the figure.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn curves(folder: &RunFolder) -> Result<Vec<Curve>, FiguresError> {
    let (record, arrays) = (PredictRecord::read(folder)?, PredictArrays::read(folder)?);
    let figure = PredictFigure { record: &record, arrays: &arrays };
    let added = figure.added_loss();
    let lines = [
        (figure.function(), "predicted", "predicted distance of the predictions"),
        (figure.loss(), "predicted", "predicted loss gap"),
        (added.clone(), "half kept, predicted", "predicted loss added by half of the neurons"),
        (added, "barrier, predicted", "predicted barrier"),
        (figure.against_time(), "c", "c(t)"),
    ];
    Ok(lines.iter().filter_map(|(panel, label, quantity)| line(panel, label, quantity)).collect())
}

/// The line of a panel with this label.
fn line(panel: &Panel, label: &str, quantity: &str) -> Option<Curve> {
    panel.marks.iter().find_map(|mark| match mark {
        Mark::Line { x, y, label: Some(own), .. } if own == label => {
            Some(Curve::of_values(quantity, (panel.x.clone(), panel.y.clone()), x, y))
        }
        _ => None,
    })
}
