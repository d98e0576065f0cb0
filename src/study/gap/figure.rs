//! Figures of the gap study: distances against time, width, step and batch size, and the form of the bound.

use super::GapRecord;
use crate::analysis::bound::{BoundBand, BoundForm};
use crate::analysis::fit::{SlopeFit, Statistic};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel};
use crate::record::{FitRecord, GroupAxis, GroupRecord, GroupsRecord, Measure, RunFolder};
use crate::run::context::FiguresError;
use crate::run::figures::labels::{not_fitted, number, parameter, slope};
use crate::run::figures::lines::by_width;
use crate::run::figures::records::Records;
use crate::run::figures::subjects;
use crate::run::study::NamedFigure;

/// Number of intervals of the curves of the bound.
const INTERVALS: usize = 40;

/// `gap-time`, `gap-GROUP` for every group with fits, and `gap-bound`.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let (records, gap) = (Records::read(folder)?, GapRecord::read(folder)?);
    let mut figures: Vec<NamedFigure> = vec![("gap-time".into(), against_time(&records))];
    figures.extend(records.groups.groups.iter().filter_map(|group| scaling(&records, &gap, group)));
    figures.extend(gap.bound.as_ref().and_then(|band| bound(&records, band)));
    Ok(figures)
}

/// Function distance and root mean square coupling distance against time, as medians over seeds with bands from the 5 %
/// to the 95 % quantile.
fn against_time(records: &Records) -> Figure {
    let mut figure = Figure::double_column();
    let panels = [
        (Measure::Function, subjects::FUNCTION_TIME, Legend::Hidden),
        (Measure::CouplingRms, subjects::COUPLING_TIME, Legend::Below),
    ];
    for (measure, subject, place) in panels {
        let axis = Axis::log10(distance(measure));
        let mut panel = Panel::new(Axis::linear("time t = kε"), axis).subject(subject).legend(place);
        panel.marks = by_width(records, measure);
        figure = figure.with(panel);
    }
    figure
}

/// The measure of a fit, if it is a recorded distance.
pub(super) fn measure(fit: &FitRecord) -> Option<Measure> {
    fit.measure.parse().ok()
}

/// One panel per fitted measure of a group, on logarithmic axes: points with intervals, the fitted line, the slope of
/// the theory, and the error of the reference; `None` where nothing was fitted.
fn scaling(records: &Records, gap: &GapRecord, group: &GroupRecord) -> Option<NamedFigure> {
    let fits: Vec<(&FitRecord, Measure)> = gap
        .fits
        .iter()
        .filter(|fit| fit.group == group.name)
        .filter_map(|fit| Some((fit, measure(fit)?)))
        .filter(|(_, measure)| *measure != Measure::CouplingMax)
        .collect();
    if fits.is_empty() {
        return None;
    }
    let mut figure = if fits.len() == 1 { Figure::single_column() } else { Figure::double_column() };
    figure.height_in *= fits.len().div_ceil(figure.columns) as f64;
    figure.panels = fits.into_iter().map(|(fit, measure)| panel(records, group, fit, measure)).collect();
    // What is constant within the group is said once.
    if let Some(first) = figure.panels.first_mut() {
        first.notes.insert(0, constants(group));
    }
    Some((format!("gap-{}", group.name), figure))
}

