//! `widelimit estimate`: memory and time of a run, before anything runs.

use super::json;
use super::output::{line, note};
use super::overrides::overrides;
use super::table::{text as table_text, usable_width};
use super::threads::ThreadCount;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;
use widelimit::config::Description;
use widelimit::run::cost::Machine;
use widelimit::run::estimate::{Assumptions, PointEstimate, RankMemory, RunEstimate};
use widelimit::run::machine_memory::{bytes, machine_memory};

/// Most columns of the tables.
const MOST_COLUMNS: u16 = 80;

/// Arguments of `widelimit estimate`.
#[derive(Debug, clap::Args)]
pub struct EstimateArgs {
    /// Name of a built-in experiment, or path of a TOML file
    #[arg(value_name = "NAME|FILE")]
    experiment: String,
    /// Replace a key of the experiment; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Remove a key, or a table with all its keys; may be repeated; before --set
    #[arg(long = "unset", value_name = "KEY")]
    removals: Vec<String>,
    /// Only these studies of the experiment; separated by commas
    #[arg(long = "study", value_name = "NAME", value_delimiter = ',')]
    studies: Vec<String>,
    #[command(flatten)]
    threads: ThreadCount,
    /// Processes of mpirun
    #[arg(long, value_name = "R", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    ranks: u32,
    /// Rate of one thread in 1e9 multiplications and additions per second, as `widelimit bench --threads 1` prints it
    /// [default: measured, in about a second]
    #[arg(long, value_name = "GFLOPS", value_parser = positive)]
    rate: Option<f64>,
    /// Time of a message between ranks in microseconds
    #[arg(long, value_name = "US", default_value_t = 1e6 * Machine::LATENCY, value_parser = positive)]
    latency: f64,
    /// Bandwidth of a rank in 1e9 bytes per second
    #[arg(long, value_name = "GBS", default_value_t = 1e-9 * Machine::BANDWIDTH, value_parser = positive)]
    bandwidth: f64,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A number that is positive and finite.
fn positive(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| *value > 0.0 && value.is_finite());
    value.ok_or_else(|| "expected a positive number".into())
}

/// The answer in JSON.
#[derive(Serialize)]
struct EstimateAnswer<'a> {
    name: &'a str,
    #[serde(flatten)]
    estimate: &'a RunEstimate,
    /// Wall seconds of all that is predicted.
    seconds: Option<f64>,
}

/// Prints the estimate.
pub fn run(args: &EstimateArgs) -> anyhow::Result<ExitCode> {
    let overrides = overrides(&args.removals, &args.overrides)?;
    args.threads.set()?;
    let chosen = Some(args.studies.as_slice()).filter(|chosen| !chosen.is_empty());
    // What this machine cannot hold may be planned for others.
    let described = widelimit::describe_for_ranks(&args.experiment, &overrides, chosen)?;
    let assumptions = Assumptions {
        ranks: args.ranks as usize,
        rate: args.rate.map(|rate| 1e9 * rate),
        latency: 1e-6 * args.latency,
        bandwidth: 1e9 * args.bandwidth,
    };
    let estimate = widelimit::estimate_run(&described, assumptions)?;
    let name = described.first().name();
    if args.json {
        let seconds = estimate.cost.as_ref().map(widelimit::run::cost::RunCost::seconds);
        json::answer("estimate", &EstimateAnswer { name, estimate: &estimate, seconds })?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Description::Single(loaded) = &described {
        loaded.notes.iter().for_each(|text| note(format!("note: {text}")));
    }
    print(&described, &estimate, args)?;
    Ok(ExitCode::SUCCESS)
}

fn print(described: &Description, estimate: &RunEstimate, args: &EstimateArgs) -> anyhow::Result<()> {
    let experiment = described.first();
    let (name, title) = (experiment.name(), experiment.title());
    line(if title.is_empty() { name.to_string() } else { format!("{name}: {title}") })?;
    if estimate.points > 1 {
        line(format!("{} points, one after the other", estimate.points))?;
    }
    if !estimate.of_points.is_empty() {
        line("\nPoints")?;
        line(table_text(points_table(&estimate.of_points)))?;
    }
    let of = if args.ranks > 1 { " of a rank" } else { "" };
    let largest = if estimate.points > 1 { " of the largest point" } else { "" };
    line(format!("\nMemory{of}{largest}"))?;
    line(table_text(memory_table(&estimate.memory, args.ranks > 1)))?;
    let machine = machine_memory();
    if machine > 0 {
        line(format!("This machine has {}.", bytes(machine)))?;
    }
    line(if estimate.points > 1 { "\nTime of all points" } else { "\nTime" })?;
    if let Some(table) = time_table(estimate, args.ranks > 1) {
        line(table_text(table))?;
    }
    line("")?;
    for text in assumptions(estimate, args) {
        line(wrapped(&text))?;
    }
    Ok(())
}

/// A text in lines of the width of the tables.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is a line");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= usize::from(MOST_COLUMNS) {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_string());
        }
    }
    lines.join("\n")
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(usable_width(table.width()).min(MOST_COLUMNS));
    table
}

