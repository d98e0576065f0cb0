//! `widelimit coverage`: what the verdicts of an experiment are worth.

use super::json;
use super::output::{line, note};
use super::run::{INTERRUPT, RunArgs, handle_signals, prepare};
use super::table;
use comfy_table::{Cell, CellAlignment};
use std::process::ExitCode;
use widelimit::analysis::coverage::{COVERAGE_RANGE, CheckRates, CoverageRates};
use widelimit::analysis::proportion::wilson_interval;
use widelimit::analysis::verdict::CheckSection;
use widelimit::record::CoverageRecord;
use widelimit::run::Part;
use widelimit::run::coverage::{CoverageOptions, CoverageReport};

/// Arguments of `widelimit coverage`.
#[derive(Debug, clap::Args)]
pub struct CoverageArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Number of runs, with the seeds from that of the experiment on
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(2..=100_000))]
    seeds: u32,
}

impl CoverageArgs {
    /// Whether the answer is to be JSON.
    pub(super) fn json(&self) -> bool {
        self.run.json
    }
}

/// Measures coverage and verdicts over many seeds. Exit status: 0 when complete, 130 when interrupted.
pub fn run(args: CoverageArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.run.part() == Part::Whole,
        "--shard and --stage are of `widelimit run`: coverage has no parts"
    );
    anyhow::ensure!(!args.run.profile, "--profile is of `widelimit run`: coverage is not profiled");
    let experiment = prepare(&args.run)?.single(&args.run.experiment)?.experiment;
    let default = || widelimit::run::default_folder(&format!("coverage-{}", experiment.name()));
    let out = args.run.out.clone().unwrap_or_else(default);
    handle_signals()?;
    let options =
        CoverageOptions { out: out.clone(), seeds: args.seeds as usize, force: args.run.force, quiet: args.run.quiet };
    let report = widelimit::measure_coverage(&experiment, &options, &INTERRUPT)?;
    if args.json() {
        return json::coverage(&out, &report);
    }
    match report {
        CoverageReport::Interrupted { complete } => {
            note(format!("interrupted; {complete} of {} runs are saved in {}", args.seeds, out.display()));
            note("to continue, run the same command again");
            Ok(ExitCode::from(130))
        }
        CoverageReport::Complete { record, figures } => {
            print(&record)?;
            line(format!("record: {}", out.join("records/coverage.json").display()))?;
            for path in figures.iter().filter(|path| path.extension().is_some_and(|e| e == "svg")) {
                line(format!("figure: {} (and .png, .pdf)", path.display()))?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Prints the rates of all checks and of whole runs.
pub(super) fn print(record: &CoverageRecord) -> anyhow::Result<()> {
    line(rates_table(&record.rates))?;
    line(summary(&record.rates))?;
    Ok(())
}

/// A share in percent.
fn percent(part: usize, whole: usize) -> String {
    format!("{:.1}", 100.0 * part as f64 / whole.max(1) as f64)
}

/// The rates of all checks as a table.
fn rates_table(rates: &CoverageRates) -> String {
    let mut table = table::table();
    // The position of a check in the figure.
    let mut position = 0;
    table.set_header([
        "",
        "check",
        "pooled",
        "half-width",
        "coverage %",
        "joint %",
        "holds %",
        "fails %",
        "not resolved %",
    ]);
    for check in &rates.checks {
        let [holds, fails, open] = check.verdicts;
        let runs = holds + fails + open;
        let numbers = interval_cells(check).into_iter().chain([holds, fails, open].map(|count| percent(count, runs)));
        let name = if check.section == CheckSection::Program {
            format!("{} (program)", check.name)
        } else {
            check.name.clone()
        };
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        position += usize::from(check.section == CheckSection::Theory);
        let number = if check.section == CheckSection::Theory { position.to_string() } else { String::new() };
        table.add_row([right(number), Cell::new(name)].into_iter().chain(numbers.map(right)));
    }
    table::text(table)
}

/// Pooled value, half-width, coverage with its interval and joint coverage.
fn interval_cells(check: &CheckRates) -> [String; 4] {
    let Some(intervals) = &check.intervals else { return Default::default() };
    let (low, high) = intervals.coverage_interval;
    let mark = if intervals.deviates { " *" } else { "" };
    [
        format!("{:.3}", intervals.pooled),
        format!("{:.3}", intervals.half_width),
        format!("{} [{:.1}, {:.1}]{mark}", percent(intervals.positions[0], intervals.runs), 100.0 * low, 100.0 * high),
        percent(intervals.covered_jointly, intervals.runs),
    ]
}

/// The rates of whole runs.
fn summary(rates: &CoverageRates) -> String {
    let deviating = rates.checks.iter().filter(|c| c.intervals.as_ref().is_some_and(|i| i.deviates)).count();
    let (low, high) = COVERAGE_RANGE;
    let with_interval = |part: usize, whole: usize| {
        let (low, high) = wilson_interval(part, whole, 0.95);
        format!("{} [{:.1}, {:.1}] %", percent(part, whole), 100.0 * low, 100.0 * high)
    };
    let mut text = format!(
        "{} runs: any statement of the theory fails in {}",
        rates.runs,
        with_interval(rates.runs_with_failure, rates.runs)
    );
    if rates.runs_with_intervals == 0 {
        return text + "; no run has an interval";
    }
    text += &format!(
        ", all joint intervals cover in {}; coverage of a 95 % interval differs from {:.0} to {:.0} % (marked *) for {deviating} checks",
        with_interval(rates.runs_covered_jointly, rates.runs_with_intervals),
        100.0 * low,
        100.0 * high
    );
    text
}
