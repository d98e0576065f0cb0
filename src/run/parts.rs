//! What the parts of a run ([`Part`]) have in common, whatever the kind of experiment: what must be complete before a part,
//! the tasks of the studies, and the record of a shard.

use super::context::{Findings, Outcome, Report, RunContext, RunError};
use super::lifecycle::{PartWork, host};
use super::shard::{Part, PartError, Shard};
use super::study::{RegisteredStudy, Runnable, Study, studies_of};
use crate::compute::{InstructionSet, return_freed_memory};
use crate::record::{Build, PhaseTime, RunFolder, ShardRecord};
use std::time::Instant;

/// Checks that every shard of the run is complete. `missing` returns what is missing of one that says so.
///
/// # Errors
/// [`PartError::NoShards`], [`PartError::Shards`]; files that are not accessible.
pub(super) fn require_shards(
    folder: &RunFolder,
    missing: impl Fn(Shard) -> Result<Vec<String>, RunError>,
) -> Result<(), RunError> {
    let path = || folder.path().into();
    let Some(count) = folder.shard_count()? else { return Err(PartError::NoShards { path: path() }.into()) };
    let mut found = Vec::new();
    for shard in Shard::all(count) {
        let names = missing(shard)?;
        let complete = folder.shard_record(shard)?.is_some_and(|record| record.complete);
        if !complete || !names.is_empty() {
            found.push((shard, names));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(PartError::Shards { path: path(), missing: found }.into()) }
}

/// Runs the tasks of the studies that belong to a part of the run: to the limit, or to a shard.
///
/// # Errors
/// Those of the studies.
pub(super) fn study_tasks<E: Runnable>(
    context: &RunContext<'_>,
    registered: &'static [RegisteredStudy<E>],
    experiment: &E,
    run: impl Fn(&dyn Study<E>) -> Result<Outcome<Findings>, RunError>,
) -> Result<PartWork, RunError> {
    let mut phases = Vec::new();
    for (name, study) in studies_of(registered, experiment).filter(|(_, study)| study.has_tasks()) {
        let started = Instant::now();
        // The outcome is that of a study without all results of its tasks.
        run(study)?;
        return_freed_memory();
        phases.push(PhaseTime { name: format!("study: {name}"), seconds: started.elapsed().as_secs_f64() });
        if context.interrupted() {
            break;
        }
    }
    Ok(PartWork { phases, complete: !context.interrupted() })
}

/// Computes a shard, unless it is complete: its record says so, and nothing of it is missing. `trajectories` are the ids of
/// its trajectories.
///
/// # Errors
/// Those of `work`; a record that cannot be written.
pub(super) fn run_shard(
    context: &RunContext<'_>,
    shard: Shard,
    (trajectories, missing): (Vec<String>, bool),
    work: impl FnOnce() -> Result<PartWork, RunError>,
) -> Result<Report, RunError> {
    let folder = context.folder;
    let earlier = folder.shard_record(shard)?;
    let report = |before: bool, trajectories| Report::PartComplete {
        folder: folder.path().into(),
        part: Part::Shard(shard),
        before,
        trajectories,
    };
    if !missing && earlier.as_ref().is_some_and(|earlier| earlier.complete) {
        return Ok(report(true, trajectories));
    }
    let PartWork { phases, complete } = work()?;
    let mut all = earlier.map_or_else(Vec::new, |earlier| earlier.phases);
    for phase in phases {
        match all.iter_mut().find(|known| known.name == phase.name) {
            Some(known) => known.seconds += phase.seconds,
            None => all.push(phase),
        }
    }
    folder.save_shard_record(&ShardRecord {
        shard,
        complete,
        host: host(),
        threads: rayon::current_num_threads(),
        simd: InstructionSet::current().to_string(),
        build: Build::present(),
        phases: all,
    })?;
    Ok(if complete { report(false, trajectories) } else { Report::Interrupted { folder: folder.path().into() } })
}
