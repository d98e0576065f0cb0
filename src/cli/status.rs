//! `widelimit status`: what a run does at present, from the files of its folder.

use super::json;
use super::output::line;
use super::table;
use comfy_table::{Cell, CellAlignment};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use widelimit::record::RunFolder;
use widelimit::run::status::{PhaseStatus, RunState, RunStatus, of};

/// Prints the status of a run.
pub fn run(run: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let status = of(run)?;
    if json {
        json::answer("status", &status)?;
        return Ok(ExitCode::SUCCESS);
    }
    line(headline(&status))?;
    if !status.phases.is_empty() {
        line(phases_table(&status.phases))?;
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
    let extend = format!("to continue, run widelimit extend {}", run.display());
    let advice = match status.state {
        RunState::Complete | RunState::Running => None,
        _ if extended => Some(extend.as_str()),
        RunState::Interrupted | RunState::Killed => Some("to continue, run the same command with --resume"),
        RunState::Failed => Some("when the cause is removed, continue with --resume"),
    };
    advice.map_or(Ok(()), line)?;
    Ok(ExitCode::SUCCESS)
}

/// The state of a run in one line.
fn headline(status: &RunStatus) -> String {
    let state = match status.state {
        RunState::Complete => "complete",
        RunState::Running => "running",
        RunState::Interrupted => "interrupted",
        RunState::Failed => "failed",
        RunState::Killed => "killed, or its machine stopped",
    };
    let mut text = format!("{}: {state}", status.folder.display());
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

/// The phases as a table.
fn phases_table(phases: &[PhaseStatus]) -> String {
    let mut table = table::table();
    table.set_header(["phase", "done", "time", "left"]);
    for phase in phases {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        table.add_row([
            Cell::new(&phase.name),
            // Not rounded up to a whole that is not reached.
            right(format!("{:.0} %", (100.0 * phase.done).floor())),
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
