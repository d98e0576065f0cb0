//! `widelimit figures`: the figures of a run or of a measurement of coverage, from its records alone.

use super::output::line;
use std::path::Path;
use std::process::ExitCode;
use widelimit::record::RunFolder;
use widelimit::run::coverage;

/// Draws the figures and prints their paths.
pub fn run(run: &Path) -> anyhow::Result<ExitCode> {
    let drawn = match coverage::folder_at(run) {
        Some(folder) => coverage::draw_figure(&folder)?,
        None => widelimit::draw_figures(&RunFolder::open_figures(run)?)?,
    };
    for path in drawn {
        line(path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