/// The panel of one fit.
fn panel(records: &Records, group: &GroupRecord, record: &FitRecord, measure: Measure) -> Panel {
    let statistic = record.fit.as_ref().map(|fit| fit.statistic);
    let x = match group.axis {
        GroupAxis::Width | GroupAxis::Variant => Axis::log10("effective width 1 / (1/N − 1/M)"),
        GroupAxis::Step => Axis::log10("step ε"),
        GroupAxis::Batch => Axis::log2("batch size B").counts(),
    };
    // What differs between the panels is in their titles and notes; the rest is in the legend, which they share.
    let mut panel =
        Panel::new(x, Axis::log10(label(measure, statistic))).title(quantity(measure)).legend(Legend::Below);
    if group.name == GroupsRecord::WIDTHS && measure == Measure::Function {
        panel = panel.subject(subjects::FUNCTION_WIDTH);
    }
    let Some(fit) = &record.fit else {
        return every_network(panel, records, group, (measure, record));
    };
    let column = |f: fn(&crate::analysis::fit::DataPoint) -> f64| -> Vec<f64> { fit.points.iter().map(f).collect() };
    let (xs, ys) = (column(|p| p.x), column(|p| p.y));
    let ends = fit.points.iter().map(|p| p.interval.unwrap_or((p.y, p.y))).collect();
    let (low, high) = (xs.iter().copied().fold(f64::INFINITY, f64::min), xs.iter().copied().fold(0.0, f64::max));
    let grid = vec![low, high];
    let fitted = grid.iter().map(|&x| fit.at(x)).collect();
    panel = panel
        .with(Mark::line(grid.clone(), fitted, Colour::Series(0), Dash::Solid).label("fit"))
        .with(
            Mark::line(grid.clone(), theory(fit, record.expected, &grid), Colour::Grey(90), Dash::Dashed)
                .label("slope of the theory"),
        )
        .with(Mark::points(xs, ys, Colour::Series(0), Marker::Circle).error(ends).label(points(fit.statistic)))
        .note(slope(fit))
        .note(format!("theory {}", parameter(record.expected)));
    if let Some(error) = record.error {
        let name = if group.axis == GroupAxis::Width { "error of limit and step" } else { "error of the limit" };
        let size = if fit.statistic.is_square() { error * error } else { error };
        let lowest = fit.points.iter().map(|p| p.y).fold(f64::INFINITY, f64::min);
        // An error far below the points is given as a note, so that the axis need not include it.
        if size > 0.0 && size > 1e-2 * lowest {
            panel = panel.with(Mark::horizontal(size, Colour::Grey(140), Dash::Dotted).label(name));
        } else if let Some(size) = number(size) {
            panel = panel.note(format!("{name} {size}"));
        }
    }
    panel
}

/// What the points are, with the ends of their bars. The quantity on the axis is a square where the statistic is of squares.
fn points(statistic: Statistic) -> String {
    let name = match statistic {
        Statistic::Mean | Statistic::MeanSquare => "mean",
        Statistic::GeometricMean | Statistic::GeometricMeanSquare => "geometric mean",
        Statistic::BoundQuantiles => "quantiles",
        Statistic::RootMeanSquare => "root mean square",
        Statistic::Median => "median",
    };
    format!("{name} over seeds, 95 % interval")
}

/// The line with the slope of the theory through the middle of the fitted line.
fn theory(fit: &SlopeFit, slope: f64, grid: &[f64]) -> Vec<f64> {
    let middle = (grid[0] * grid[1]).sqrt();
    grid.iter().map(|x| fit.at(middle) * (x / middle).powf(slope)).collect()
}

/// A panel without a fit: the networks, where they have a distance to show, and the reason of the failure.
fn every_network(
    mut panel: Panel,
    records: &Records,
    group: &GroupRecord,
    (measure, record): (Measure, &FitRecord),
) -> Panel {
    let failure = not_fitted(record.failure.as_deref());
    let (Some(abscissa), Some(table)) = (records.abscissa(group), records.sup(group, measure)) else {
        return panel.if_empty(failure);
    };
    let (x, y): (Vec<f64>, Vec<f64>) =
        table.indexed_iter().filter(|(_, y)| **y > 0.0).map(|((v, _), y)| (abscissa[v], *y)).unzip();
    if x.is_empty() {
        return panel.if_empty(failure);
    }
    panel.marks.push(networks(x, y));
    panel.note(failure)
}

/// A dot for every network.
fn networks(x: Vec<f64>, y: Vec<f64>) -> Mark {
    Mark::Cloud { x, y, colour: Colour::Series(0), size_pt: 3.0, opacity: 0.5, label: Some("networks".into()) }
}

/// What is constant within a group.
fn constants(group: &GroupRecord) -> String {
    let batch = group.batch.map_or("full gradient".to_string(), |size| format!("B = {size}"));
    match group.axis {
        GroupAxis::Width | GroupAxis::Variant => format!("ε = {}, {batch}", parameter(group.step)),
        GroupAxis::Step => format!("N = {}, {batch}", group.width),
        GroupAxis::Batch => format!("N = {}, ε = {}", group.width, parameter(group.step)),
    }
}

/// The quantity, in words.
fn quantity(measure: Measure) -> String {
    match measure {
        Measure::Function => "predictions".into(),
        Measure::CouplingRms => "coupled neurons".into(),
        Measure::RiskGap => "risk".into(),
        Measure::Wasserstein => "law of the neurons".into(),
        Measure::WassersteinOwn => "law of the neurons, same start".into(),
        Measure::FamilyCouplingRms(family) => format!("coupled neurons, {family}"),
        Measure::TestFunction => "predictions, test part".into(),
        Measure::TestLossGap => "loss, test part".into(),
        Measure::CouplingMax
        | Measure::TestLoss
        | Measure::TestAccuracy
        | Measure::TestSignAccuracy
        | Measure::Risk
        | Measure::Loss
        | Measure::Accuracy
        | Measure::SignAccuracy
        | Measure::Kinetic
        | Measure::Dropout
        | Measure::Spread
        | Measure::FamilyCouplingMax(_) => measure.to_string(),
    }
}

