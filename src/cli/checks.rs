//! `widelimit check`: prints the checks of a run as a table.

use super::output::line;
use anyhow::ensure;
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde::Deserialize;
use std::path::Path;
use std::process::ExitCode;
use widelimit::analysis::verdict::{Check, Verdict};
use widelimit::record::{RunFolder, Status};

/// The status in a manifest, which run folders of every format have.
#[derive(Deserialize)]
struct RunStatus {
    status: Status,
}

/// Prints the checks of a run; exit status 1 where one fails.
pub fn run(run: &Path) -> anyhow::Result<ExitCode> {
    let folder = RunFolder::existing(run)?;
    let RunStatus { status } = folder.read_json("manifest.json")?;
    ensure!(status == Status::Complete, "{} is {status}; finish it with `widelimit run ... --resume`", run.display());
    let checks: Vec<Check> = folder.read_json("checks.json")?;
    line(table(&checks))?;
    Ok(ExitCode::from(u8::from(checks.iter().any(|check| check.verdict == Verdict::Fails))))
}

/// Width of the table in characters, where the output is not a terminal, or one of unknown width.
const DEFAULT_WIDTH: u16 = 110;

/// The width of a table on a terminal of this width; some terminals of unknown width state 0.
fn usable_width(terminal: Option<u16>) -> u16 {
    terminal.filter(|&width| width > 0).unwrap_or(DEFAULT_WIDTH)
}

/// The checks as a table.
pub fn table(checks: &[Check]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["check", "statement", "measured", "expected", "verdict"]);
    table.set_width(usable_width(table.width()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_of_width_0_is_one_of_unknown_width() {
        assert_eq!([None, Some(0), Some(40)].map(usable_width), [DEFAULT_WIDTH, DEFAULT_WIDTH, 40]);
    }
}
