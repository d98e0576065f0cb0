//! The measurement of coverage: one experiment over many seeds, and what its intervals and verdicts are worth.
//!
//! The folder holds `coverage.json` (the experiment and the program), `seeds/N.json` (the checks of the run with seed
//! N, with a checksum; the run is deleted when it is complete), `records/coverage.json` and the figure. A measurement that was interrupted,
//! or is wanted with more seeds, continues where it stopped.

use super::context::{Options, Report, RunError};
use super::progress::{Progress, note};
use super::shard::Part;
use super::study::Registry;
use super::{pruning_run, recovery_run, training_run};
use crate::analysis::coverage::rates;
use crate::analysis::family::LEVEL;
use crate::analysis::verdict::Check;
use crate::config::AnyExperiment;
use crate::ranks::SingleRank;
use crate::record::{CoverageRecord, FORMAT, RecordError, RunFolder, SavedPart, differing_keys, require_place_of_run};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Options of a measurement of coverage.
#[derive(Clone, Debug)]
pub struct CoverageOptions {
    /// The folder.
    pub out: PathBuf,
    /// Number of runs, with the seeds from that of the experiment on.
    pub seeds: usize,
    /// Whether to delete an earlier measurement in the folder.
    pub force: bool,
    /// Whether to suppress progress reports.
    pub quiet: bool,
}

/// The outcome of a measurement of coverage.
pub enum CoverageReport {
    /// All runs are complete.
    Complete {
        /// The record.
        record: CoverageRecord,
        /// The files of the figure.
        figures: Vec<PathBuf>,
    },
    /// It was interrupted; the same call continues it.
    Interrupted {
        /// Number of complete runs.
        complete: usize,
    },
}

/// `coverage.json`: what is measured, and by which program.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct CoverageHeader {
    format: u32,
    version: String,
    revision: String,
    first_seed: u64,
    experiment: serde_json::Value,
}

const HEADER: &str = "coverage.json";

/// The folder of a measurement of coverage that is at `path`, if there is one.
pub fn folder_at(path: &Path) -> Option<RunFolder> {
    let folder = RunFolder::plain(path);
    folder.file(HEADER).is_file().then_some(folder)
}

