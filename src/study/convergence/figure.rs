//! How the risk falls: across widths, methods and starts; first passages; the distance of the cloud from the limit's.

use super::{ConvergenceArrays, ConvergenceRecord, RateRecord};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Panel, style};
use crate::record::{GroupRecord, Measure, RunFolder};
use crate::run::context::FiguresError;
use crate::run::figures::lines::{by_width, limit};
use crate::run::figures::records::{Records, mean_over_seeds};
use crate::run::plan::variant_group_name;
use crate::run::study::NamedFigure;
use ndarray::Axis as Dim;

/// `convergence`.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let (records, record) = (Records::read(folder)?, ConvergenceRecord::read(folder)?);
    let arrays = ConvergenceArrays::read_from(folder)?;
    let mut panels = vec![against_time(&records, &record)];
    panels.extend(against_steps(&records, &record));
    panels.push(passages(&record, &arrays));
    panels.push(distance(&records));
    let mut figure = Figure::double_column();
    figure.height_in *= panels.len().div_ceil(2) as f64;
    figure.panels = panels;
    Ok(vec![("convergence".into(), figure)])
}

fn variants<'a>(
    records: &'a Records,
    record: &'a ConvergenceRecord,
) -> impl Iterator<Item = (usize, &'a GroupRecord, bool)> {
    record.variants.iter().enumerate().filter_map(|(v, (name, stalls))| {
        let group = records.groups.group(&variant_group_name(name))?;
        Some((v, group, *stalls))
    })
}

fn against_time(records: &Records, record: &ConvergenceRecord) -> Panel {
    let mut panel = Panel::new(Axis::linear("time t = kε"), Axis::log10("risk R"));
    for mark in by_width(records, Measure::Risk) {
        // The legend of another panel names the widths.
        panel = panel.with(mark.unlabelled());
    }
    if let Some(limit) = limit(records, Measure::Risk) {
        panel = panel.with(limit);
    }
    for (v, group, stalls) in variants(records, record) {
        let Some(risk) = risk(records, group) else { continue };
        let dash = if stalls { Dash::Dotted } else { Dash::DashDot };
        let name = &record.variants[v].0;
        let label = if stalls { format!("{name} (must stall)") } else { name.clone() };
        panel = panel.with(Mark::line(records.times(), risk, Colour::Series(2 + v), dash).label(label));
    }
    if let Some(limit) = record.rates.first() {
        panel = panel.title(law(limit));
    }
    panel
}

/// The better of the two laws of the limit's late risk, in words.
fn law(rate: &RateRecord) -> String {
    if rate.exponential_residual.is_nan() || rate.power_residual.is_nan() {
        // One limit has no spread over seeds, and the misfits do not compare: both laws are given.
        return format!("late limit: exp(−{:.2} t) or t^{{−{:.2}}}", rate.rate, -rate.power);
    }
    if rate.exponential_residual <= rate.power_residual {
        format!("late limit ∼ exp(−{:.2} t)", rate.rate)
    } else {
        format!("late limit ∼ t^{{−{:.2}}}", -rate.power)
    }
}

fn risk(records: &Records, group: &GroupRecord) -> Option<Vec<f64>> {
    Some(mean_over_seeds(records.measure(group, Measure::Risk)?.index_axis(Dim(0), 0)))
}

/// The networks of each variant's width and the variant, against steps taken; nothing where every step is the same.
fn against_steps(records: &Records, record: &ConvergenceRecord) -> Option<Panel> {
    let base = records.widths()?;
    let variants: Vec<_> = variants(records, record).filter(|(_, _, stalls)| !stalls).collect();
    let (_, first, _) = variants.first()?;
    if variants.iter().all(|(_, group, _)| group.step == base.step) {
        return None;
    }
    let steps = |step: f64| records.times().iter().map(|t| t / step).collect::<Vec<f64>>();
    let mut panel =
        Panel::new(Axis::linear("steps k"), Axis::log10("risk R")).title(format!("N = {}, equal steps", first.width));
    if let Some(w) = base.values.iter().position(|&n| n == first.width as f64) {
        let of_width = records.measure(base, Measure::Risk)?;
        let line = mean_over_seeds(of_width.index_axis(Dim(0), w));
        panel = panel.with(Mark::line(steps(base.step), line, Colour::Series(0), Dash::Solid).label("main dynamics"));
    }
    for (v, group, _) in variants {
        let label = format!("{}, ε = {}", record.variants[v].0, group.step);
        let line = Mark::line(steps(group.step), risk(records, group)?, Colour::Series(2 + v), Dash::DashDot);
        panel = panel.with(line.label(label));
    }
    Some(panel)
}

fn passages(record: &ConvergenceRecord, arrays: &ConvergenceArrays) -> Panel {
    let widths = arrays.widths.to_vec();
    let mut panel = Panel::new(Axis::log2("width N"), Axis::linear("time to the level, mean over seeds"));
    for (l, (fraction, level)) in record.fractions.iter().zip(&record.levels).enumerate() {
        let (colour, marker, _) = style::series(l);
        let mean = widths.iter().enumerate().map(|(w, _)| {
            let column = arrays.passage.index_axis(Dim(0), w).index_axis_move(Dim(1), l).insert_axis(Dim(1)).to_owned();
            mean_over_seeds(column.view())[0]
        });
        let points = Mark::points(widths.clone(), mean.collect(), colour, marker);
        panel = panel.with(points.label(format!("{fraction} of the descent, R = {level:.3}"))).with(Mark::horizontal(
            arrays.limit_passage[l],
            colour,
            Dash::Dotted,
        ));
    }
    panel.with(Mark::line(Vec::new(), Vec::new(), Colour::Grey(90), Dash::Dotted).label("limit"))
}

fn distance(records: &Records) -> Panel {
    let mut panel = Panel::new(Axis::linear("time t = kε"), Axis::log10("sliced W_{2}(ρ_{N}, ρ)"));
    for mark in by_width(records, Measure::Wasserstein) {
        panel = panel.with(mark);
    }
    panel.legend(Legend::Automatic)
}
