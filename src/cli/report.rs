//! `widelimit report`: the report of a run, of several, or of a sweep, as one HTML page.

use super::output::line;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use widelimit::record::{REPORT, RecordError, RunFolder, require_place_of_files};
use widelimit::report::page;
use widelimit::report::sweep_page::write_sweep_to;
use widelimit::run::vary::folder_at;

/// Arguments of `widelimit report`.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// Folders of the runs, or that of a sweep
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The file to write [default: report.html in the folder of the run; with several runs, in the current folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the report and prints its path.
pub fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let path = match (&args.out, &args.runs[..]) {
        (Some(path), _) => path.clone(),
        (None, [run]) => run.join(REPORT),
        (None, _) if RunFolder::existing(Path::new(".")).is_ok() => {
            anyhow::bail!("{REPORT} of this folder is that of the run in it; name another file with --out")
        }
        (None, _) => REPORT.into(),
    };
    require_place_of_files(&path)?;
    match &args.runs[..] {
        [sweep] if folder_at(sweep).is_some() => write_sweep_to(sweep, &path)?,
        runs => page::write_to(open(runs)?, &path)?,
    }
    line(path.display())?;
    Ok(ExitCode::SUCCESS)
}

/// The folders of runs.
pub fn open(runs: &[PathBuf]) -> Result<Vec<RunFolder>, RecordError> {
    runs.iter().map(|run| RunFolder::existing(run)).collect()
}
