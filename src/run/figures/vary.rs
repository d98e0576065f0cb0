//! The figures of a sweep over keys: every quantity against the varied key, and one figure per statement.

use super::super::context::FiguresError;
use super::super::study::NamedFigure;
use super::labels::{number, parameter};
use crate::analysis::trend::TrendLaw;
use crate::analysis::trend_fit::{LineFit, Optimum};
use crate::analysis::verdict::Verdict;
use crate::figure::{Axis, Colour, Dash, Figure, FigureDescription, Legend, Mark, Marker, Panel, Scale, style, write};
use crate::record::{QuantityRecord, RunFolder, StatementRecord, VaryRecord};
use std::path::PathBuf;

/// Least ratio of the ends of a positive range that is shown on a logarithmic axis.
const LOG_RATIO: f64 = 8.0;

/// Number of intervals of fitted curves.
const INTERVALS: usize = 40;

/// Draws `figures/vary` and `figures/vary-NAME` for every statement, as SVG, PNG and PDF.
///
/// # Errors
/// Files that cannot be written.
pub fn draw(record: &VaryRecord, folder: &RunFolder) -> Result<Vec<PathBuf>, FiguresError> {
    let mut drawn = Vec::new();
    for (name, figure) in figures(record) {
        drawn.extend(write(&figure, &folder.file(&format!("figures/{name}")))?);
    }
    Ok(drawn)
}

/// The figures of a sweep: `vary`, and `vary-NAME` for every statement.
pub fn figures(record: &VaryRecord) -> Vec<NamedFigure> {
    let titled = |name: String, figure: Figure, text: &str| {
        let about = FigureDescription { title: name.clone(), text: text.into() };
        (name, Figure { about, ..figure })
    };
    let text = "Every quantity of the sweep against the varied key, with 95 % intervals, and the number of checks of each \
                verdict. Lines and points of equal abscissae are displaced sideways.";
    let mut found = vec![titled("vary".into(), quantities(record), text)];
    let mut names: Vec<&str> = record.fits.iter().map(|fit| fit.figure.as_str()).collect();
    names.dedup();
    for name in names {
        let fits: Vec<&StatementRecord> = record.fits.iter().filter(|fit| fit.figure == name).collect();
        let text = "The quantity of the statement against the varied key, with the fitted laws and the exponent of the statement; or the curves of all widths and the places of their least values.";
        found.push(titled(format!("vary-{name}"), statements(record, &fits), text));
    }
    found
}

/// An axis for positive or other values: logarithmic where they are positive and span a large range.
fn axis(label: &str, values: impl Iterator<Item = f64> + Clone) -> Axis {
    let finite = values.filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > 0.0 && high / low >= LOG_RATIO { Axis::log10(label) } else { Axis::linear(label) }
}

/// The abscissa of the first figure, and the lines in it: points that differ in the abscissa only.
struct Abscissa {
    label: String,
    x: Vec<f64>,
    /// Of every line: its label, empty for the only one, and its points in increasing order.
    lines: Vec<(String, Vec<usize>)>,
}

impl Abscissa {
    /// The first key whose values are numbers that differ; without one, the number of the point.
    fn of(record: &VaryRecord) -> Self {
        let differs = |x: &Vec<f64>| x.iter().any(|v| *v != x[0]);
        let numeric = record.keys.iter().find_map(|key| Some((key, record.numbers(key).filter(differs)?)));
        let Some((key, x)) = numeric else {
            let x: Vec<f64> = (1..=record.points.len()).map(|i| i as f64).collect();
            let all = (0..x.len()).collect();
            return Abscissa { label: "number of the point".into(), x, lines: vec![(String::new(), all)] };
        };
        // Keys that vary together have one value at each value of the abscissa.
        let together = |k: usize| {
            let value = |i: usize| &record.points[i].values[k];
            (0..x.len()).all(|i| (0..i).all(|j| (x[i] == x[j]) <= (value(i) == value(j)) && x[i] != x[j]))
        };
        let others: Vec<usize> = (0..record.keys.len()).filter(|&k| record.keys[k] != *key && !together(k)).collect();
        let mut lines: Vec<(String, Vec<usize>)> = Vec::new();
        for (i, point) in record.points.iter().enumerate() {
            let part = |&k: &usize| {
                let value = &point.values[k];
                let text = value.as_f64().map(parameter).or(value.as_str().map(String::from));
                format!("{} = {}", tail(&record.keys[k]), text.unwrap_or_else(|| value.to_string()))
            };
            let label = others.iter().map(part).collect::<Vec<_>>().join(", ");
            match lines.iter_mut().find(|(other, _)| *other == label) {
                Some((_, points)) => points.push(i),
                None => lines.push((label, vec![i])),
            }
        }
        lines.iter_mut().for_each(|(_, points)| points.sort_by(|&a, &b| x[a].total_cmp(&x[b])));
        Abscissa { label: key.clone(), x, lines }
    }
}

