//! `widelimit compare`: the main quantities of several runs in one figure and one table.

use super::output::line;
use super::report::open;
use super::table;
use std::path::PathBuf;
use std::process::ExitCode;
use widelimit::record::require_place_of_files;
use widelimit::report::comparison::{NAME, RunComparison, compare};

/// Arguments of `widelimit compare`.
#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    /// Folders of the runs, at least two
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Folder for comparison.svg, .png, .pdf and .csv
    #[arg(long, value_name = "DIR", default_value = NAME)]
    out: PathBuf,
}

/// Compares the runs, writes figure and table, and prints the table.
pub fn run(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    require_place_of_files(&args.out)?;
    let comparison = compare(open(&args.runs)?)?;
    let files = comparison.write(&args.out)?;
    for ((name, label), verdicts) in comparison.names.iter().zip(&comparison.labels).zip(&comparison.verdicts) {
        line(format!("{name}: {label}; {verdicts}"))?;
    }
    line(quantities(&comparison))?;
    for note in comparison.notes() {
        line(table::paragraph(note))?;
    }
    for path in files {
        line(path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A row for every quantity, a column for every run.
fn quantities(comparison: &RunComparison) -> String {
    let mut table = table::table();
    table.set_header(["quantity", "at"].into_iter().chain(comparison.labels.iter().map(String::as_str)));
    for row in comparison.rows() {
        table.add_row([row.quantity, row.at].into_iter().chain(row.values));
    }
    table::text(table)
}
