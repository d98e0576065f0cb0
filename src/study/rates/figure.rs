//! Figure of the study of rates: errors after steps, and their bounds.

use super::RatesArrays;
use super::statements::{Statement, StatementName};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Panel, style};
use crate::record::RunFolder;
use crate::run::context::FiguresError;
use crate::run::study::NamedFigure;

/// `rates`: the error after a step and its bound, against the error before it; and their ratio for the bounds of WMSKA.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let arrays = RatesArrays::read(folder)?;
    let linear = [StatementName::Iht, StatementName::Damped];
    let quadratic =
        [StatementName::QuadraticLogistic, StatementName::QuadraticExponential, StatementName::QuadraticMeasurement];
    let mut figure = Figure::double_column();
    for (title, names) in [
        ("linear rates, quadratic objective", &linear[..]),
        ("mini-batches and noise: linear to a floor", &[StatementName::Stochastic]),
        ("quadratic rate, near the true vector", &quadratic),
    ] {
        if any_steps(&arrays, names) {
            figure.panels.push(panel(&arrays, title, names));
        }
    }
    let sharp = [&quadratic[..], &[StatementName::Exact]].concat();
    if figure.panels.is_empty() || any_steps(&arrays, &sharp) {
        figure.panels.push(sharpness(&arrays, &sharp));
    }
    figure.columns = figure.panels.len().min(2);
    figure.height_in = 3.1 * figure.panels.len().div_ceil(2) as f64;
    Ok(vec![("rates".into(), figure)])
}

/// Whether a step of one of the statements was made.
fn any_steps(arrays: &RatesArrays, names: &[StatementName]) -> bool {
    names.iter().filter_map(|name| arrays.statement(*name)).any(|steps| !steps.before.is_empty())
}

/// The error after a step over its bound: with the constants here, and with those of WMSKA.
fn sharpness(arrays: &RatesArrays, names: &[StatementName]) -> Panel {
    let statements = Statement::all();
    let mut panel = Panel::new(Axis::log10("error before e"), Axis::log10("error after / bound"))
        .title("filled: bounds here; hollow: the paper's")
        .legend(Legend::Automatic);
    let chosen = names.iter().filter_map(|name| statements.iter().find(|statement| statement.name == *name));
    for (s, Statement { name, label, .. }) in chosen.enumerate() {
        let Some(steps) = arrays.statement(*name) else { continue };
        let (colour, marker, _) = style::series(s);
        let points = |bound: &ndarray::Array1<f64>| {
            Mark::points(steps.before.to_vec(), (&steps.after / bound).to_vec(), colour, marker)
        };
        panel = panel.with(points(&steps.bound).label(*label)).with(points(&steps.paper).hollow().unlabelled());
    }
    panel.with(Mark::horizontal(1.0, Colour::Grey(90), Dash::Dotted).unlabelled())
}

/// The steps of several statements.
fn panel(arrays: &RatesArrays, title: &str, names: &[StatementName]) -> Panel {
    let statements = Statement::all();
    let mut panel = Panel::new(Axis::log10("error before e"), Axis::log10("error after e_{+}"))
        .title(title)
        .legend(Legend::Automatic);
    let chosen = names.iter().filter_map(|name| statements.iter().find(|statement| statement.name == *name));
    for (s, Statement { name, label, .. }) in chosen.enumerate() {
        let Some(steps) = arrays.statement(*name) else { continue };
        let (colour, marker, _) = style::series(s);
        let points = |y: &ndarray::Array1<f64>| Mark::points(steps.before.to_vec(), y.to_vec(), colour, marker);
        panel = panel
            .with(points(&steps.after).label(*label))
            .with(points(&steps.bound).hollow().label(format!("{label}, bound")));
    }
    panel
}
