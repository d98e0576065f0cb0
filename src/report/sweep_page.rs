//! The page of a sweep: its table and figures, the checks of its statements, and links to the reports of its points.

use super::ReportError;
use super::page::{environment, require_report, style};
use super::sections::{CheckView, FigureView, figure_element, view};
use super::sweep_table::{TextTable, points, verdicts};
use crate::analysis::verdict::{Check, CheckSection, Verdict};
use crate::analysis::verdict_counts::VerdictCounts;
use crate::record::{Build, CHECKS, REPORT, RunFolder, VaryRecord, write_atomically};
use crate::run::figures;
use crate::run::vary::{point_folder, require_complete};
use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What the template shows.
#[derive(Clone, Debug, Serialize)]
struct SweepPage {
    title: String,
    /// The experiment and its title.
    heading: String,
    /// How many statements of the theory hold, fail and are not resolved at all points together.
    theory: String,
    points: Vec<PointView>,
    quantities: TextTable,
    verdicts: TextTable,
    /// The checks of the statements about the points.
    checks: Vec<CheckView>,
    figures: Vec<FigureView>,
    folder: String,
    style: String,
    version: String,
}

/// A point of the page.
#[derive(Clone, Debug, Serialize)]
struct PointView {
    name: String,
    /// The address of its report; empty where it has none.
    report: String,
    /// The checks that fail.
    failing: Vec<String>,
}

/// Writes the report of a complete sweep into its folder, as `report.html`; returns the file.
///
/// # Errors
/// As [`write_sweep_to`].
pub fn write_sweep(path: &Path) -> Result<PathBuf, ReportError> {
    let file = path.join(REPORT);
    write_sweep_to(path, &file)?;
    Ok(file)
}

/// Writes the report of the sweep in the folder `path` to a file, which appears whole or not at all.
///
/// # Errors
/// A sweep that is unfinished, records that are missing or damaged, a file that is not a report or cannot be written.
pub fn write_sweep_to(path: &Path, file: &Path) -> Result<(), ReportError> {
    require_report(file)?;
    let folder = require_complete(path)?;
    let record = VaryRecord::read(&folder)?;
    let checks: Vec<Check> = folder.read_json(CHECKS)?;
    let page = page(&folder, &record, &checks, file)?;
    let text = environment()?.get_template("sweep.html.jinja")?.render(Value::from(Serde(page)))?;
    let io = |source| ReportError::Io { path: file.into(), source };
    write_atomically(file, |out| out.write_all(text.as_bytes())).map_err(io)
}

fn page(folder: &RunFolder, record: &VaryRecord, checks: &[Check], file: &Path) -> Result<SweepPage, ReportError> {
    let inside = file.parent() == Some(folder.path());
    let at = if inside { String::new() } else { format!("{}/", folder.path().display()) };
    let point = |point: &crate::record::PointRecord| {
        let report = format!("{}/{REPORT}", point_folder(&point.name));
        let failing = point.checks.iter().filter(|check| check.verdict == Verdict::Fails);
        PointView {
            name: point.name.clone(),
            report: if folder.file(&report).is_file() { address(&format!("{at}{report}")) } else { String::new() },
            failing: failing.map(|check| check.name.clone()).collect(),
        }
    };
    let title = title(folder, record)?;
    let figures: Result<Vec<FigureView>, ReportError> = figures::vary::figures(record)
        .into_iter()
        .map(|(name, figure)| {
            let caption = figure.about.text.clone();
            figure_element(&name, &figure, 1.0, &caption, "")
        })
        .collect();
    let of_points = record.points.iter().flat_map(|point| &point.checks);
    let theory = of_points.filter(|check| check.section == CheckSection::Theory).map(|check| check.verdict);
    Ok(SweepPage {
        title: record.experiment.clone(),
        heading: if title.is_empty() { record.experiment.clone() } else { format!("{}: {title}", record.experiment) },
        theory: VerdictCounts::of_verdicts(theory).to_string(),
        points: record.points.iter().map(point).collect(),
        quantities: points(record),
        verdicts: verdicts(record),
        checks: checks.iter().map(|check| view(check, "")).collect(),
        figures: figures?,
        folder: if inside { ".".into() } else { folder.path().display().to_string() },
        style: style(),
        version: Build::present().version,
    })
}

/// The title of the experiment, which all points have.
fn title(folder: &RunFolder, record: &VaryRecord) -> Result<String, ReportError> {
    let Some(first) = record.points.first() else { return Ok(String::new()) };
    let manifest = RunFolder::existing(&folder.file(&point_folder(&first.name)))?.manifest()?;
    Ok(manifest.experiment.get("title").and_then(serde_json::Value::as_str).unwrap_or_default().into())
}

/// A relative path as an address: every byte that has a meaning in addresses, or is not ASCII, by its number.
fn address(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/=,+".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_have_no_other_meaning() {
        assert_eq!(address("points/a.b=1,c=2/report.html"), "points/a.b=1,c=2/report.html");
        assert_eq!(address("a b/50%/ä#1?"), "a%20b/50%25/%C3%A4%231%3F");
    }
}
