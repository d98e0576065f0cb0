//! Figure of the convergence study: risk against time and against steps, first passage times, Wasserstein distance.

use super::{ConvergenceArrays, ConvergenceRecord, RateRecord};
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Panel, style};
use crate::record::{GroupRecord, Measure, RecordError, RunFolder};
use crate::run::context::FiguresError;
use crate::run::figures::labels::{number, numbers, parameters};
use crate::run::figures::lines::{by_width, limit};
use crate::run::figures::records::{Records, mean_interval, mean_over_seeds};
use crate::run::plan::variant_group_name;
use crate::run::study::NamedFigure;
use ndarray::Axis as Dim;

/// `convergence`.
///
/// # Errors
/// Records that are missing or damaged.
pub(super) fn figures(folder: &RunFolder) -> Result<Vec<NamedFigure>, FiguresError> {
    let (records, record) = (Records::read(folder)?, ConvergenceRecord::read(folder)?);
    let arrays = ConvergenceArrays::read_from(folder)?;
    if [record.fractions.len(), record.levels.len()] != [arrays.levels.len(); 2] {
        let problem = "its levels are not those of the arrays in convergence.npz".into();
        return Err(RecordError::Manifest { path: folder.file("records/convergence.json"), problem }.into());
    }
    let mut panels = vec![against_time(&records, &record)];
    panels.extend(against_steps(&records, &record));
    panels.push(passages(&record, &arrays));
    panels.extend(distance(&records));
    let mut figure = Figure::double_column();
    figure.height_in *= 1.1 * panels.len().div_ceil(2) as f64;
    figure.panels = panels;
    Ok(vec![("convergence".into(), figure)])
}

/// The variants: index, group of networks, whether they are expected to stall.
fn variants<'a>(
    records: &'a Records,
    record: &'a ConvergenceRecord,
) -> impl Iterator<Item = (usize, &'a GroupRecord, bool)> {
    record.variants.iter().enumerate().filter_map(|(v, (name, stalls))| {
        let group = records.groups.group(&variant_group_name(name))?;
        Some((v, group, *stalls))
    })
}

/// Risk against time of every width, of the limit and of every variant.
fn against_time(records: &Records, record: &ConvergenceRecord) -> Panel {
    let mut panel = Panel::new(Axis::linear("time t = kε"), Axis::log10("risk R")).legend(Legend::Below);
    panel.marks = by_width(records, Measure::Risk);
    if let Some(limit) = limit(records, Measure::Risk) {
        panel = panel.with(limit);
    }
    for (v, group, stalls) in variants(records, record) {
        let Some(risk) = risk(records, group) else { continue };
        let name = &record.variants[v].0;
        let label = if stalls { format!("{name} (expected to stall)") } else { name.clone() };
        panel = panel.with(Mark::line(records.times(), risk, Colour::Series(2 + v), dash(v)).label(label));
    }
    if let Some(limit) = record.rates.first() {
        panel = panel.title(law(limit));
    }
    panel
}

/// The dash of a variant, other than those of the widths and of the limit.
fn dash(variant: usize) -> Dash {
    const DASHES: [Dash; 5] = [Dash::DashDot, Dash::LongDash, Dash::DashDotDot, Dash::ShortDash, Dash::Dotted];
    DASHES[variant % DASHES.len()]
}

/// The better of the two laws of the late risk of the limit, as text.
fn law(rate: &RateRecord) -> String {
    let exponential = number(-rate.rate).map(|rate| format!("exp({rate} t)"));
    let power = number(rate.power).map(|power| format!("t^{{{power}}}"));
    let laws = match (exponential, power) {
        (Some(exponential), Some(power)) => {
            if rate.exponential_residual.is_nan() || rate.power_residual.is_nan() {
                // A single series has no residuals over seeds to compare: both laws are given.
                format!("{exponential} or {power}")
            } else if rate.exponential_residual <= rate.power_residual {
                exponential
            } else {
                power
            }
        }
        (Some(law), None) | (None, Some(law)) => law,
        (None, None) => "not fitted".into(),
    };
    format!("late risk of the limit: {laws}")
}

/// The risk of a group of one width, mean over seeds.
fn risk(records: &Records, group: &GroupRecord) -> Option<Vec<f64>> {
    Some(mean_over_seeds(records.measure(group, Measure::Risk)?.index_axis(Dim(0), 0)))
}

/// Risk against the number of steps, of variants and of the networks of the same width; `None` where all steps are
/// equal.
fn against_steps(records: &Records, record: &ConvergenceRecord) -> Option<Panel> {
    let base = records.widths()?;
    let variants: Vec<_> = variants(records, record).filter(|(_, _, stalls)| !stalls).collect();
    let (_, first, _) = variants.first()?;
    if variants.iter().all(|(_, group, _)| group.step == base.step) {
        return None;
    }
    let steps = |step: f64| records.times().iter().map(|t| t / step).collect::<Vec<f64>>();
    let mut panel = Panel::new(Axis::linear("steps k").counts(), Axis::log10("risk R"))
        .title(format!("N = {}, equal steps", first.width))
        .legend(Legend::Below);
    if let Some(w) = base.values.iter().position(|&n| n == first.width as f64) {
        let of_width = records.measure(base, Measure::Risk)?;
        let line = mean_over_seeds(of_width.index_axis(Dim(0), w));
        panel = panel.with(Mark::line(steps(base.step), line, Colour::Series(0), Dash::Solid).label("main dynamics"));
    }
    let texts = parameters(&variants.iter().map(|(_, group, _)| group.step).collect::<Vec<f64>>());
    for ((v, group, _), step) in variants.into_iter().zip(texts) {
        let name = &record.variants[v].0;
        let line = Mark::line(steps(group.step), risk(records, group)?, Colour::Series(2 + v), dash(v));
        panel = panel.with(line.label(name));
        if group.step != base.step {
            panel = panel.note(format!("{name}: ε = {step}"));
        }
    }
    Some(panel)
}

