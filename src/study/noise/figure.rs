//! Figure of the study of noise: error against the signal to noise ratio.

use super::NoiseArrays;
use crate::analysis::quantile::quantile;
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::recovery_run::RecoveryRecord;
use crate::run::study::NamedFigure;
use ndarray::Array2;

/// `noise`.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let arrays = NoiseArrays::read(folder, &RecoveryRecord::read(folder)?.methods)?;
    let x = arrays.snr_db.to_vec();
    let mut panel = Panel::new(Axis::linear("signal to noise ratio, dB"), Axis::log10("median relative error"))
        .legend(Legend::Below);
    for (m, (method, errors)) in arrays.methods.iter().enumerate() {
        let (colour, marker, dash) = style::series(m);
        let y = medians(errors);
        panel = panel
            .with(Mark::line(x.clone(), y.clone(), colour, dash).label(method))
            .with(Mark::points(x.clone(), y, colour, marker).label(method));
    }
    let oracle = Mark::line(x, medians(&arrays.oracle), Colour::Grey(0), Dash::Dotted).label("oracle least squares");
    let mut figure = Figure::double_column().with(panel.with(oracle));
    figure.width_in = 5.2;
    figure.columns = 1;
    Ok(vec![("noise".into(), figure)])
}

/// Median of every row.
fn medians(table: &Array2<f64>) -> Vec<f64> {
    table.rows().into_iter().map(|row| quantile(row.iter().copied(), 0.5)).collect()
}
