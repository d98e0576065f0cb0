//! The status of a sweep, from the files of its folder alone. Nothing is written, and the sweep is not disturbed.

use super::super::status::{self, RunState, RunStatus, ShardStatus};
use super::folder::header_at;
use super::parts::{PieceRecord, pieces_name};
use super::points::point_folder;
use crate::record::{RecordError, RunFolder, SavedPart, Shard, ShardState, Status};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The status of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepStatus {
    /// The folder of the sweep.
    pub folder: PathBuf,
    /// The state.
    pub state: RunState,
    /// Number of complete points.
    pub complete_points: usize,
    /// The points, in their order.
    pub points: Vec<PointStatus>,
    /// The shards by which an unfinished sweep is computed; none where it has none.
    pub shards: Vec<ShardStatus>,
}

/// The status of a point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PointStatus {
    /// Its name.
    pub point: String,
    /// That of its run; absent where it was not begun.
    pub run: Option<RunStatus>,
}

/// The status of the sweep in a folder.
///
/// # Errors
/// A folder without a sweep; files that are damaged or not accessible.
pub fn status_of(path: &Path) -> Result<SweepStatus, RecordError> {
    let folder = RunFolder::plain(path);
    let held = folder.in_use();
    // Read after the lock was seen: a sweep that completes between the two is complete.
    let header = header_at(path)?;
    let points: Vec<PointStatus> =
        header.points.iter().map(|name| of_point(&folder, name)).collect::<Result<_, _>>()?;
    let shards = if header.status == Status::Complete { Vec::new() } else { shards(&folder)? };
    let running = held || shards.iter().any(|shard| shard.state == ShardState::Running);
    let failed = |point: &PointStatus| point.run.as_ref().is_some_and(|run| run.state == RunState::Failed);
    let state = match header.status {
        Status::Complete => RunState::Complete,
        _ if running => RunState::Running,
        Status::Interrupted => RunState::Interrupted,
        Status::Running if points.iter().any(failed) => RunState::Failed,
        Status::Running => RunState::Killed,
    };
    let complete = |point: &&PointStatus| point.run.as_ref().is_some_and(|run| run.state == RunState::Complete);
    let complete_points = points.iter().filter(complete).count();
    Ok(SweepStatus { folder: path.into(), state, complete_points, points, shards })
}

fn of_point(folder: &RunFolder, name: &str) -> Result<PointStatus, RecordError> {
    let run = match status::of(&folder.file(&point_folder(name))) {
        Err(RecordError::NotARun { .. }) => None,
        found => Some(found?),
    };
    Ok(PointStatus { point: name.into(), run })
}

/// The shards of a sweep, each with its pieces.
fn shards(folder: &RunFolder) -> Result<Vec<ShardStatus>, RecordError> {
    let Some(count) = folder.shard_count()? else { return Ok(Vec::new()) };
    let dealt: Option<Vec<Vec<PieceRecord>>> = match folder.load_json(&pieces_name(count))? {
        SavedPart::Found(dealt) => Some(dealt),
        SavedPart::Absent | SavedPart::Damaged(_) => None,
    };
    let of = |shard: Shard| {
        let own = dealt.as_ref().and_then(|dealt| dealt.get(shard.index() - 1));
        let complete = own.map(|own| own.iter().map(|piece| is_complete(folder, piece)).collect::<Result<Vec<_>, _>>());
        let pieces = complete.transpose()?.map(|all| (all.iter().filter(|done| **done).count(), all.len()));
        let state = match (folder.shard_state(shard)?, pieces) {
            (ShardState::Stopped | ShardState::Missing, Some((done, all))) if done == all => ShardState::Complete,
            (state, _) => state,
        };
        Ok(ShardStatus { shard: shard.to_string(), state, pieces })
    };
    Shard::all(count).map(of).collect()
}

/// Whether a piece is complete, as the point says.
fn is_complete(folder: &RunFolder, piece: &PieceRecord) -> Result<bool, RecordError> {
    let run = match RunFolder::existing(&folder.file(&point_folder(&piece.point))) {
        Err(RecordError::NotARun { .. }) => return Ok(false),
        run => run?,
    };
    let manifest = run.manifest()?;
    let record = run.of_experiment(&manifest.experiment).shard_record(piece.shard)?;
    Ok(manifest.status == Status::Complete || record.is_some_and(|record| record.complete))
}
