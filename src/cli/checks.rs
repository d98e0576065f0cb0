//! `widelimit check`: prints the checks of a run as a table.

use anyhow::ensure;
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde::Deserialize;
use std::path::Path;
use std::process::ExitCode;
use widelimit::analysis::verdict::{Check, Verdict};
use widelimit::number::text::measured;
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
    println!("{}", table(&checks));
    Ok(ExitCode::from(u8::from(checks.iter().any(|check| check.verdict == Verdict::Fails))))
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
        let interval =
            check.interval.map(|(low, high)| format!("\n[{}, {}]", measured(low), measured(high))).unwrap_or_default();
        let verdict = Cell::new(check.verdict.to_string());
        let mut statement = check.statement.clone();
        if check.verdict != Verdict::Holds {
            statement += &format!("\n-> {}", check.detail);
        }
        table.add_row([
            Cell::new(&check.name),
            Cell::new(statement),
            Cell::new(format!("{}{interval}", measured(check.measured))),
            Cell::new(check.expected.map(measured).unwrap_or_default()),
            if check.verdict == Verdict::Holds { verdict } else { verdict.add_attribute(Attribute::Bold) },
        ]);
    }
    table
}