fn right(text: impl ToString) -> Cell {
    Cell::new(text.to_string()).set_alignment(CellAlignment::Right)
}

/// One row for every point of a sweep, and their sum.
fn points_table(points: &[PointEstimate]) -> Table {
    let mut table = table();
    table.set_header(["", "point", "memory", "predicted time"]);
    for (i, PointEstimate { point, memory, seconds }) in points.iter().enumerate() {
        let time = seconds.map_or_else(|| "not predicted".into(), duration);
        table.add_row([right(i + 1), Cell::new(point), right(bytes(*memory)), right(time)]);
    }
    let most = points.iter().map(|point| point.memory).max().unwrap_or(0);
    let all: Option<f64> = points.iter().map(|point| point.seconds).sum();
    let time = all.map_or_else(|| "not predicted".into(), duration);
    table.add_row([right(""), Cell::new("all"), right(bytes(most)), right(time)]);
    table
}

/// One row for every purpose.
fn memory_table(memory: &RankMemory, several: bool) -> Table {
    let mut table = table();
    let header =
        if several { &["purpose", "first rank", "each other", "on more ranks"][..] } else { &["purpose", "memory"] };
    table.set_header(header.iter().copied());
    let row = |purpose: &str, first: u64, others: u64, more: &str| {
        let mut cells = vec![Cell::new(purpose), right(bytes(first))];
        if several {
            cells.extend([right(bytes(others)), Cell::new(more)]);
        }
        cells
    };
    for part in &memory.purposes {
        let more = if part.divided { "less" } else { "the same" };
        table.add_row(row(&part.purpose, part.first, part.others, more));
    }
    table.add_row(row("most at one time", memory.first, memory.others, ""));
    table
}

/// One row for every phase and study; `None` where no time is predicted.
fn time_table(estimate: &RunEstimate, several: bool) -> Option<Table> {
    let cost = estimate.cost.as_ref()?;
    let mut table = table();
    let mut header = vec!["phase", "runs", "operations"];
    if several {
        header.push("exchange");
    }
    header.push("time");
    table.set_header(header);
    for phase in &cost.phases {
        let unknown = if phase.not_predicted == phase.trajectories { Some("not predicted") } else { None };
        let least = if phase.not_predicted > 0 { "at least " } else { "" };
        let time = |seconds: f64| unknown.map_or_else(|| format!("{least}{}", duration(seconds)), String::from);
        let mut cells = vec![Cell::new(&phase.name), right(phase.trajectories), right(operations(phase.operations))];
        if several {
            cells.push(right(unknown.map_or_else(|| duration(phase.exchange_seconds), |_| String::new())));
        }
        cells.push(right(time(phase.seconds())));
        table.add_row(cells);
    }
    let empty = usize::from(several);
    let spaces = || std::iter::repeat_n(right(""), empty);
    for study in &cost.studies {
        let seconds = study.seconds.map_or_else(|| "not predicted".into(), duration);
        let name = Cell::new(format!("study: {}", study.name));
        let counted = right(study.operations.map(operations).unwrap_or_default());
        table.add_row([name, right(""), counted].into_iter().chain(spaces()).chain([right(seconds)]));
    }
    let of = if cost.is_partial() { "all that is predicted" } else { "all" };
    let total = right(duration(cost.seconds()));
    table.add_row([Cell::new(of), right(""), right("")].into_iter().chain(spaces()).chain([total]));
    Some(table)
}

