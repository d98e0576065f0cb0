//! `widelimit figures`: the figures of a run, a sweep or a measurement of coverage, from its records alone.

use super::output::line;
use std::path::Path;
use std::process::ExitCode;
use widelimit::record::RunFolder;
use widelimit::run::{coverage, vary};

/// Draws the figures and prints their paths.
pub fn run(run: &Path) -> anyhow::Result<ExitCode> {
    let drawn = match coverage::folder_at(run) {
        Some(folder) => coverage::draw_figure(&folder)?,
        None if vary::folder_at(run).is_some() => widelimit::draw_varied_figures(run)?,
        None => widelimit::draw_figures(&RunFolder::open_figures(run)?)?,
    };
    for path in drawn {
        line(path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
