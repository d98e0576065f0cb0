//! The figure of a measurement of coverage: the coverage of the intervals of every check, and the rates of its verdicts.

use super::super::context::FiguresError;
use crate::analysis::coverage::{COVERAGE_RANGE, CheckRates};
use crate::analysis::verdict::CheckSection;
use crate::figure::{Axis, Colour, Dash, Figure, Legend, Mark, Marker, Panel, write};
use crate::record::{CoverageRecord, RunFolder};
use std::path::PathBuf;

/// Draws `figures/coverage` as SVG, PNG and PDF.
///
/// # Errors
/// Files that cannot be written.
pub fn draw(record: &CoverageRecord, folder: &RunFolder) -> Result<Vec<PathBuf>, FiguresError> {
    Ok(write(&figure(record), &folder.file("figures/coverage"))?)
}

/// Two panels with one position per check of the theory.
fn figure(record: &CoverageRecord) -> Figure {
    let checks: Vec<&CheckRates> =
        record.rates.checks.iter().filter(|check| check.section == CheckSection::Theory).collect();
    let mut figure = Figure::double_column();
    figure.panels = vec![coverage(&checks), verdicts(&checks, record.rates.runs)];
    figure.about.title = "coverage".into();
    figure.about.text = "Coverage of the intervals and rates of the verdicts of every check of the theory.".into();
    figure
}

/// The coverage of the single intervals, each with its own interval, and the range in which it must lie.
fn coverage(checks: &[&CheckRates]) -> Panel {
    let (mut x, mut y, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for (position, check) in checks.iter().enumerate() {
        let Some(intervals) = &check.intervals else { continue };
        x.push(position as f64 + 1.0);
        y.push(intervals.positions[0] as f64 / intervals.runs as f64);
        ends.push(intervals.coverage_interval);
    }
    let edge = [0.0, checks.len() as f64 + 1.0];
    let (low, high) = COVERAGE_RANGE;
    Panel::new(
        Axis::linear("check, by its number in the table").counts(),
        Axis::linear("coverage of the 95 % interval"),
    )
    .with(Mark::band(edge.to_vec(), vec![low; 2], vec![high; 2], Colour::Grey(180)).label("93 to 97 %"))
    .with(Mark::points(x, y, Colour::Series(0), Marker::Circle).error(ends))
    .legend(Legend::Automatic)
}

/// The rates of the verdicts.
fn verdicts(checks: &[&CheckRates], runs: usize) -> Panel {
    let x: Vec<f64> = (1..=checks.len()).map(|position| position as f64).collect();
    let rates = |verdict: usize| checks.iter().map(|c| c.verdicts[verdict] as f64 / runs as f64).collect::<Vec<f64>>();
    let markers = [Marker::Circle, Marker::Triangle, Marker::Square];
    let mut panel =
        Panel::new(Axis::linear("check, by its number in the table").counts(), Axis::linear("share of runs"));
    for (verdict, name) in ["holds", "fails", "not resolved"].into_iter().enumerate() {
        let points = Mark::points(x.clone(), rates(verdict), Colour::Series(verdict), markers[verdict]);
        panel = panel.with(points.label(name));
    }
    let edge = vec![0.0, checks.len() as f64 + 1.0];
    panel.with(Mark::line(edge, vec![0.05; 2], Colour::Grey(140), Dash::Dotted).label("5 %")).legend(Legend::Below)
}