/// The entry of the first passages of the limit; the shared legend has one of its risk.
const OF_LIMIT: &str = "of the limit";

/// First passage times against the width, as means with 95 % intervals over the networks that reach the level, with
/// those of the limit.
fn passages(record: &ConvergenceRecord, arrays: &ConvergenceArrays) -> Panel {
    let widths = arrays.widths.to_vec();
    let mut panel = Panel::new(Axis::log2("width N").counts(), Axis::linear("time to a part of the decrease"))
        .title("first passages: mean, 95 % interval");
    let mut limits = Vec::new();
    let (fractions, levels) = (parameters(&record.fractions), numbers(&record.levels));
    for (l, (fraction, level)) in fractions.into_iter().zip(levels).enumerate() {
        let (colour, marker, _) = style::series(l);
        let of_width = |w: usize| arrays.passage.index_axis(Dim(0), w).index_axis_move(Dim(1), l).to_vec();
        let (mean, ends): (Vec<f64>, Vec<(f64, f64)>) = (0..widths.len())
            .map(|w| mean_interval(of_width(w)))
            .map(|(low, high)| (0.5 * (low + high), (low, high)))
            .unzip();
        let level = level.map_or_else(String::new, |level| format!(", R = {level}"));
        let points = Mark::points(widths.clone(), mean, colour, marker).error(ends);
        panel = panel.with(points.label(format!("{fraction}{level}")));
        limits.push(Mark::horizontal(arrays.limit_passage[l], colour, Dash::Dotted).label(OF_LIMIT));
    }
    panel.marks.extend(limits);
    let missing = arrays.passage.iter().filter(|time| !time.is_finite()).count();
    if missing > 0 {
        panel = panel.note(format!("{missing} of {} passages not within the horizon", arrays.passage.len()));
    }
    panel.if_empty("no network reaches a level within the horizon")
}

/// Sliced Wasserstein distance from the limit against time; `None` where it was not recorded, as without a study of the
/// gap.
fn distance(records: &Records) -> Option<Panel> {
    let recorded = records.measure(records.widths()?, Measure::Wasserstein)?;
    if !recorded.iter().any(|distance| distance.is_finite()) {
        return None;
    }
    let mut panel = Panel::new(Axis::linear("time t = kε"), Axis::log10("sliced W_{2}(ρ_{N}, ρ)"));
    panel.marks = by_width(records, Measure::Wasserstein);
    Some(panel.legend(Legend::Below))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array3};

    fn rate(rate: f64, power: f64, residuals: (f64, f64)) -> RateRecord {
        RateRecord {
            name: "limit".into(),
            rate,
            rate_interval: None,
            exponential_residual: residuals.0,
            power,
            power_interval: None,
            power_residual: residuals.1,
        }
    }

    #[test]
    fn a_law_that_was_not_fitted_has_no_number() {
        let nan = f64::NAN;
        for (record, words) in [
            (rate(nan, nan, (nan, nan)), "not fitted"),
            (rate(0.5, -1.5, (nan, nan)), "exp(−0.500 t) or t^{−1.500}"),
            (rate(0.5, -1.5, (0.1, 0.2)), "exp(−0.500 t)"),
            (rate(0.5, -1.5, (0.2, 0.1)), "t^{−1.500}"),
            (rate(0.5, f64::NEG_INFINITY, (0.2, 0.1)), "exp(−0.500 t)"),
        ] {
            assert_eq!(law(&record).rsplit(": ").next(), Some(words));
        }
    }

    /// Two seeds that reach every level, at 1 and 3, and a width none of whose seeds does.
    #[test]
    fn passages_have_distinct_labels_and_intervals() {
        let record = ConvergenceRecord {
            fractions: vec![0.5, 0.2, 0.1],
            levels: vec![2.131e-5, 2.132e-5, f64::NAN],
            rates: Vec::new(),
            variants: Vec::new(),
            fits: Vec::new(),
        };
        let passage =
            Array3::from_shape_fn((2, 2, 3), |(w, s, _)| if w == 0 { 1.0 + 2.0 * s as f64 } else { f64::NAN });
        let arrays = ConvergenceArrays {
            levels: Array1::from(record.levels.clone()),
            limit_passage: Array1::from(vec![2.0, 2.0, f64::NAN]),
            widths: Array1::from(vec![8.0, 16.0]),
            passage,
        };
        let panel = passages(&record, &arrays);
        let mut labels: Vec<&str> =
            panel.marks.iter().filter_map(Mark::label_text).filter(|l| *l != OF_LIMIT).collect();
        assert_eq!(labels[2], "0.1");
        assert!(labels[0].ends_with("R = 2.131×10^{−5}") && labels[1].ends_with("R = 2.132×10^{−5}"), "{labels:?}");
        labels.dedup();
        assert_eq!(labels.len(), 3);
        let Mark::Points { y, error: Some(ends), .. } = &panel.marks[0] else { panic!("{:?}", panel.marks[0]) };
        assert!((y[0] - 2.0).abs() < 1e-12);
        // Standard error 1, the 97.5 % quantile of Student's t with one degree of freedom is 12.706205.
        assert!((ends[0].0 - (2.0 - 12.706_205)).abs() < 1e-4, "{ends:?}");
        assert!(y[1].is_nan());
        assert_eq!(panel.notes, ["6 of 12 passages not within the horizon"]);
    }
}
