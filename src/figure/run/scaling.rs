//! Gap against width, step or batch: log-log, error bars, the fitted line with its slope and interval, the slope of the
//! theory, and the reference's own error.

use super::records::Records;
use crate::analysis::fit::{SlopeFit, Statistic};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel};
use crate::record::{self, FitRecord, GroupRecord};

/// One panel per fitted measure of the group; `None` where nothing was fitted.
pub fn figure(records: &Records, group: &GroupRecord) -> Option<(String, Figure)> {
    let fits: Vec<&FitRecord> =
        records.gap.fits.iter().filter(|f| f.group == group.name && f.measure != "coupling_max").collect();
    if fits.is_empty() {
        return None;
    }
    let mut figure = if fits.len() == 1 { Figure::single_column() } else { Figure::double_column() };
    figure.height_in *= fits.len().div_ceil(figure.columns) as f64;
    figure.panels = fits.into_iter().map(|fit| panel(records, group, fit)).collect();
    Some((format!("gap-{}", group.name), figure))
}

fn panel(records: &Records, group: &GroupRecord, record: &FitRecord) -> Panel {
    let statistic = record.fit.as_ref().map_or(Statistic::Mean, |fit| fit.statistic);
    let x = match group.axis {
        record::Axis::Width | record::Axis::Variant => Axis::log10("effective width 1 / (1/N − 1/M)"),
        record::Axis::Step => Axis::log10("step ε"),
        record::Axis::Batch => Axis::log2("batch size B"),
    };
    let mut panel = Panel::new(x, Axis::log10(label(&record.measure, statistic))).title(title(group));
    let Some(fit) = &record.fit else {
        return panel.note(record.failure.clone().unwrap_or_default());
    };
    let column = |f: fn(&crate::analysis::fit::Point) -> f64| -> Vec<f64> { fit.points.iter().map(f).collect() };
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
    if let Some(error) = records.gap.reference.get(&record.measure) {
        let blur = if group.axis == record::Axis::Width { error.total() } else { error.same_particles() };
        let blur_name =
            if group.axis == record::Axis::Width { "error of limit and step" } else { "error of the limit" };
        let blur = if statistic == Statistic::MeanSquare { blur * blur } else { blur };
        let lowest = fit.points.iter().map(|p| p.y).fold(f64::INFINITY, f64::min);
        // An error far below the points would only squeeze them: it is told in words then.
        if blur > 0.0 && blur > 1e-2 * lowest {
            panel = panel.with(Mark::horizontal(blur, Colour::Grey(140), Dash::Dotted).label(blur_name));
        } else {
            panel = panel.note(format!("{blur_name} {blur:.1e}"));
        }
    }
    panel.legend(Legend::Automatic)
}

/// The line of the theory's slope through the middle of the fitted one.
fn theory(fit: &SlopeFit, slope: f64, grid: &[f64]) -> Vec<f64> {
    let middle = (grid[0] * grid[1]).sqrt();
    grid.iter().map(|x| fit.at(middle) * (x / middle).powf(slope)).collect()
}

fn slope_label(fit: &SlopeFit) -> String {
    let (low, high) = fit.interval;
    format!("fit: {} [{}, {}]", number(fit.slope), number(low), number(high))
}

/// A slope with a real minus sign.
fn number(value: f64) -> String {
    format!("{value:.2}").replace('-', "−")
}

fn title(group: &GroupRecord) -> String {
    let batch = group.batch.map_or("full gradient".to_string(), |size| format!("B = {size}"));
    match group.axis {
        record::Axis::Width | record::Axis::Variant => format!("ε = {}, {batch}", group.step),
        record::Axis::Step => format!("N = {}, {batch}", group.width),
        record::Axis::Batch => format!("N = {}, ε = {}", group.width, group.step),
    }
}

/// The quantity on the vertical axis.
pub(super) fn label(measure: &str, statistic: Statistic) -> String {
    let distance = match measure {
        "function" => "‖f_{N} − f_{ρ}‖",
        "coupling_rms" => "rms coupling distance",
        "coupling_max" => "max coupling distance",
        "risk_gap" => "|R(f_{N}) − R(ρ)|",
        "wasserstein" => "sliced W_{2}",
        other => other,
    };
    let family = measure.strip_prefix("coupling_rms_").map(|family| format!("rms coupling distance of {family}"));
    let distance = family.as_deref().unwrap_or(distance);
    match statistic {
        Statistic::MeanSquare => format!("E sup_{{t}} {distance}^{{2}}"),
        Statistic::RootMeanSquare => format!("sup_{{t}} {distance} (rms)"),
        _ => format!("sup_{{t}} {distance} (mean)"),
    }
}
