//! A sweep as several jobs: its shards, and what must be complete before its last part.
//!
//! ```text
//! limit    the limit of every point; what points have in common is computed once
//! shards   1/n to n/n, at the same time: pieces of points each
//! finish   what is left of every point, and what the points show together
//! ```
//!
//! `checkpoint/` of the folder of the sweep has the locks of the shards, their number n, and for every n that was used
//! `pieces-of-N.json`: the pieces of each shard.

use super::super::context::RunError;
use super::super::shard::{LimitScope, PartError, Shard};
use super::super::training_run;
use super::division::{Piece, divide};
use super::points::{of_point, point_folder};
use super::scopes::limit_scopes;
use crate::config::AnyExperiment;
use crate::config::vary::{Varied, VariedPoint};
use crate::record::{RecordError, RunFolder, Status};
use serde::{Deserialize, Serialize};

/// A piece in `pieces-of-N.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PieceRecord {
    /// Name of the point.
    pub point: String,
    /// The shard of the point.
    pub shard: Shard,
}

/// The file of the pieces of `count` shards.
pub(super) fn pieces_name(count: usize) -> String {
    format!("checkpoint/pieces-of-{count}.json")
}

/// The pieces of a shard; those of all are written into the folder, for [`super::status`].
///
/// # Errors
/// A file that cannot be written.
pub(super) fn pieces_of(
    varied: &Varied<AnyExperiment>,
    folder: &RunFolder,
    shard: Shard,
) -> Result<Vec<Piece>, RecordError> {
    let mut dealt = divide(varied, shard.count());
    let record = |piece: &Piece| PieceRecord { point: varied.points[piece.point].name.clone(), shard: piece.shard };
    let records: Vec<Vec<PieceRecord>> = dealt.iter().map(|own| own.iter().map(record).collect()).collect();
    folder.save_json(&pieces_name(shard.count()), &records)?;
    Ok(dealt.swap_remove(shard.index() - 1))
}

/// Checks that of every point that is unfinished the limit and all pieces are complete.
///
/// # Errors
/// [`PartError`], with all that is missing; files that are not accessible.
pub(super) fn require_parts(varied: &Varied<AnyExperiment>, folder: &RunFolder) -> Result<(), RunError> {
    let path = || folder.path().to_path_buf();
    let count = folder.shard_count()?;
    let dealt = divide(varied, count.unwrap_or(1));
    let scopes = limit_scopes(varied);
    let mut limits = Vec::new();
    let mut missing: Vec<(Shard, Vec<String>)> = Shard::all(dealt.len()).map(|shard| (shard, Vec::new())).collect();
    let mut unfinished = false;
    for (i, point) in varied.points.iter().enumerate() {
        let own = dealt.iter().enumerate().flat_map(|(owner, pieces)| pieces.iter().map(move |piece| (owner, piece)));
        let (owners, pieces): (Vec<usize>, Vec<Shard>) =
            own.filter(|(_, piece)| piece.point == i).map(|(owner, piece)| (owner, piece.shard)).unzip();
        let found = missing_of(point, folder, scopes[i], &pieces).map_err(of_point(&point.name))?;
        let Some(Missing { limit, pieces }) = found else { continue };
        unfinished = true;
        limits.extend(limit);
        for (owner, names) in owners.into_iter().zip(pieces) {
            missing[owner].1.extend(names);
        }
    }
    missing.retain(|(_, names)| !names.is_empty());
    Err(match (limits.is_empty(), count) {
        (false, _) => PartError::Limit { path: path(), missing: limits },
        (true, None) if unfinished => PartError::NoShards { path: path() },
        (true, _) if !missing.is_empty() => PartError::Shards { path: path(), missing },
        (true, _) => return Ok(()),
    }
    .into())
}

/// What an unfinished point lacks.
struct Missing {
    /// Of its limit.
    limit: Vec<String>,
    /// Of some of its shards.
    pieces: Vec<Vec<String>>,
}

/// What a point lacks of its limit and of some of its shards; `None` where it is complete.
fn missing_of(
    point: &VariedPoint<AnyExperiment>,
    folder: &RunFolder,
    scope: LimitScope,
    shards: &[Shard],
) -> Result<Option<Missing>, RunError> {
    let of = |what: &str| format!("{what} of {}", point.name);
    let run = match RunFolder::existing(&folder.file(&point_folder(&point.name))) {
        Err(RecordError::NotARun { .. }) => {
            return Ok(Some(Missing { limit: vec![of("everything")], pieces: vec![Vec::new(); shards.len()] }));
        }
        run => run?,
    };
    if run.manifest()?.status == Status::Complete {
        return Ok(None);
    }
    let (limit, trajectories) = match &point.experiment {
        AnyExperiment::Training(e) => training_run::missing_of_parts(e, &run, scope, shards)?,
        AnyExperiment::Recovery(_) | AnyExperiment::Pruning(_) => (Vec::new(), vec![Vec::new(); shards.len()]),
    };
    let run = run.of_experiment(&point.experiment.resolved());
    let mut pieces = Vec::new();
    for (shard, ids) in shards.iter().zip(trajectories) {
        let complete = run.shard_record(*shard)?.is_some_and(|record| record.complete);
        let mut names: Vec<String> = ids.iter().map(|id| of(id)).collect();
        if names.is_empty() && !complete {
            names.push(of("tasks"));
        }
        pieces.push(names);
    }
    Ok(Some(Missing { limit: limit.iter().map(|id| of(id)).collect(), pieces }))
}
