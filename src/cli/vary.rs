//! A sweep over keys on the command line: running it, and its tables.

use super::checks;
use super::json;
use super::output::{line, note};
use super::run::{INTERRUPT, RunArgs};
use super::table;
use comfy_table::{Cell, CellAlignment};
use std::path::Path;
use std::process::ExitCode;
use widelimit::analysis::verdict::{Check, Verdict};
use widelimit::config::AnyExperiment;
use widelimit::config::vary::Varied;
use widelimit::number::text::{given, measured};
use widelimit::record::{CHECKS, PointRecord, QuantityRecord, RunFolder, VaryRecord};
use widelimit::run::default_folder;
use widelimit::run::vary::{VaryReport, require_complete};

/// Most points whose verdicts are shown check by check.
const MAX_COLUMNS: usize = 12;

/// Runs all points. Exit status: 0 when complete (with `--strict` 1 where a check fails), 130 when interrupted.
pub fn run(args: RunArgs, varied: &Varied<AnyExperiment>) -> anyhow::Result<ExitCode> {
    let first = &varied.points[0].experiment;
    let out = args.out.clone().unwrap_or_else(|| default_folder(first.name()));
    if !args.quiet && !first.title().is_empty() {
        note(format!("{}: {}", first.name(), first.title()));
    }
    match widelimit::run_varied(varied, &args.options(out.clone()), &INTERRUPT)? {
        VaryReport::Interrupted { complete } => {
            if args.json {
                json::interrupted_sweep(&out, complete)?;
            }
            let points = varied.points.len();
            note(format!("interrupted; {complete} of {points} points are complete in {}", out.display()));
            note("to continue, run the same command with --resume");
            Ok(ExitCode::from(130))
        }
        VaryReport::Complete { record, checks, figures, shared } => {
            let code = ExitCode::from(u8::from(args.strict && any_fails(&record, &checks)));
            if args.json {
                json::sweep("run", &out, &record, &checks)?;
                return Ok(code);
            }
            print(&record, &checks)?;
            if shared > 0 {
                line(format!("{shared} solutions of the limit are those of another point, and were read from there"))?;
            }
            line(format!("records: {}", out.join("records").display()))?;
            line(format!("points: {}", out.join("points").display()))?;
            line("figures:")?;
            for path in figures.iter().filter(|path| path.extension().is_some_and(|e| e == "svg")) {
                line(format!("  {} (and .png, .pdf)", path.display()))?;
            }
            Ok(code)
        }
    }
}

/// Prints the table and the checks of a complete sweep; exit status 1 where one of them, or one of a point, fails.
pub fn check(path: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let folder: RunFolder = require_complete(path)?;
    let record = VaryRecord::read(&folder)?;
    let own: Vec<Check> = folder.read_json(CHECKS)?;
    if json {
        json::sweep("check", path, &record, &own)?;
    } else {
        print(&record, &own)?;
    }
    Ok(ExitCode::from(u8::from(any_fails(&record, &own))))
}

/// Whether a check of the sweep, or of one of its points, fails.
fn any_fails(record: &VaryRecord, own: &[Check]) -> bool {
    let mut of_points = record.points.iter().flat_map(|point| &point.checks).map(|check| check.verdict);
    of_points.any(|verdict| verdict == Verdict::Fails) || checks::any_fails(own)
}

/// Prints the table of the points, the verdicts of their checks, and the checks of the statements about them.
fn print(record: &VaryRecord, checks: &[Check]) -> anyhow::Result<()> {
    line("Points")?;
    line(points(record))?;
    line("Verdicts of the checks of the points (+ holds, ! fails, . not resolved)")?;
    line(verdicts(record))?;
    if !checks.is_empty() {
        line(checks::tables(checks))?;
        line(checks::summary(checks))?;
    }
    Ok(())
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A value of a key.
fn value(value: &serde_json::Value) -> String {
    value.as_f64().map(given).or(value.as_str().map(String::from)).unwrap_or_else(|| value.to_string())
}

/// One row per point: the values of the keys, and the quantities, of which every width has one, at the largest width.
fn points(record: &VaryRecord) -> String {
    let mut shown: Vec<&QuantityRecord> = Vec::new();
    for quantity in &record.quantities {
        shown.retain(|other| other.name != quantity.name);
        shown.push(quantity);
    }
    let mut table = table::table();
    let name = |quantity: &&QuantityRecord| match quantity.width {
        Some(width) => format!("{}, N = {width}", quantity.name),
        None => quantity.name.clone(),
    };
    let header = [String::new()].into_iter().chain(record.keys.iter().cloned()).chain(shown.iter().map(name));
    table.set_header(header);
    for (i, point) in record.points.iter().enumerate() {
        let quantity = |quantity: &&QuantityRecord| {
            let point = &quantity.points[i];
            let interval = point.interval.map(|(low, high)| format!("\n[{}, {}]", measured(low), measured(high)));
            right(format!("{}{}", measured(point.value), interval.unwrap_or_default()))
        };
        let keys = point.values.iter().map(|v| right(value(v)));
        table.add_row([right((i + 1).to_string())].into_iter().chain(keys).chain(shown.iter().map(quantity)));
    }
    table::text(table)
}

/// One row per check, one column per point; with many points, their counts.
fn verdicts(record: &VaryRecord) -> String {
    let mark = |verdict: Verdict| match verdict {
        Verdict::Holds => "+",
        Verdict::Fails => "!",
        Verdict::NotResolved => ".",
    };
    let of = |point: &PointRecord, name: &str| {
        point.checks.iter().find(|check| check.name == name).map(|check| check.verdict)
    };
    let mut names: Vec<&str> = Vec::new();
    for check in record.points.iter().flat_map(|point| &point.checks) {
        if !names.contains(&check.name.as_str()) {
            names.push(&check.name);
        }
    }
    let mut table = table::table();
    if record.points.len() <= MAX_COLUMNS {
        let numbers = (1..=record.points.len()).map(|i| i.to_string());
        table.set_header(["check".to_string()].into_iter().chain(numbers));
        for name in names {
            let marks = record.points.iter().map(|point| of(point, name).map_or("", mark).to_string());
            table.add_row([name.to_string()].into_iter().chain(marks));
        }
        return table::text(table);
    }
    table.set_header(["check", "holds", "fails", "not resolved"]);
    for name in names {
        let count = |verdict| record.points.iter().filter(|point| of(point, name) == Some(verdict)).count().to_string();
        let counts = [Verdict::Holds, Verdict::Fails, Verdict::NotResolved].map(count);
        table.add_row([name.to_string()].into_iter().chain(counts));
    }
    table::text(table)
}
