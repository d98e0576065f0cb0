//! `widelimit draws`: the random draws of a trajectory as arrays.

use super::output::line;
use anyhow::{Context, bail};
use std::path::Path;
use std::process::ExitCode;
use widelimit::config::AnyExperiment;
use widelimit::record::{RunFolder, require_place_of_files};

/// Writes the draws of a trajectory to a file, which is replaced where it holds draws, or with `force`.
pub fn run(run: &Path, trajectory: &str, out: &Path, force: bool) -> anyhow::Result<ExitCode> {
    require_place_of_files(out)?;
    let folder = RunFolder::existing(run)?;
    let AnyExperiment::Training(experiment) = recorded_experiment(&folder)? else {
        bail!("{} trains no networks: there are no trajectories", run.display());
    };
    widelimit::run::draws::write_of_run(&folder, &experiment, trajectory, out, force)?;
    line(out.display())?;
    Ok(ExitCode::SUCCESS)
}

/// The experiment of a run, as it was resolved.
pub(super) fn recorded_experiment(folder: &RunFolder) -> anyhow::Result<AnyExperiment> {
    let file = folder.file("experiment.toml");
    let text = std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
    Ok(widelimit::parse(&text, "experiment.toml", Path::new("."), &[])?.experiment)
}
