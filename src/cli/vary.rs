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
use widelimit::record::{CHECKS, RunFolder, VaryRecord};
use widelimit::report::sweep_table::{TextTable, points, verdicts};
use widelimit::run::vary::{VaryReport, require_complete};
use widelimit::run::{Part, default_folder};

/// Computes all points, or a part of them. Exit status: 0 when complete (with `--strict` 1 where a check fails), 130 when
/// interrupted.
pub fn run(args: RunArgs, varied: &Varied<AnyExperiment>) -> anyhow::Result<ExitCode> {
    let first = &varied.points[0].experiment;
    let out = args.out.clone().unwrap_or_else(|| default_folder(first.name()));
    if !args.quiet && !first.title().is_empty() {
        note(format!("{}: {}", first.name(), first.title()));
    }
    let part = args.part();
    let ran = widelimit::run_varied_part(varied, &args.options(out.clone()), part, &INTERRUPT);
    match ran.map_err(|error| args.with_commands(error))? {
        VaryReport::Interrupted { complete } => {
            if args.json {
                json::interrupted_sweep(&out, matches!(part, Part::Whole | Part::Finish).then_some(complete))?;
            }
            print_interrupted(&out, part, complete, varied.points.len());
            Ok(ExitCode::from(130))
        }
        VaryReport::PartComplete { part, before, pieces, shared } => {
            if args.json {
                json::sweep_part(&out, before)?;
            } else {
                print_shared(shared)?;
                print_part(&out, part, before, (pieces, varied.points.len()))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        VaryReport::Complete { record, checks, figures, shared } => {
            let code = ExitCode::from(u8::from(args.strict && any_fails(&record, &checks)));
            if args.json {
                json::sweep("run", &out, &record, &checks)?;
                return Ok(code);
            }
            print(&record, &checks)?;
            print_shared(shared)?;
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

/// Prints how many solutions of the limit were not computed.
fn print_shared(shared: usize) -> anyhow::Result<()> {
    match shared {
        0 => Ok(()),
        _ => line(format!("{shared} solutions of the limit are those of another point, and were read from there")),
    }
}

/// Prints that a part of a sweep was interrupted, and how it is continued.
fn print_interrupted(out: &Path, part: Part, complete: usize, points: usize) {
    let folder = out.display();
    match part {
        Part::Shard(shard) => note(format!("shard {shard} interrupted; everything so far is saved in {folder}")),
        Part::Limit => note(format!("interrupted; the limit of {complete} of {points} points is complete in {folder}")),
        Part::Whole | Part::Finish => {
            note(format!("interrupted; {complete} of {points} points are complete in {folder}"))
        }
    }
    let advice = match part {
        Part::Whole | Part::Limit => "run the same command with --resume",
        Part::Shard(_) | Part::Finish => "run the same command again",
    };
    note(format!("to continue, {advice}"));
}

/// Prints that a part of a sweep is complete.
fn print_part(out: &Path, part: Part, before: bool, (pieces, points): (usize, usize)) -> anyhow::Result<()> {
    let (done, folder) = (if before { "; nothing to do" } else { "" }, out.display());
    line(match part {
        Part::Shard(shard) if pieces == 0 => {
            format!("shard {shard} of {folder} is empty: the points have fewer parts than there are shards")
        }
        Part::Shard(shard) => format!("shard {shard} of {folder} is complete{done}"),
        _ => format!("the limit of {points} points of {folder} is complete; shards may be computed: --shard I/N"),
    })
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
    line(table_of(points(record), false))?;
    line("Verdicts of the checks of the points (+ holds, ! fails, . not resolved)")?;
    line(table_of(verdicts(record), true))?;
    if !checks.is_empty() {
        line(checks::tables(checks))?;
        line(checks::summary(checks))?;
    }
    Ok(())
}

/// A table; numbers are at the right.
fn table_of(found: TextTable, left: bool) -> String {
    let mut table = table::table();
    table.set_header(found.header);
    for row in found.rows {
        let cell =
            |text: String| Cell::new(text).set_alignment(if left { CellAlignment::Left } else { CellAlignment::Right });
        table.add_row(row.into_iter().map(cell));
    }
    table::text(table)
}
