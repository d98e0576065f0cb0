//! `widelimit status`: what a run, or a sweep, does at present, from the files of its folder.

use super::json;
use super::output::line;
use super::table;
use comfy_table::{Cell, CellAlignment};
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use widelimit::record::{RunFolder, ShardState};
use widelimit::run::status::{PhaseStatus, RunState, RunStatus, ShardStatus, of};
use widelimit::run::vary::{PointStatus, SweepStatus, folder_at, status_of};

/// Prints the status of a run, or of a sweep.
pub fn run(run: &Path, json: bool) -> anyhow::Result<ExitCode> {
    if folder_at(run).is_some() {
        let status = status_of(run)?;
        return if json { answer(&status) } else { print_sweep(&status) };
    }
    let status = of(run)?;
    if json {
        return answer(&status);
    }
    line(headline(&status))?;
    if !status.phases.is_empty() {
        line(phases_table(&status.phases))?;
    }
    if !status.shards.is_empty() {
        line(shards_table(&status.shards))?;
    }
    if let Some(study) = &status.study {
        line(format!("present study: {study}"))?;
    }
    if !status.remaining_studies.is_empty() {
        line(format!("studies to follow: {}", status.remaining_studies.join(", ")))?;
    }
    if let Some(left) = status.left_seconds {
        let studies = if status.remaining_studies.is_empty() { "" } else { ", without the studies to follow" };
        line(format!("left: about {}{studies}", duration(left)))?;
    }
    if let Some(error) = &status.error {
        line(format!("error: {error}"))?;
    }
    let extended = !RunFolder::existing(run)?.manifest()?.extends.is_empty();
    match status.state {
        RunState::Complete | RunState::Running => {}
        _ if extended => line(format!("to continue, run widelimit extend {}", run.display()))?,
        state => line(advice(state, &status.shards))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn answer<T: Serialize>(status: &T) -> anyhow::Result<ExitCode> {
    json::answer("status", status)?;
    Ok(ExitCode::SUCCESS)
}

/// How an unfinished run, or sweep, is continued.
fn advice(state: RunState, shards: &[ShardStatus]) -> String {
    let left: Vec<&str> =
        shards.iter().filter(|one| one.state != ShardState::Complete).map(|one| one.shard.as_str()).collect();
    match left.len() {
        _ if shards.is_empty() => match state {
            RunState::Failed => "when the cause is removed, continue with --resume".into(),
            _ => "to continue, run the same command with --resume".into(),
        },
        0 => "all shards are complete: to continue, run the experiment with --stage finish".into(),
        more => {
            let others = if more > 1 { format!(" (and {} others)", more - 1) } else { String::new() };
            format!("to continue, run the experiment with --shard {}{others}, then with --stage finish", left[0])
        }
    }
}

/// Prints a line for every point of a sweep.
fn print_sweep(status: &SweepStatus) -> anyhow::Result<ExitCode> {
    let SweepStatus { folder, state, complete_points, points, shards } = status;
    line(format!("{}: {}; {complete_points} of {} points complete", folder.display(), words(*state), points.len()))?;
    let mut table = table::table();
    table.set_header(["", "point", "state", "present phase", "done", "left"]);
    for (i, PointStatus { point, run }) in points.iter().enumerate() {
        let present =
            run.as_ref().and_then(|run| run.phases.iter().rev().find(|phase| phase.done > 0.0 && phase.done < 1.0));
        let state = match run {
            None => "not begun".into(),
            // Its shards are listed below with those of the sweep.
            Some(run) if run.shards.iter().any(|shard| shard.state == ShardState::Running) => "running".into(),
            Some(run) => words(run.state).to_string(),
        };
        let left = run.as_ref().and_then(|run| run.left_seconds);
        table.add_row([
            right((i + 1).to_string()),
            Cell::new(point),
            Cell::new(state),
            Cell::new(present.map(|phase| phase.name.clone()).unwrap_or_default()),
            right(present.map(|phase| percent(phase.done)).unwrap_or_default()),
            right(left.map(|left| format!("about {}", duration(left))).unwrap_or_default()),
        ]);
    }
    line(table::text(table))?;
    if !shards.is_empty() {
        line(shards_table(shards))?;
    }
    let errors = points.iter().filter_map(|point| Some((&point.point, point.run.as_ref()?.error.as_ref()?)));
    for (point, error) in errors {
        line(format!("error at {point}: {error}"))?;
    }
    if !matches!(state, RunState::Complete | RunState::Running) {
        line(advice(*state, shards))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn words(state: RunState) -> &'static str {
    match state {
        RunState::Complete => "complete",
        RunState::Running => "running",
        RunState::Interrupted => "interrupted",
        RunState::Failed => "failed",
        RunState::Killed => "killed, or its machine stopped",
    }
}

/// The state of a run in one line.
fn headline(status: &RunStatus) -> String {
    let mut text = format!("{}: {}", status.folder.display(), words(status.state));
    if let Some(process) = status.process {
        text += &format!("; process {process}");
    }
    if let Some(started) = &status.started {
        text += &format!(", started {started}");
    }
    if let Some(updated) = &status.updated {
        text += &format!(", last progress {updated}");
    }
    text + &format!(", {}", duration(status.elapsed_seconds))
}

/// The shards as a table.
fn shards_table(shards: &[ShardStatus]) -> String {
    let mut table = table::table();
    let of_sweep = shards.iter().any(|shard| shard.pieces.is_some());
    let header: &[&str] = if of_sweep { &["shard", "state", "parts of points done"] } else { &["shard", "state"] };
    table.set_header(header);
    for shard in shards {
        let mut cells = vec![right(shard.shard.clone()), Cell::new(shard.state)];
        if of_sweep {
            cells.push(right(shard.pieces.map(|(done, all)| format!("{done} of {all}")).unwrap_or_default()));
        }
        table.add_row(cells);
    }
    table::text(table)
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A part as a percentage, not rounded up to a whole that is not reached.
fn percent(done: f64) -> String {
    format!("{:.0} %", (100.0 * done).floor())
}

/// The phases as a table.
fn phases_table(phases: &[PhaseStatus]) -> String {
    let mut table = table::table();
    table.set_header(["phase", "done", "time", "left"]);
    for phase in phases {
        table.add_row([
            Cell::new(&phase.name),
            right(percent(phase.done)),
            right(duration(phase.seconds)),
            right(phase.left_seconds.map(|left| format!("about {}", duration(left))).unwrap_or_default()),
        ]);
    }
    table::text(table)
}

/// A time in seconds, in readable units.
fn duration(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    humantime::format_duration(Duration::from_secs(seconds.round() as u64)).to_string()
}