/// A number of operations.
fn operations(count: f64) -> String {
    if count > 0.0 { format!("{count:.1e}") } else { String::new() }
}

/// A time in readable units, with two or three digits.
fn duration(seconds: f64) -> String {
    match seconds {
        0.0 => "0 s".into(),
        _ if seconds < 1e-3 => format!("{:.1e} s", seconds),
        _ if seconds < 9.95 => format!("{seconds:.2} s"),
        _ if seconds < 1e10 => {
            // The two largest units.
            let text = humantime::format_duration(Duration::from_secs(seconds.round() as u64)).to_string();
            text.split(' ').take(2).collect::<Vec<_>>().join(" ")
        }
        _ => format!("{:.1e} years", seconds / 31_557_600.0),
    }
}

/// What the estimate assumes, one sentence or two each.
fn assumptions(estimate: &RunEstimate, args: &EstimateArgs) -> Vec<String> {
    let mut texts = Vec::new();
    if let Some(machine) = &estimate.machine {
        let gflops = |rate: f64| format!("{:.3}", 1e-9 * rate);
        let from = if estimate.measured { "measured on this machine" } else { "as given" };
        let rates = if machine.full_rate == machine.batch_rate {
            gflops(machine.full_rate)
        } else {
            let [full, batch] = [machine.full_rate, machine.batch_rate].map(gflops);
            format!("{full} on the whole sample, {batch} on mini-batches")
        };
        let threads = if machine.threads == 1 { "1 thread".into() } else { format!("{} threads", machine.threads) };
        let per = if args.ranks > 1 { " of each rank" } else { "" };
        texts.push(format!("Rate of a thread in Gflop/s: {rates}; {from}. {threads}{per}."));
        if args.ranks > 1 {
            texts.push(format!(
                "Exchanges: {} us a message, {} GB/s received by a rank, {} ns to copy and add a number.",
                1e6 * machine.latency,
                1e-9 * machine.bandwidth,
                1e9 * machine.addition
            ));
        }
        texts.push("Reading data, files, figures and statistics are not counted.".into());
    }
    texts.extend(estimate.notes.iter().cloned());
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_readable_units() {
        let texts = ["0 s", "1.5e-5 s", "0.02 s", "9.94 s", "10s", "1m 40s", "2h 46m", "11days 13h"];
        assert_eq!([0.0, 1.5e-5, 0.02, 9.94, 9.96, 100.0, 1e4, 1e6].map(duration), texts);
        assert_eq!(duration(1e15), "3.2e7 years");
    }

    /// A table that is too wide for the terminal is a list, in which no word is divided.
    #[test]
    fn narrow_tables_are_lists() {
        let purposes = vec![widelimit::run::estimate::MemoryPurpose {
            purpose: "population".into(),
            first: 1,
            others: 1,
            divided: true,
        }];
        let mut table = memory_table(&RankMemory { purposes, first: 1, others: 1 }, true);
        table.set_width(24);
        let text = table_text(table);
        assert!(text.contains("population") && text.contains("on more ranks: less"), "{text}");
    }

    #[test]
    fn texts_are_broken_at_the_width() {
        let text = wrapped(&"word ".repeat(40));
        assert!(text.lines().all(|line| line.chars().count() <= 80) && text.lines().count() == 3, "{text}");
    }
}
