//! `widelimit check`: prints the checks of a run as a table.

use super::json;
use super::output::line;
use super::table;
use comfy_table::{Attribute, Cell};
use std::path::Path;
use std::process::ExitCode;
use widelimit::analysis::verdict::{Check, CheckSection, Verdict};
use widelimit::analysis::verdict_counts::verdict_line;
use widelimit::number::text::measured;
use widelimit::record::{CoverageRecord, RunFolder};
use widelimit::report::run_view::joint;
use widelimit::run::{coverage, vary};

/// Prints the checks of a run; exit status 1 where one fails. Of a sweep, prints its tables too; of a measurement of
/// coverage, the rates.
pub fn run(run: &Path, json: bool) -> anyhow::Result<ExitCode> {
    if let Some(folder) = coverage::folder_at(run) {
        let record = CoverageRecord::read(&folder)?;
        if json {
            json::coverage_record(run, &record)?;
        } else {
            super::coverage::print(&record)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if vary::folder_at(run).is_some() {
        return super::vary::check(run, json);
    }
    let checks = RunFolder::existing(run)?.verified_checks()?;
    if json {
        json::checks(run, &checks)?;
    } else {
        line(tables(&checks))?;
        line(summary(&checks))?;
    }
    Ok(ExitCode::from(u8::from(any_fails(&checks))))
}

/// Whether a check fails.
pub fn any_fails(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.verdict == Verdict::Fails)
}

/// The checks as tables, those of the theory before those of the program.
pub fn tables(checks: &[Check]) -> String {
    let of =
        |section: CheckSection| -> Vec<&Check> { checks.iter().filter(|check| check.section == section).collect() };
    let (theory, program) = (of(CheckSection::Theory), of(CheckSection::Program));
    let mut parts = Vec::new();
    if !theory.is_empty() {
        parts.push(format!("Statements of the theory\n{}", section_table(&theory, true)));
    }
    if !program.is_empty() {
        parts.push(format!(
            "Identities and tolerances, which test the program and not the theory\n{}",
            section_table(&program, false)
        ));
    }
    parts.join("\n")
}

/// The counts of verdicts, and the level of the joint ones.
pub fn summary(checks: &[Check]) -> String {
    let joint = joint(checks).map(|text| format!("\n{text}")).unwrap_or_default();
    format!("{}{joint}", verdict_line(checks))
}

/// The checks of a section as a table; `joint` adds the column of the joint intervals.
fn section_table(checks: &[&Check], joint: bool) -> String {
    let mut table = table::table();
    let header = ["check", "statement", "measured", "joint interval", "expected", "verdict"];
    table.set_header(header.iter().filter(|title| joint || **title != "joint interval"));
    for check in checks {
        let interval = |interval: Option<(f64, f64)>| {
            interval.map(|(low, high)| format!("[{}, {}]", measured(low), measured(high))).unwrap_or_default()
        };
        let verdict = Cell::new(check.verdict.to_string());
        let mut statement = check.statement.clone();
        if check.verdict != Verdict::Holds {
            statement += &format!("\n-> {}", check.detail);
        }
        let own = check.interval.map(|_| format!("\n{}", interval(check.interval))).unwrap_or_default();
        let mut cells = vec![
            Cell::new(&check.name),
            Cell::new(statement),
            Cell::new(format!("{}{own}", measured(check.measured))),
            Cell::new(interval(check.joint_interval)),
            Cell::new(check.expected.map(measured).unwrap_or_default()),
            if check.verdict == Verdict::Holds { verdict } else { verdict.add_attribute(Attribute::Bold) },
        ];
        if !joint {
            cells.remove(3);
        }
        table.add_row(cells);
    }
    table::text(table)
}