/// The last part of a dotted key.
fn tail(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// One panel per quantity, and the verdicts.
fn quantities(record: &VaryRecord) -> Figure {
    let abscissa = Abscissa::of(record);
    let mut names: Vec<&str> = Vec::new();
    for quantity in &record.quantities {
        if !names.contains(&quantity.name.as_str()) {
            names.push(&quantity.name);
        }
    }
    let mut figure = Figure::double_column();
    let mut left_out: Vec<String> = Vec::new();
    for name in names {
        let curves: Vec<&QuantityRecord> = record.quantities.iter().filter(|q| q.name == name).collect();
        match without_values(&curves) {
            Some(reason) => left_out.push(format!("{}: {reason}", curves[0].label)),
            None => figure = figure.with(quantity_panel(&abscissa, &curves)),
        }
    }
    let panel = verdicts(record, &abscissa);
    figure =
        figure.with(left_out.into_iter().fold(panel, |panel, reason| panel.note(format!("no panel for {reason}"))));
    figure.height_in *= figure.panels.len().div_ceil(figure.columns.max(1)) as f64;
    figure
}

/// Why a quantity has no value at any point; `None` where it has one.
fn without_values(curves: &[&QuantityRecord]) -> Option<String> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    if points().any(|point| point.value.is_finite()) {
        return None;
    }
    Some(points().find_map(|point| point.reason.clone()).unwrap_or_else(|| "no value is finite".into()))
}

/// Part of the axis by which neighbouring lines are displaced, so that their intervals do not lie over each other.
const DISPLACEMENT: f64 = 0.012;

/// The abscissae `x` of line `line` of `count`, displaced along an axis over `all`.
fn displaced(x: &[f64], (line, count): (usize, usize), axis: &Axis, all: &[f64]) -> Vec<f64> {
    let (low, high) = all.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    let part = DISPLACEMENT * (line as f64 - 0.5 * (count as f64 - 1.0));
    let moved = |&v: &f64| match axis.scale {
        Scale::Linear => v + part * (high - low),
        Scale::Log10 | Scale::Log2 => v * (high / low).powf(part),
    };
    x.iter().map(moved).collect()
}

/// A quantity against the varied key: a line for every width, or, where other keys vary too, for every combination of their
/// values at the largest width.
fn quantity_panel(abscissa: &Abscissa, curves: &[&QuantityRecord]) -> Panel {
    let several = abscissa.lines.len() > 1;
    let shown = if several { &curves[curves.len() - 1..] } else { curves };
    let values = || shown.iter().flat_map(|curve| curve.points.iter().map(|point| point.value));
    let y = if shown[0].positive { axis(&shown[0].label, values()) } else { Axis::linear(&shown[0].label) };
    let x_axis = axis(&abscissa.label, abscissa.x.iter().copied());
    let mut panel = Panel::new(x_axis.clone(), y).legend(Legend::Automatic);
    let count = shown.len().max(abscissa.lines.len());
    for (c, curve) in shown.iter().enumerate() {
        for (l, (line, points)) in abscissa.lines.iter().enumerate() {
            let (own, marker, _) = style::series(if several { l } else { 0 });
            let colour = if shown.len() > 1 { style::ramp(c, shown.len()) } else { own };
            let width = curve.width.map(|width| format!("N = {width}"));
            let label = [Some(line.clone()).filter(|line| !line.is_empty()), width];
            let label: Vec<String> = label.into_iter().flatten().collect();
            let x: Vec<f64> = points.iter().map(|&i| abscissa.x[i]).collect();
            let x = displaced(&x, (c.max(l), count), &x_axis, &abscissa.x);
            let y: Vec<f64> = points.iter().map(|&i| curve.points[i].value).collect();
            let ends = points.iter().map(|&i| {
                let point = &curve.points[i];
                point.interval.unwrap_or((point.value, point.value))
            });
            let ends = ends.collect();
            let line = Mark::line(x.clone(), y.clone(), colour, Dash::Solid);
            let dots = Mark::points(x, y, colour, marker).error(ends);
            panel = panel.with(if label.is_empty() { line } else { line.label(label.join(", ")) }).with(dots);
        }
    }
    panel
}