/// The quantity and its statistic over seeds, in words.
pub(super) fn title(measure: Measure, statistic: Option<Statistic>) -> String {
    let statistic = match statistic {
        Some(Statistic::Mean) => "mean over seeds",
        Some(Statistic::MeanSquare) => "mean square over seeds",
        Some(Statistic::GeometricMeanSquare) => "geometric mean of squares over seeds",
        Some(Statistic::BoundQuantiles) => "quantiles over seeds",
        Some(Statistic::RootMeanSquare) => "rms over seeds",
        Some(Statistic::Median) => "median over seeds",
        Some(Statistic::GeometricMean) => "geometric mean over seeds",
        None => "every network",
    };
    format!("{}: {statistic}", quantity(measure))
}

/// A distance at one time.
fn distance(measure: Measure) -> String {
    match measure {
        Measure::Function => "‖f_{N} − f_{ρ}‖".into(),
        Measure::CouplingRms => "rms coupling distance".into(),
        Measure::CouplingMax => "max coupling distance".into(),
        Measure::RiskGap => "|R(f_{N}) − R(ρ)|".into(),
        Measure::Wasserstein => "sliced W_{2}".into(),
        Measure::WassersteinOwn => "sliced W_{2} to its own particles".into(),
        Measure::FamilyCouplingRms(family) => format!("rms coupling distance of {family}"),
        Measure::TestFunction => "‖f_{N} − f_{ρ}‖ on the test part".into(),
        Measure::TestLossGap => "|loss of f_{N} − loss of f_{ρ}| on the test part".into(),
        Measure::Risk
        | Measure::TestLoss
        | Measure::TestAccuracy
        | Measure::TestSignAccuracy
        | Measure::Loss
        | Measure::Accuracy
        | Measure::SignAccuracy
        | Measure::Kinetic
        | Measure::Dropout
        | Measure::Spread
        | Measure::FamilyCouplingMax(_) => measure.to_string(),
    }
}

/// The label of the vertical axis.
pub(super) fn label(measure: Measure, statistic: Option<Statistic>) -> String {
    let square = if statistic.is_some_and(Statistic::is_square) { "^{2}" } else { "" };
    format!("sup_{{t}} {}{square}", distance(measure))
}

/// The largest coupling distance, or risk gap, of every network, and the form of the bound with a fitted constant: a
/// dot per network, and the band from z = 0 to the z of probability 0.95.
fn bound(records: &Records, band: &BoundBand) -> Option<NamedFigure> {
    let group = records.widths()?;
    // For a limit without particles the bound is on the risk gap.
    let coupled = records.measure(group, Measure::CouplingMax).filter(|table| table.iter().any(|v| v.is_finite()));
    let measure = if coupled.is_some() { Measure::CouplingMax } else { Measure::RiskGap };
    // The supremum of a diverged network is NaN.
    let table = records.sup(group, measure)?;
    let (x, y): (Vec<f64>, Vec<f64>) = table.indexed_iter().map(|((v, _), y)| (group.values[v], *y)).unzip();
    let (first, last) = (*group.values.first()?, *group.values.last()?);
    let grid: Vec<f64> = (0..=INTERVALS).map(|i| first * (last / first).powf(i as f64 / INTERVALS as f64)).collect();
    let (low, high): (Vec<f64>, Vec<f64>) = band.curve(&grid).into_iter().map(|(_, low, high)| (low, high)).unzip();
    let z_high = number(band.z_high)?;
    let form = match band.form {
        BoundForm::Width => "C (√(log N) + z) / √N",
        BoundForm::Step { .. } | BoundForm::WidthAndStep { .. } => "both terms of the bound",
    };
    let mut panel = Panel::new(Axis::log2("width N").counts(), Axis::log10(label(measure, None)))
        .title("form of the bound, constant fitted")
        .with(Mark::band(grid.clone(), low, high.clone(), Colour::Series(1)).label(format!("{form}, 0 ≤ z ≤ {z_high}")))
        .with(Mark::line(grid, high, Colour::Series(1), Dash::Solid))
        .with(networks(x, y));
    if let Some(constant) = number(band.constant) {
        panel = panel.note(format!("C = {constant}"));
    }
    Some(("gap-bound".into(), Figure::single_column().with(panel)))
}
