//! Which points of a sweep have their limits in common.

use super::super::shard::LimitScope;
use super::super::shared_limit::limit_parts;
use crate::config::AnyExperiment;
use crate::config::vary::Varied;
use std::collections::BTreeMap;

/// Which trajectories of every point are computed before its shards: where another point has the same limit, all solutions
/// of it, so that none is computed twice.
pub(super) fn limit_scopes(varied: &Varied<AnyExperiment>) -> Vec<LimitScope> {
    let parts: Vec<Option<String>> = varied.points.iter().map(|point| parts(&point.experiment)).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    parts.iter().flatten().for_each(|parts| *counts.entry(parts).or_default() += 1);
    let common = |parts: &String| counts[parts.as_str()] > 1;
    let scope = |common| if common { LimitScope::All } else { LimitScope::Compared };
    parts.iter().map(|parts| scope(parts.as_ref().is_some_and(common))).collect()
}

/// The parts of an experiment on which its limit depends, where it has one.
fn parts(experiment: &AnyExperiment) -> Option<String> {
    match experiment {
        AnyExperiment::Training(e) => Some(limit_parts(e)),
        AnyExperiment::Recovery(_) | AnyExperiment::Pruning(_) => None,
    }
}
