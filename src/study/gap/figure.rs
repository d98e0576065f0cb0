//! Figures of the gap study: distances against width, step and batch size, and the form of the bound.

use super::GapRecord;
use crate::analysis::bound::{BoundBand, BoundForm};
use crate::analysis::fit::{SlopeFit, Statistic};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel};
use crate::record::{FitRecord, GroupAxis, GroupRecord, Measure, RunFolder};
use crate::run::context::FiguresError;
use crate::run::figures::labels::number;
use crate::run::figures::records::Records;
use crate::run::study::NamedFigure;

/// Number of intervals of the curves of the bound.
const INTERVALS: usize = 40;

/// `gap-GROUP` for every group with fits, and `gap-bound`.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let (records, gap) = (Records::read(folder)?, GapRecord::read(folder)?);
    let mut figures: Vec<NamedFigure> =
        records.groups.groups.iter().filter_map(|group| scaling(&records, &gap, group)).collect();
    figures.extend(gap.bound.as_ref().and_then(|band| bound(&records, band)));
    Ok(figures)
}

/// The measure of a fit, if it is a recorded distance.
fn measure(fit: &FitRecord) -> Option<Measure> {
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
    Some((format!("gap-{}", group.name), figure))
}

/// The panel of one fit.
fn panel(records: &Records, group: &GroupRecord, record: &FitRecord, measure: Measure) -> Panel {
    let statistic = record.fit.as_ref().map_or(Statistic::Mean, |fit| fit.statistic);
    let x = match group.axis {
        GroupAxis::Width | GroupAxis::Variant => Axis::log10("effective width 1 / (1/N − 1/M)"),
        GroupAxis::Step => Axis::log10("step ε"),
        GroupAxis::Batch => Axis::log2("batch size B"),
    };
    let mut panel = Panel::new(x, Axis::log10(label(measure, statistic))).title(title(group));
    let Some(fit) = &record.fit else {
        return panel.note(record.failure.clone().unwrap_or_default());
    };
    let column = |f: fn(&crate::analysis::fit::DataPoint) -> f64| -> Vec<f64> { fit.points.iter().map(f).collect() };
    let (xs, ys) = (column(|p| p.x), column(|p| p.y));
    let ends = fit.points.iter().map(|p| p.interval.unwrap_or((p.y, p.y))).collect();
    let (low, high) = (xs.iter().copied().fold(f64::INFINITY, f64::min), xs.iter().copied().fold(0.0, f64::max));
    let grid = vec![low, high];
    let fitted = grid.iter().map(|&x| fit.at(x)).collect();
    panel = panel
        .with(Mark::line(grid.clone(), fitted, Colour::Series(0), Dash::Solid).label(slope_label(fit)))
        .with(
            Mark::line(grid.clone(), theory(fit, record.expected, &grid), Colour::Grey(90), Dash::Dashed)
                .label(format!("theory: slope {}", number(record.expected))),
        )
        .with(Mark::points(xs, ys, Colour::Series(0), Marker::Circle).error(ends));
    if let Some(error) = records.groups.reference.get(&measure) {
        let size = if group.axis == GroupAxis::Width { error.total() } else { error.same_particles() };
        let name = if group.axis == GroupAxis::Width { "error of limit and step" } else { "error of the limit" };
        let size = if statistic == Statistic::MeanSquare { size * size } else { size };
        let lowest = fit.points.iter().map(|p| p.y).fold(f64::INFINITY, f64::min);
        // An error far below the points is given as a note, so that the axis need not include it.
        if size > 0.0 && size > 1e-2 * lowest {
            panel = panel.with(Mark::horizontal(size, Colour::Grey(140), Dash::Dotted).label(name));
        } else {
            panel = panel.note(format!("{name} {size:.1e}"));
        }
    }
    panel.legend(Legend::Automatic)
}

/// The line with the slope of the theory through the middle of the fitted line.
fn theory(fit: &SlopeFit, slope: f64, grid: &[f64]) -> Vec<f64> {
    let middle = (grid[0] * grid[1]).sqrt();
    grid.iter().map(|x| fit.at(middle) * (x / middle).powf(slope)).collect()
}

