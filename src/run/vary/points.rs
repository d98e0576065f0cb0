//! The loop over the points of a sweep.

use super::super::context::{Options, Report, RunError};
use super::super::progress::note;
use super::super::shard::Part;
use super::super::shared_limit::{SharedLimits, limit_parts};
use super::super::study::Registry;
use super::super::{pruning_run, recovery_run, training_run};
use crate::config::AnyExperiment;
use crate::config::vary::{Varied, VariedPoint};
use crate::ranks::SingleRank;
use crate::record::RunFolder;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The folder of a point, relative to that of the sweep.
pub fn point_folder(point: &str) -> String {
    format!("points/{point}")
}

/// The error of a point.
fn of_point(point: &str) -> impl Fn(RunError) -> RunError + '_ {
    move |source| RunError::Point { point: point.into(), source: Box::new(source) }
}

/// Checks of every point all that can be checked before anything is computed; returns the largest estimated memory in
/// bytes.
///
/// # Errors
/// Those of the first point that cannot be run.
pub(super) fn require_runnable(
    varied: &Varied<AnyExperiment>,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<u64, RunError> {
    let mut largest = 0;
    for point in &varied.points {
        let needed = match &point.experiment {
            AnyExperiment::Training(e) => training_run::require_runnable(e, registry),
            AnyExperiment::Recovery(e) => recovery_run::require_runnable(e, interrupt, registry),
            AnyExperiment::Pruning(e) => pruning_run::require_runnable(e, registry),
        };
        largest = largest.max(needed.map_err(of_point(&point.name))?);
    }
    Ok(largest)
}

/// Runs the points in their order; returns the number of those that are complete.
///
/// # Errors
/// Those of a run.
pub(super) fn run_all(
    varied: &Varied<AnyExperiment>,
    folder: &RunFolder,
    options: &Options,
    interrupt: &AtomicBool,
    registry: &'static Registry,
    shared: &SharedLimits,
) -> Result<usize, RunError> {
    let parts: Vec<Option<String>> = varied.points.iter().map(|point| parts(&point.experiment)).collect();
    for (i, point) in varied.points.iter().enumerate() {
        if interrupt.load(Ordering::Relaxed) {
            return Ok(i);
        }
        if !options.quiet {
            note(format!("point {} of {}: {}", i + 1, varied.points.len(), point.name));
        }
        // A limit that no other point has is not kept.
        let common = parts[i].is_some() && (0..parts.len()).any(|j| j != i && parts[j] == parts[i]);
        let out = folder.file(&point_folder(&point.name));
        let report = run_one(point, &out, options, interrupt, registry, common.then_some(shared));
        if let Report::Interrupted { .. } = report.map_err(of_point(&point.name))? {
            return Ok(i);
        }
    }
    Ok(varied.points.len())
}

/// The parts of an experiment on which its limit depends, where it has one.
fn parts(experiment: &AnyExperiment) -> Option<String> {
    match experiment {
        AnyExperiment::Training(e) => Some(limit_parts(e)),
        AnyExperiment::Recovery(_) | AnyExperiment::Pruning(_) => None,
    }
}

/// Runs or continues one point in its folder.
fn run_one(
    point: &VariedPoint<AnyExperiment>,
    out: &Path,
    options: &Options,
    interrupt: &AtomicBool,
    registry: &'static Registry,
    shared: Option<&SharedLimits>,
) -> Result<Report, RunError> {
    let options = Options { out: out.into(), force: false, resume: out.exists(), ..options.clone() };
    let (part, ranks) = ((&options, Part::Whole), &SingleRank::ranks());
    match &point.experiment {
        AnyExperiment::Training(e) => training_run::run_sharing(e, &options, interrupt, registry, shared),
        AnyExperiment::Recovery(e) => recovery_run::run(e, part, ranks, interrupt, registry),
        AnyExperiment::Pruning(e) => pruning_run::run(e, part, ranks, interrupt, registry),
    }
}