/// The number of checks of each verdict at every point.
fn verdicts(record: &VaryRecord, abscissa: &Abscissa) -> Panel {
    let x_axis = axis(&abscissa.label, abscissa.x.iter().copied());
    let mut panel = Panel::new(x_axis.clone(), Axis::linear("checks").counts()).legend(Legend::Automatic);
    for (line, (verdict, name, marker, colour)) in [
        (Verdict::Holds, "hold", Marker::Circle, 0),
        (Verdict::Fails, "fail", Marker::Triangle, 1),
        (Verdict::NotResolved, "not resolved", Marker::Square, 2),
    ]
    .into_iter()
    .enumerate()
    {
        let count = |i: usize| record.points[i].checks.iter().filter(|check| check.verdict == verdict).count() as f64;
        let y = (0..record.points.len()).map(count).collect();
        let x = displaced(&abscissa.x, (line, 3), &x_axis, &abscissa.x);
        panel = panel.with(Mark::points(x, y, Colour::Series(colour), marker).label(name));
    }
    panel
}

/// The panels of the statements of one entry.
fn statements(record: &VaryRecord, fits: &[&StatementRecord]) -> Figure {
    let panels: Vec<Panel> = fits
        .iter()
        .flat_map(|fit| match fit.law {
            TrendLaw::Power | TrendLaw::Exponential => vec![monotone(record, fit)],
            TrendLaw::Optimum => vec![curves(record, fit), optima(fit)],
        })
        .collect();
    let mut figure = if panels.len() == 1 { Figure::single_column() } else { Figure::double_column() };
    figure.height_in *= panels.len().div_ceil(figure.columns.max(1)) as f64;
    figure.panels = panels;
    figure
}

/// The label of a quantity.
fn label<'r>(record: &'r VaryRecord, name: &'r str) -> &'r str {
    record.quantities.iter().find(|quantity| quantity.name == name).map_or(name, |quantity| &quantity.label)
}

/// What a statement is about, apart from its quantity.
fn title(fit: &StatementRecord) -> String {
    let width = fit.width.map(|width| format!("N = {width}"));
    width.into_iter().chain(fit.at.iter().map(|part| part.replace('=', " = "))).collect::<Vec<_>>().join(", ")
}

/// A number with its interval.
fn with_interval(value: f64, interval: (f64, f64)) -> String {
    match (number(value), number(interval.0), number(interval.1)) {
        (Some(value), Some(low), Some(high)) => format!("{value} [{low}, {high}]"),
        (Some(value), ..) => value,
        (None, ..) => "not fitted".into(),
    }
}

/// The quantity against the key, with both fitted laws and the law that the statement expects.
fn monotone(record: &VaryRecord, fit: &StatementRecord) -> Panel {
    let points = &fit.fit.points;
    let positive = record.quantities.iter().any(|q| q.name == fit.quantity && q.positive);
    let x: Vec<f64> = points.iter().map(|point| point.x).collect();
    let y: Vec<f64> = points.iter().map(|point| point.value).collect();
    let x_axis = match fit.law {
        TrendLaw::Power => axis(&fit.over, x.iter().copied()),
        TrendLaw::Exponential | TrendLaw::Optimum => Axis::linear(&fit.over),
    };
    let words = label(record, &fit.quantity);
    let y_axis = if positive { Axis::log10(words) } else { Axis::linear(words) };
    let mut panel = Panel::new(x_axis, y_axis).title(title(fit)).legend(Legend::Automatic);
    let (low, high) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    let grid: Vec<f64> = (0..=INTERVALS).map(|i| low + (high - low) * i as f64 / INTERVALS as f64).collect();
    let shown = |q: f64| if positive { q.exp() } else { q };
    let curve = |at: &dyn Fn(f64) -> f64| grid.iter().map(|&x| shown(at(x))).collect::<Vec<f64>>();
    let of_line = |line: &LineFit, logarithm: bool| {
        let line = *line;
        move |x: f64| line.intercept + line.slope * if logarithm { x.ln() } else { x }
    };
    if let Some(power) = &fit.fit.power {
        let text = format!("power law: exponent {}", with_interval(power.slope, power.interval));
        panel = panel
            .with(Mark::line(grid.clone(), curve(&of_line(power, true)), Colour::Series(0), Dash::Solid).label(text));
        if fit.law == TrendLaw::Power {
            // The law that the statement names, through the middle of the fitted one.
            let middle = (low * high).sqrt();
            let level = power.intercept + power.slope * middle.ln();
            let expected = |x: f64| level + fit.expected * (x / middle).ln();
            let text = format!("statement: exponent {}{}", fit.relation.words(), parameter(fit.expected));
            panel = panel.with(Mark::line(grid.clone(), curve(&expected), Colour::Grey(90), Dash::Dashed).label(text));
        }
    }
    if let Some(exponential) = fit.fit.exponential.as_ref().filter(|_| fit.law == TrendLaw::Exponential) {
        let text = format!("exponential: rate {}", with_interval(exponential.slope, exponential.interval));
        panel = panel.with(
            Mark::line(grid.clone(), curve(&of_line(exponential, false)), Colour::Series(1), Dash::Dashed).label(text),
        );
    }
    let ends = points.iter().map(|point| point.interval.unwrap_or((point.value, point.value))).collect();
    panel = panel.with(Mark::points(x, y, Colour::Series(0), Marker::Circle).error(ends));
    match &fit.fit.failure {
        Some(reason) => panel.note(super::labels::not_fitted(Some(reason))),
        None => panel,
    }
}

