//! `widelimit figures`: the figures of a run, from its records alone.

use super::output::line;
use std::path::Path;
use std::process::ExitCode;
use widelimit::record::RunFolder;

/// Draws the figures and prints their paths.
pub fn run(run: &Path) -> anyhow::Result<ExitCode> {
    for path in widelimit::draw_figures(&RunFolder::open_figures(run)?)? {
        line(path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