/// Runs an experiment with `options.seeds` seeds and measures coverage and verdicts.
///
/// # Errors
/// A folder with something else, or with a measurement of another experiment or program; and those of a run.
pub fn run(
    experiment: &AnyExperiment,
    options: &CoverageOptions,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<CoverageReport, RunError> {
    let first_seed = experiment.seed();
    let folder = open(options, &header(experiment, first_seed))?;
    let seeds: Vec<u64> = (0..options.seeds as u64).map(|k| first_seed.wrapping_add(k)).collect();
    let progress = Progress::new("runs", seeds.len() as f64, options.quiet);
    let found: Vec<Option<Vec<Check>>> = seeds
        .par_iter()
        .with_max_len(1)
        .map(|&seed| {
            let checks = if interrupt.load(Ordering::Relaxed) && !folder.file(&seed_file(seed)).is_file() {
                None
            } else {
                checks_of(experiment, seed, &folder, interrupt, registry)?
            };
            progress.advance(1.0);
            Ok::<_, RunError>(checks)
        })
        .collect::<Result<_, _>>()?;
    progress.finish();
    let complete = found.iter().flatten().count();
    let Some(runs) = found.into_iter().collect::<Option<Vec<Vec<Check>>>>() else {
        return Ok(CoverageReport::Interrupted { complete });
    };
    let record = CoverageRecord { experiment: experiment.name().into(), first_seed, level: LEVEL, rates: rates(&runs) };
    record.write(&folder)?;
    let figures = super::figures::coverage::draw(&record, &folder)?;
    Ok(CoverageReport::Complete { record, figures })
}

/// Draws the figure of a measurement of coverage from its record.
///
/// # Errors
/// A record that is missing or damaged, files that cannot be written.
pub fn draw_figure(folder: &RunFolder) -> Result<Vec<PathBuf>, RunError> {
    Ok(super::figures::coverage::draw(&CoverageRecord::read(folder)?, folder)?)
}

fn seed_file(seed: u64) -> String {
    format!("seeds/{seed}.json")
}

/// The header of an experiment, whose seed is that of the first run.
fn header(experiment: &AnyExperiment, first_seed: u64) -> CoverageHeader {
    CoverageHeader {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        revision: env!("WIDELIMIT_REVISION").into(),
        first_seed,
        experiment: experiment.resolved(),
    }
}

/// Opens the folder for a measurement.
fn open(options: &CoverageOptions, header: &CoverageHeader) -> Result<RunFolder, RunError> {
    require_place_of_run(&options.out)?;
    let folder = RunFolder::plain(&options.out);
    let path = || options.out.clone();
    let occupied = options.out.exists()
        && options.out.read_dir().map_err(|source| RecordError::Io { path: path(), source })?.next().is_some();
    if occupied && !folder.file(HEADER).is_file() {
        return Err(RecordError::Foreign { path: path() }.into());
    }
    if occupied && options.force {
        for name in ["seeds", "runs", "records", "figures"] {
            folder.remove(name)?;
        }
    } else if occupied {
        let earlier: CoverageHeader = folder.read_json(HEADER)?;
        if earlier != *header {
            let build = |header: &CoverageHeader| (header.version.clone(), header.revision.clone());
            let others = [
                ("first_seed", earlier.first_seed != header.first_seed),
                ("the revision of the program", build(&earlier) != build(header)),
                ("the format", earlier.format != header.format),
            ];
            let mut keys = differing_keys("", &earlier.experiment, &header.experiment);
            keys.extend(others.iter().filter(|(_, differs)| *differs).map(|(key, _)| key.to_string()));
            return Err(RecordError::Changed { path: path(), keys }.into());
        }
        return Ok(folder);
    }
    folder.write_json(HEADER, header)?;
    Ok(folder)
}

/// The checks of the run with this seed, read or computed; `None` where it was interrupted.
fn checks_of(
    experiment: &AnyExperiment,
    seed: u64,
    folder: &RunFolder,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<Option<Vec<Check>>, RunError> {
    let file = seed_file(seed);
    match folder.load_json(&file)? {
        SavedPart::Absent => {}
        SavedPart::Found(checks) => return Ok(Some(checks)),
        SavedPart::Damaged(reason) => {
            note(format!("{} was damaged ({reason}); that run is made again", folder.file(&file).display()));
        }
    }
    let name = format!("runs/{seed}");
    let out = folder.file(&name);
    let ranks = SingleRank::ranks();
    let options = Options { out, force: false, resume: true, accept_revision: false, quiet: true, figures: false };
    let part = (&options, Part::Whole);
    let report = match experiment.with_seed(seed) {
        AnyExperiment::Training(experiment) => training_run::run(&experiment, part, &ranks, interrupt, registry)?,
        AnyExperiment::Recovery(experiment) => recovery_run::run(&experiment, part, &ranks, interrupt, registry)?,
        AnyExperiment::Pruning(experiment) => pruning_run::run(&experiment, part, &ranks, interrupt, registry)?,
    };
    let checks = match report {
        Report::Complete { checks, .. } | Report::AlreadyComplete { checks, .. } => checks,
        Report::Interrupted { .. } | Report::PartComplete { .. } => return Ok(None),
    };
    folder.save_json(&file, &checks)?;
    folder.remove(&name)?;
    Ok(Some(checks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::verdict::Verdict;

    #[test]
    fn saved_checks_are_bound_to_their_seed_and_content() {
        let here = tempfile::tempdir().unwrap();
        let folder = RunFolder::plain(here.path());
        let checks = vec![Check::new("a", "b", f64::NAN, None, Verdict::Holds, "c")];
        folder.save_json(&seed_file(3), &checks).unwrap();
        let found = |seed| folder.load_json::<Vec<Check>>(&seed_file(seed)).unwrap();
        let text = std::fs::read_to_string(folder.file(&seed_file(3))).unwrap();
        assert!(matches!(found(3), SavedPart::Found(_)));
        std::fs::write(folder.file(&seed_file(4)), &text).unwrap();
        assert!(matches!(found(4), SavedPart::Damaged(_)));
        std::fs::write(folder.file(&seed_file(3)), text.replace("holds", "fails")).unwrap();
        assert!(matches!(found(3), SavedPart::Damaged(_)));
    }
}
