//! The loop over the points of a sweep, to run them or a part of each.

use super::super::context::{Options, Report, RunError};
use super::super::progress::note;
use super::super::shard::{LimitScope, Part};
use super::super::shared_limit::SharedLimits;
use super::super::study::Registry;
use super::super::{journal, pruning_run, recovery_run, training_run};
use super::division::Piece;
use super::scopes::limit_scopes;
use crate::config::AnyExperiment;
use crate::config::vary::{Varied, VariedPoint};
use crate::ranks::SingleRank;
use crate::record::{POINTS, RunFolder};
use std::sync::atomic::{AtomicBool, Ordering};

/// The folder of a point, relative to that of the sweep.
pub fn point_folder(point: &str) -> String {
    format!("{POINTS}/{point}")
}

/// The error of a point.
pub(super) fn of_point(point: &str) -> impl Fn(RunError) -> RunError + '_ {
    move |source| RunError::Point { point: point.into(), source: Box::new(source) }
}

/// Checks of some points all that can be checked before anything is computed; returns the largest estimated memory in
/// bytes.
///
/// # Errors
/// Those of the first point that cannot be run.
pub(super) fn require_runnable<'p>(
    points: impl IntoIterator<Item = &'p VariedPoint<AnyExperiment>>,
    interrupt: &AtomicBool,
    registry: &'static Registry,
) -> Result<u64, RunError> {
    let mut largest = 0;
    for point in points {
        let needed = match &point.experiment {
            AnyExperiment::Training(e) => training_run::require_runnable(e, registry),
            AnyExperiment::Recovery(e) => recovery_run::require_runnable(e, interrupt, registry),
            AnyExperiment::Pruning(e) => pruning_run::require_runnable(e, registry),
        };
        largest = largest.max(needed.map_err(of_point(&point.name))?);
    }
    Ok(largest)
}

/// What a process needs for the points of a sweep.
#[derive(Clone, Copy)]
pub(super) struct PointLoop<'a> {
    /// The points.
    pub varied: &'a Varied<AnyExperiment>,
    /// The folder of the sweep.
    pub folder: &'a RunFolder,
    /// The options of the sweep.
    pub options: &'a Options,
    /// Set by the caller to interrupt it.
    pub interrupt: &'a AtomicBool,
    /// The studies.
    pub registry: &'static Registry,
    /// Limits that points have in common.
    pub shared: &'a SharedLimits,
}

impl PointLoop<'_> {
    /// Computes a part of every point, in their order; returns the number of points of which it is complete.
    ///
    /// # Errors
    /// Those of a run.
    pub fn run_all(self, part: Part) -> Result<usize, RunError> {
        let (points, scopes) = (&self.varied.points, limit_scopes(self.varied));
        for (i, point) in points.iter().enumerate() {
            if self.interrupt.load(Ordering::Relaxed) {
                return Ok(i);
            }
            if !self.options.quiet {
                note(format!("point {} of {}: {}", i + 1, points.len(), point.name));
            }
            if let Report::Interrupted { .. } = self.run_one(point, scopes[i], part)? {
                return Ok(i);
            }
        }
        Ok(points.len())
    }

    /// Computes some pieces, in their order. `None` where it was interrupted; otherwise whether all had been complete before.
    ///
    /// # Errors
    /// Those of a run.
    pub fn run_pieces(self, pieces: &[Piece]) -> Result<Option<bool>, RunError> {
        let scopes = limit_scopes(self.varied);
        let mut before = true;
        for piece in pieces {
            if self.interrupt.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let point = &self.varied.points[piece.point];
            if !self.options.quiet {
                note(format!("point {}, part {}", point.name, piece.shard));
            }
            match self.run_one(point, scopes[piece.point], Part::Shard(piece.shard))? {
                Report::Interrupted { .. } => return Ok(None),
                Report::PartComplete { before: false, .. } => before = false,
                Report::PartComplete { .. } | Report::AlreadyComplete { .. } | Report::Complete { .. } => {}
            }
        }
        Ok(Some(before))
    }

    /// Computes or continues a part of one point in its folder. A limit that no other point has is not kept.
    fn run_one(self, point: &VariedPoint<AnyExperiment>, scope: LimitScope, part: Part) -> Result<Report, RunError> {
        let out = self.folder.file(&point_folder(&point.name));
        let options = Options { force: false, resume: out.exists(), out, ..self.options.clone() };
        let (part, ranks) = ((&options, part), &SingleRank::ranks());
        let (interrupt, registry) = (self.interrupt, self.registry);
        let report = match &point.experiment {
            AnyExperiment::Training(e) => {
                let shared = (scope == LimitScope::All).then_some(self.shared);
                training_run::run_sharing(e, part, interrupt, registry, shared)
            }
            AnyExperiment::Recovery(e) => recovery_run::run(e, part, ranks, interrupt, registry),
            AnyExperiment::Pruning(e) => pruning_run::run(e, part, ranks, interrupt, registry),
        };
        if let (Err(error), (options, part)) = (&report, part)
            && part.writes_progress()
        {
            journal::record_failure(&options.out, error);
        }
        report.map_err(of_point(&point.name))
    }
}