/// The fitted slope with its interval.
fn slope_label(fit: &SlopeFit) -> String {
    let (low, high) = fit.interval;
    format!("fit: {} [{}, {}]", number(fit.slope), number(low), number(high))
}

/// What is constant within a group.
fn title(group: &GroupRecord) -> String {
    let batch = group.batch.map_or("full gradient".to_string(), |size| format!("B = {size}"));
    match group.axis {
        GroupAxis::Width | GroupAxis::Variant => format!("ε = {}, {batch}", group.step),
        GroupAxis::Step => format!("N = {}, {batch}", group.width),
        GroupAxis::Batch => format!("N = {}, ε = {}", group.width, group.step),
    }
}

/// The label of the vertical axis.
fn label(measure: Measure, statistic: Statistic) -> String {
    let distance = match measure {
        Measure::Function => "‖f_{N} − f_{ρ}‖".into(),
        Measure::CouplingRms => "rms coupling distance".into(),
        Measure::CouplingMax => "max coupling distance".into(),
        Measure::RiskGap => "|R(f_{N}) − R(ρ)|".into(),
        Measure::Wasserstein => "sliced W_{2}".into(),
        Measure::FamilyCouplingRms(family) => format!("rms coupling distance of {family}"),
        Measure::Risk
        | Measure::Loss
        | Measure::Accuracy
        | Measure::SignAccuracy
        | Measure::Kinetic
        | Measure::Dropout
        | Measure::Spread
        | Measure::FamilyCouplingMax(_) => measure.to_string(),
    };
    match statistic {
        Statistic::MeanSquare => format!("E sup_{{t}} {distance}^{{2}}"),
        Statistic::RootMeanSquare => format!("sup_{{t}} {distance} (rms)"),
        Statistic::Mean | Statistic::Median | Statistic::GeometricMean => format!("sup_{{t}} {distance} (mean)"),
    }
}

/// The largest coupling distance, or risk gap, of every network, and the form of the bound with a fitted constant: a
/// dot per network, and the band from z = 0 to the z of probability 0.95.
fn bound(records: &Records, band: &BoundBand) -> Option<NamedFigure> {
    let group = records.widths()?;
    // For a limit without particles the bound is on the risk gap.
    let coupled = records.measure(group, Measure::CouplingMax).filter(|table| table.iter().any(|v| v.is_finite()));
    let measure = if coupled.is_some() { Measure::CouplingMax } else { Measure::RiskGap };
    let table = records.measure(group, measure)?;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for (networks, &n) in table.outer_iter().zip(&group.values) {
        for run in networks.outer_iter() {
            x.push(n);
            // The supremum of a diverged network is NaN.
            y.push(run.iter().fold(0.0, |a: f64, &b| if b.is_nan() { f64::NAN } else { a.max(b) }));
        }
    }
    let (first, last) = (*group.values.first()?, *group.values.last()?);
    let grid: Vec<f64> = (0..=INTERVALS).map(|i| first * (last / first).powf(i as f64 / INTERVALS as f64)).collect();
    let (low, high): (Vec<f64>, Vec<f64>) = band.curve(&grid).into_iter().map(|(_, low, high)| (low, high)).unzip();
    let form = match band.form {
        BoundForm::Width => "C (√(log N) + z) / √N",
        BoundForm::Step { .. } | BoundForm::WidthAndStep { .. } => "both terms of the bound",
    };
    let label_text = Some("networks".to_string());
    let points = Mark::Cloud { x, y, colour: Colour::Series(0), size_pt: 3.0, opacity: 0.5, label: label_text };
    let panel = Panel::new(Axis::log2("width N"), Axis::log10(label(measure, Statistic::Mean).replace(" (mean)", "")))
        .title("form of the bound, constant fitted")
        .with(
            Mark::band(grid.clone(), low, high.clone(), Colour::Series(1))
                .label(format!("{form}, 0 ≤ z ≤ {:.2}", band.z_high)),
        )
        .with(Mark::line(grid, high, Colour::Series(1), Dash::Solid))
        .with(points)
        .note(format!("C = {:.3}", band.constant));
    Some(("gap-bound".into(), Figure::single_column().with(panel)))
}
