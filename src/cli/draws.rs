//! `widelimit draws`: the random draws of a trajectory as arrays.

use super::output::line;
use anyhow::{Context, bail};
use std::path::Path;
use std::process::ExitCode;
use widelimit::config::AnyExperiment;
use widelimit::record::RunFolder;

/// Writes the draws of a trajectory to a file.
pub fn run(run: &Path, trajectory: &str, out: &Path) -> anyhow::Result<ExitCode> {
    let file = RunFolder::existing(run)?.file("experiment.toml");
    let text = std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
    let AnyExperiment::Training(experiment) =
        widelimit::parse(&text, "experiment.toml", Path::new("."), &[])?.experiment
    else {
        bail!("{} trains no networks: there are no trajectories", run.display());
    };
    widelimit::run::draws::write(&experiment, trajectory, out)?;
    line(out.display())?;
    Ok(ExitCode::SUCCESS)
}
