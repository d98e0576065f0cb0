//! `widelimit check`: prints the checks of a run as a table.

use anyhow::ensure;
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde::Deserialize;
use std::path::Path;
use std::process::ExitCode;
use widelimit::analysis::verdict::{Check, Verdict};
use widelimit::record::{RunFolder, RunKind};

/// Prints the checks of a run; exit status 1 where one fails.
pub fn run(run: &Path) -> anyhow::Result<ExitCode> {
    let folder = RunFolder::existing(run)?;
    folder.require_complete()?;
    let checks: Vec<Check> = folder.read_json("checks.json")?;
    require_all(&folder, checks.len())?;
    println!("{}", table(&checks));
    Ok(ExitCode::from(u8::from(checks.iter().any(|check| check.verdict == Verdict::Fails))))
}

/// What manifests of every format, and of earlier versions, tell about the checks.
#[derive(Deserialize)]
struct Expected {
    /// Their number.
    checks: Option<usize>,
    /// The kind of the run; runs of training have checks in any case.
    kind: Option<RunKind>,
}

/// Checks that the list of checks is as long as it was when the run was completed.
fn require_all(folder: &RunFolder, found: usize) -> anyhow::Result<()> {
    let Expected { checks, kind } = folder.read_json("manifest.json")?;
    let whole = checks.map_or(found > 0 || kind == Some(RunKind::Recovery), |expected| expected == found);
    let expected = checks.map_or("at least one".into(), |expected| expected.to_string());
    ensure!(
        whole,
        "{}: {found} checks, and the run has {expected}; the file is damaged: run the experiment again with --force",
        folder.file("checks.json").display()
    );
    Ok(())
}

/// Width of the table in characters, where the output is not a terminal.
const DEFAULT_WIDTH: u16 = 110;

/// The checks as a table.
pub fn table(checks: &[Check]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["check", "statement", "measured", "expected", "verdict"]);
    if table.width().is_none() {
        table.set_width(DEFAULT_WIDTH);
    }
    for check in checks {
        let interval = check.interval.map(|(low, high)| format!("\n[{low:.3}, {high:.3}]")).unwrap_or_default();
        let verdict = Cell::new(check.verdict.to_string());
        let mut statement = check.statement.clone();
        if check.verdict != Verdict::Holds {
            statement += &format!("\n-> {}", check.detail);
        }
        table.add_row([
            Cell::new(&check.name),
            Cell::new(statement),
            Cell::new(format!("{}{interval}", short(check.measured))),
            Cell::new(check.expected.map(short).unwrap_or_default()),
            if check.verdict == Verdict::Holds { verdict } else { verdict.add_attribute(Attribute::Bold) },
        ]);
    }
    table
}

/// A number in short notation.
fn short(value: f64) -> String {
    match value.abs() {
        size if size.is_nan() => "-".into(),
        0.0 => "0".into(),
        size if (1e-3..1e4).contains(&size) => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    }
}
