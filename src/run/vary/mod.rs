//! A sweep over keys: the experiments of a file with a table `[vary]`, and what they show together.
//!
//! ```text
//! vary.json                   the keys, the points, the program, the status
//! points/NAME/                a complete run each
//! shared/                     limits that several points have in common, while the sweep is unfinished
//! records/vary.json, .npz     the quantities of every point, and the statements about them
//! checks.json                 the checks of these statements
//! figures/vary*.svg           (and .png, .pdf)
//! ```
//!
//! | file | what |
//! |---|---|
//! | `folder` | the folder: opened, continued, completed |
//! | `points` | the loop over the points |
//! | `quantities` | the main quantities of a run, from its records |
//! | `summary` | the table of all points, and the statements about them |

mod folder;
mod points;
mod quantities;
mod summary;

pub use folder::{folder_at, require_complete};
pub use points::point_folder;

use super::context::{Options, RunError};
use super::figures;
use super::machine_memory::bytes;
use super::progress::note;
use super::shared_limit::SharedLimits;
use super::study::Registry;
use crate::analysis::verdict::{Check, judge};
use crate::config::AnyExperiment;
use crate::config::vary::Varied;
use crate::record::{CHECKS, Status, VaryRecord};
use crate::sparse::recovery::RecoveryError;
use folder::SweepFolder;
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
    /// It was interrupted; it can be resumed.
    Interrupted {
        /// Number of complete points.
        complete: usize,
    },
}

/// Runs all points of a sweep, one after the other, and what they show together.
///
/// # Errors
/// Those of a run, of any point, before anything is computed; statements about quantities that are not recorded; a folder
/// in use or holding something else.
pub fn run(
    varied: &Varied<AnyExperiment>,
    options: &Options,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<VaryReport, RunError> {
    quantities::require_known(varied, registry)?;
    let memory = match points::require_runnable(varied, interrupt, registry) {
        Err(RunError::Point { source, .. }) if is_interruption(&source) => {
            return Ok(VaryReport::Interrupted { complete: 0 });
        }
        memory => memory?,
    };
    let folder = SweepFolder::open(varied, options)?;
    if !options.quiet {
        note(format!("{} points; memory: about {}", varied.points.len(), bytes(memory)));
    }
    let shared = SharedLimits::new(&folder.file("shared"));
    let complete = points::run_all(varied, &folder, options, interrupt, registry, &shared)?;
    if complete < varied.points.len() {
        folder.finish(Status::Interrupted)?;
        return Ok(VaryReport::Interrupted { complete });
    }
    let (record, mut checks) = summary::summary(varied, &folder, registry)?;
    judge(&mut checks);
    record.write(&folder)?;
    record.write_arrays(&folder)?;
    folder.write_json(CHECKS, &checks)?;
    let figures = if options.figures { figures::vary::draw(&record, &folder)? } else { Vec::new() };
    folder.finish(Status::Complete)?;
    folder.remove("shared")?;
    Ok(VaryReport::Complete { record: Box::new(record), checks, figures, shared: shared.read() })
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
