//! Figure of the predictions of single networks: measured against predicted by network, and the means over networks with
//! and without the predictions as control variates.

use super::{CorrectedRecord, NetworkArrays, NetworkRecord};
use crate::figure::style::ramp;
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::study::NamedFigure;
use ndarray::Array2;

/// Most networks of a width that are drawn.
const MOST: usize = 100;

/// `predict-networks`, where single networks were predicted.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let Some(record) = NetworkRecord::read(folder)? else { return Ok(Vec::new()) };
    let arrays = NetworkArrays::read(folder)?;
    let distance = "|f_{N} − f_{ρ}|^{2}";
    let gap = "R(f_{N}) − R(ρ)";
    let mut figure = Figure::double_column();
    figure.height_in *= 2.0;
    figure.panels.push(by_network(&record, (&arrays.function_measured, &arrays.function_predicted), distance, true));
    figure.panels.push(by_network(&record, (&arrays.loss_measured, &arrays.loss_predicted), gap, false));
    for (quantity, label) in [("function", distance), ("loss", gap)] {
        let scales = arrays.scales.as_slice().unwrap_or_default();
        let title = if quantity == "loss" { "loss gap" } else { "distance" };
        figure.panels.extend(record.quantity(quantity).map(|found| means(&record, found, scales, (label, title))));
    }
    Ok(vec![("predict-networks".into(), figure)])
}

/// Measured against predicted, a point for each network, with the diagonal.
fn by_network(
    record: &NetworkRecord,
    (measured, predicted): (&Array2<f64>, &Array2<f64>),
    label: &str,
    logarithmic: bool,
) -> Panel {
    let title = if logarithmic { "every network: distance" } else { "every network: loss gap" };
    let axis = |text: String| if logarithmic { Axis::log10(text) } else { Axis::linear(text) };
    let mut panel = Panel::new(axis(format!("predicted {label} at T")), axis("measured".to_string())).title(title);
    let usable = |v: f64| v.is_finite() && (v > 0.0 || !logarithmic);
    let mut ends = (f64::INFINITY, f64::NEG_INFINITY);
    for (row, n) in record.widths.iter().enumerate() {
        let pairs = predicted.row(row).into_iter().zip(measured.row(row)).map(|(x, y)| (*x, *y));
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.filter(|(x, y)| usable(*x) && usable(*y)).take(MOST).unzip();
        ends = x.iter().fold(ends, |(low, high), &v| (low.min(v), high.max(v)));
        let mark = Mark::points(x, y, ramp(row, record.widths.len()), Marker::Circle);
        panel = panel.with(mark.label(format!("N = {n}")));
    }
    if ends.0 < ends.1 {
        let line = vec![ends.0, ends.1];
        panel = panel.with(Mark::line(line.clone(), line, Colour::Grey(90), Dash::Dashed).label("equal"));
    }
    panel.legend(Legend::Automatic)
}

/// Means over networks divided by `1/N - 1/M`, plain and corrected, with two standard errors.
fn means(record: &NetworkRecord, found: &CorrectedRecord, scales: &[f64], (label, title): (&str, &str)) -> Panel {
    let mut panel = Panel::new(Axis::log2("width N").counts(), Axis::linear(format!("{label} / (1/N − 1/M)")))
        .title(format!("means at T, ± 2 s.e.: {title}"));
    // Side by side, so that error bars do not cover each other.
    for (values, errors, shift, colour, marker, name) in [
        (&found.plain, &found.plain_error, 0.96, Colour::Series(0), Marker::Circle, "plain"),
        (
            &found.corrected,
            &found.corrected_error,
            1.04,
            Colour::Series(1),
            Marker::Diamond,
            "corrected by predictions",
        ),
    ] {
        let rows: Vec<usize> =
            (0..values.len()).filter(|&row| values[row].is_finite() && errors[row].is_finite()).collect();
        let x = rows.iter().map(|&row| shift * record.widths[row]).collect();
        let y: Vec<f64> = rows.iter().map(|&row| values[row] / scales[row]).collect();
        let ends = rows
            .iter()
            .zip(&y)
            .map(|(&row, y)| (y - 2.0 * errors[row] / scales[row], y + 2.0 * errors[row] / scales[row]));
        let ends = ends.collect();
        panel = panel.with(Mark::points(x, y, colour, marker).error(ends).label(name));
    }
    panel.legend(Legend::Automatic)
}
