//! A sweep over keys: the experiments of a file with a table `[vary]`, and what they show together.
//!
//! ```text
//! vary.json                   the keys, the points, the program, the status
//! points/NAME/                a complete run each
//! shared/                     limits that several points have in common, while the sweep is unfinished
//! checkpoint/                 of shards, while the sweep is unfinished
//! records/vary.json, .npz     the quantities of every point, and the statements about them
//! checks.json                 the checks of these statements
//! figures/vary*.svg           (and .png, .pdf)
//! ```
//!
//! | file | what |
//! |---|---|
//! | `folder` | the folder: opened, continued, completed |
//! | `points` | the loop over the points |
//! | `scopes` | which points have their limits in common |
//! | `division`, `parts` | the sweep as several jobs: the distribution of the points among shards; what is missing |
//! | `status` | what a sweep does, for another process |
//! | `quantities` | the main quantities of a run, from its records |
//! | `summary` | the table of all points, and the statements about them |

mod division;
mod folder;
mod parts;
mod points;
mod quantities;
mod scopes;
mod status;
mod summary;

pub use folder::{folder_at, require_complete};
pub use points::point_folder;
pub use status::{PointStatus, SweepStatus, status_of};

use super::context::{Options, RunError};
use super::figures;
use super::machine_memory::bytes;
use super::progress::note;
use super::shard::{Part, Shard};
use super::shared_limit::SharedLimits;
use super::study::Registry;
use crate::analysis::verdict::{Check, judge};
use crate::config::AnyExperiment;
use crate::config::vary::Varied;
use crate::record::{CHECKS, Status, VaryRecord};
use crate::sparse::recovery::RecoveryError;
use folder::SweepFolder;
use points::PointLoop;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// The outcome of a sweep.
pub enum VaryReport {
    /// All points are complete.
    Complete {
        /// The record.
        record: Box<VaryRecord>,
        /// The checks of the statements about the points.
        checks: Vec<Check>,
        /// The files of the figures of the sweep.
        figures: Vec<PathBuf>,
        /// Number of limits that were read from another point, in this process.
        shared: usize,
    },
    /// A part of it is complete, and others are to be computed.
    PartComplete {
        /// The part.
        part: Part,
        /// Whether it had been completed before.
        before: bool,
        /// Number of pieces of points that a shard consists of.
        pieces: usize,
        /// Number of limits that were read from another point, in this process.
        shared: usize,
    },
    /// It was interrupted; it can be resumed.
    Interrupted {
        /// Number of complete points.
        complete: usize,
    },
}

/// Computes a part of a sweep: all points, one after the other, and what they show together; or, for several processes,
/// the limits of all points, then shards at the same time, then the rest. The results are the same, to the bit.
///
/// # Errors
/// Those of a run, of any point, before anything is computed; statements about quantities that are not recorded; a folder
/// in use or holding something else; [`super::PartError`] where another part must be computed first.
pub fn run(
    varied: &Varied<AnyExperiment>,
    (options, part): (&Options, Part),
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<VaryReport, RunError> {
    quantities::require_known(varied, registry)?;
    match part {
        Part::Shard(shard) => run_shard(varied, (options, shard), interrupt, registry),
        Part::Whole | Part::Limit | Part::Finish => run_points(varied, (options, part), interrupt, registry),
    }
}

/// Computes a part of all points, and after the last part what they show together.
fn run_points(
    varied: &Varied<AnyExperiment>,
    (options, part): (&Options, Part),
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<VaryReport, RunError> {
    // The last part continues points that were begun.
    let memory = match part {
        Part::Finish => None,
        _ => match points::require_runnable(&varied.points, interrupt, registry) {
            Err(RunError::Point { source, .. }) if is_interruption(&source) => {
                return Ok(VaryReport::Interrupted { complete: 0 });
            }
            memory => Some(memory?),
        },
    };
    let folder = SweepFolder::open(varied, options, part)?;
    if part == Part::Finish
        && let Err(missing) = parts::require_parts(varied, &folder)
    {
        folder.finish(Status::Interrupted)?;
        return Err(missing);
    }
    if !options.quiet {
        let memory = memory.map(|memory| format!("; memory: about {}", bytes(memory))).unwrap_or_default();
        note(format!("{} points{memory}", varied.points.len()));
    }
    let shared = SharedLimits::new(&folder.file("shared"));
    let of_sweep = PointLoop { varied, folder: &folder, options, interrupt, registry, shared: &shared };
    let complete = of_sweep.run_all(part)?;
    if complete < varied.points.len() {
        folder.finish(Status::Interrupted)?;
        return Ok(VaryReport::Interrupted { complete });
    }
    if part == Part::Limit {
        folder.finish(Status::Interrupted)?;
        return Ok(VaryReport::PartComplete { part, before: false, pieces: 0, shared: shared.read() });
    }
    let (record, mut checks) = summary::summary(varied, &folder, registry)?;
    judge(&mut checks);
    record.write(&folder)?;
    record.write_arrays(&folder)?;
    folder.write_json(CHECKS, &checks)?;
    let figures = if options.figures { figures::vary::draw(&record, &folder)? } else { Vec::new() };
    folder.finish(Status::Complete)?;
    folder.remove("shared")?;
    folder.remove("checkpoint")?;
    Ok(VaryReport::Complete { record: Box::new(record), checks, figures, shared: shared.read() })
}

/// Computes the pieces of a shard.
fn run_shard(
    varied: &Varied<AnyExperiment>,
    (options, shard): (&Options, Shard),
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<VaryReport, RunError> {
    let part = Part::Shard(shard);
    let Some(folder) = folder::open_shard(varied, &options.out, shard)? else {
        return Ok(VaryReport::PartComplete { part, before: true, pieces: varied.points.len(), shared: 0 });
    };
    let pieces = parts::pieces_of(varied, &folder, shard)?;
    let shared = SharedLimits::new(&folder.file("shared"));
    let of_sweep = PointLoop { varied, folder: &folder, options, interrupt, registry, shared: &shared };
    Ok(match of_sweep.run_pieces(&pieces)? {
        Some(before) => VaryReport::PartComplete { part, before, pieces: pieces.len(), shared: shared.read() },
        None => VaryReport::Interrupted { complete: 0 },
    })
}

/// Draws the figures of a complete sweep and of all its points from their records.
///
/// # Errors
/// Records that are missing or damaged, files that cannot be written.
pub fn draw_figures(path: &Path, registry: &'static Registry) -> Result<Vec<PathBuf>, RunError> {
    let folder = require_complete(path)?;
    let record = VaryRecord::read(&folder)?;
    let mut drawn = figures::vary::draw(&record, &folder)?;
    for point in &record.points {
        let run = crate::record::RunFolder::open_figures(&folder.file(&points::point_folder(&point.name)))?;
        drawn.extend(figures::draw(&run, registry)?);
    }
    Ok(drawn)
}

/// Whether an error is that of an interruption while a problem is drawn.
fn is_interruption(error: &RunError) -> bool {
    matches!(error, RunError::Recovery(RecoveryError::Interrupted))
}