/// The quantity of every width against the key, with the places of the least values.
fn curves(record: &VaryRecord, fit: &StatementRecord) -> Panel {
    let points = &fit.fit.points;
    let mut widths: Vec<Option<usize>> = points.iter().map(|point| point.width).collect();
    widths.sort_unstable();
    widths.dedup();
    let words = label(record, &fit.quantity);
    let (all_x, all_y) = (points.iter().map(|point| point.x), points.iter().map(|point| point.value));
    let mut panel = Panel::new(axis(&fit.over, all_x), axis(words, all_y)).title(title(fit)).legend(Legend::Automatic);
    let all: Vec<f64> = points.iter().map(|point| point.x).collect();
    for (w, width) in widths.iter().enumerate() {
        let own: Vec<_> = points.iter().filter(|point| point.width == *width).collect();
        let x: Vec<f64> = own.iter().map(|point| point.x).collect();
        let x = displaced(&x, (w, widths.len()), &panel.x, &all);
        let y: Vec<f64> = own.iter().map(|point| point.value).collect();
        let ends = own.iter().map(|point| point.interval.unwrap_or((point.value, point.value))).collect();
        let colour = style::ramp(w, widths.len());
        let name = width.map_or(String::new(), |width| format!("N = {width}"));
        panel = panel
            .with(Mark::line(x.clone(), y.clone(), colour, Dash::Solid).label(name))
            .with(Mark::points(x, y, colour, Marker::Circle).error(ends));
        if let Some(optimum) = fit.fit.optima.iter().find(|optimum| optimum.width == *width) {
            panel = panel.with(Mark::vertical(optimum.x, colour, Dash::Dotted));
        }
    }
    panel
}

/// The place of the least value against the width.
fn optima(fit: &StatementRecord) -> Panel {
    let of_widths: Vec<&Optimum> = fit.fit.optima.iter().filter(|optimum| optimum.width.is_some()).collect();
    let x: Vec<f64> = of_widths.iter().filter_map(|optimum| optimum.width.map(|width| width as f64)).collect();
    let y: Vec<f64> = of_widths.iter().map(|optimum| optimum.x).collect();
    let ends = of_widths.iter().map(|optimum| optimum.interval.unwrap_or((optimum.x, optimum.x))).collect();
    let label = format!("{} at the least value", tail(&fit.over));
    let mut panel = Panel::new(Axis::log2("width N"), Axis::log10(label)).legend(Legend::Automatic);
    panel = panel.with(Mark::points(x, y, Colour::Series(0), Marker::Circle).error(ends));
    if let Some(limit) = fit.fit.optima.iter().find(|optimum| optimum.width.is_none()) {
        panel = panel.with(Mark::horizontal(limit.x, Colour::Series(1), Dash::Dashed).label("limit"));
    }
    if let (Some(found), Some(interval)) = (&fit.fit.number, fit.fit.interval) {
        panel = panel.note(format!("exponent in N {}", with_interval(found.value, interval)));
    }
    match &fit.fit.failure {
        Some(reason) => panel.note(super::labels::not_fitted(Some(reason))),
        None => panel,
    }
}
