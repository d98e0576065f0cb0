//! A run as several jobs: its parts, and the distribution of its work.
//!
//! ```text
//! limit    the trajectories with which others are compared, and what all tasks of a study need
//! shards   1/n to n/n, at the same time: every other trajectory, and the tasks of the studies
//! finish   what depends on all of them: tasks whose networks are of several shards, records, checks, figures
//! ```
//!
//! The distribution is a function of the plan and of n alone: the costliest first, each to the shard with the least work so
//! far ([`assign`]). Every result is in the run folder under a name of its own, and does not depend on who has computed
//! it, so that the run has the same bits as one in a single process.

use super::plan::Plan;
pub use crate::ranks::assign;
pub use crate::record::Shard;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

/// The part of a run that a process computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// The limit: what the shards need.
    Limit,
    /// A share of the rest.
    Shard(Shard),
    /// What depends on all shards.
    Finish,
}

impl Part {
    /// Whether a process that computes it writes the progress of the run: shards run beside each other, and do not.
    pub fn writes_progress(self) -> bool {
        !matches!(self, Part::Shard(_))
    }
}

impl fmt::Display for Part {
    /// The flags with which `widelimit run` computes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Whole => Ok(()),
            Part::Limit => f.write_str("--stage limit"),
            Part::Shard(shard) => write!(f, "--shard {shard}"),
            Part::Finish => f.write_str("--stage finish"),
        }
    }
}

/// A part of a run that cannot be computed, as another is missing.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// No part of the run has been computed.
    #[error("{path} holds no run: the first part is the limit (--stage limit)")]
    NotBegun {
        /// The run folder.
        path: PathBuf,
    },
    /// The limit is missing, or not complete.
    #[error("{path}: the limit is not complete, and all other parts need it (missing: {})", listed(.missing))]
    Limit {
        /// The run folder.
        path: PathBuf,
        /// What is missing.
        missing: Vec<String>,
    },
    /// No shard has been computed.
    #[error("{path}: no shard has been computed: expected --shard 1/N to N/N before --stage finish, with any N")]
    NoShards {
        /// The run folder.
        path: PathBuf,
    },
    /// Shards are missing, or not complete.
    #[error("{path}: {}", listed_shards(.missing))]
    Shards {
        /// The run folder.
        path: PathBuf,
        /// The shards, each with what is missing of it.
        missing: Vec<(Shard, Vec<String>)>,
    },
}

impl PartError {
    /// The parts to compute first.
    pub fn remedies(&self) -> Vec<Part> {
        match self {
            PartError::NotBegun { .. } | PartError::Limit { .. } => vec![Part::Limit],
            PartError::NoShards { .. } => vec![],
            PartError::Shards { missing, .. } => missing.iter().map(|(shard, _)| Part::Shard(*shard)).collect(),
        }
    }
}

/// Most names in a message.
const NAMED: usize = 4;

fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let first = names[..names.len() - more].join(", ");
    if more > 0 { format!("{first} and {more} more") } else { first }
}

fn listed_shards(missing: &[(Shard, Vec<String>)]) -> String {
    let one = |(shard, names): &(Shard, Vec<String>)| match names.is_empty() {
        true => format!("shard {shard} is not complete"),
        false => format!("shard {shard} is not complete (missing: {})", listed(names)),
    };
    missing.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Which of some work, by its costs, is that of a shard.
pub fn owned(costs: &[f64], shard: Shard) -> Vec<bool> {
    assign(costs, shard.count()).into_iter().map(|position| position + 1 == shard.index()).collect()
}

/// Which trajectories are those of the part [`Part::Limit`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitScope {
    /// Those with which others are compared.
    #[default]
    Compared,
    /// All solutions of the limit: other runs have them in common, and they are computed once.
    All,
}

impl LimitScope {
    /// The ids of these trajectories.
    pub fn ids(self, plan: &Plan) -> BTreeSet<&str> {
        let compared = plan.trajectories().filter_map(|t| t.recording.compare.as_ref()).map(|c| c.limit.as_str());
        let others = plan.trajectories().filter(|t| self == LimitScope::All && t.is_limit()).map(|t| t.id.as_str());
        compared.chain(others).collect()
    }
}

/// How much longer the busiest shard may be for the sake of pairs.
const PAIRING: f64 = 1.25;

/// The shard of every other trajectory than those of `scope` up to time `time`, by id. Pairs of networks that a study examines
/// together are in one shard, which then does that too, unless the work of the busiest shard grows by more than a quarter.
pub fn shards_of(plan: &Plan, scope: LimitScope, time: f64, count: usize) -> BTreeMap<&str, Shard> {
    let limits = scope.ids(plan);
    let others: Vec<_> = plan.trajectories().filter(|t| !limits.contains(t.id.as_str())).collect();
    let second: BTreeMap<&str, &str> =
        plan.pairs.iter().map(|[first, second]| (second.as_str(), first.as_str())).collect();
    // A pair is named by its first network.
    let unit = |id| second.get(id).copied().unwrap_or(id);
    let mut units: BTreeMap<&str, f64> = BTreeMap::new();
    others.iter().for_each(|t| *units.entry(unit(&t.id)).or_default() += t.work(time));
    let single: Vec<f64> = others.iter().map(|t| t.work(time)).collect();
    let joined: Vec<f64> = units.values().copied().collect();
    let (alone, together) = (assign(&single, count), assign(&joined, count));
    let pairs = busiest(&joined, &together, count) <= PAIRING * busiest(&single, &alone, count);
    let of_unit: BTreeMap<&str, usize> = units.keys().copied().zip(together).collect();
    let position = |at: usize| if pairs { of_unit[unit(&others[at].id)] } else { alone[at] };
    (0..others.len()).filter_map(|at| Some((others[at].id.as_str(), Shard::new(position(at) + 1, count)?))).collect()
}

/// The work of the busiest shard.
fn busiest(costs: &[f64], positions: &[usize], count: usize) -> f64 {
    let mut loads = vec![0.0; count];
    costs.iter().zip(positions).for_each(|(cost, &at)| loads[at] += cost);
    loads.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_costliest_are_assigned_first() {
        // 7, then 6, then 5 and 4 to the smaller of both.
        assert_eq!(assign(&[4.0, 5.0, 6.0, 7.0], 2), [0, 1, 1, 0]);
        assert_eq!(assign(&[1.0, 1.0, 1.0], 2), [0, 1, 0]);
        assert_eq!(assign(&[3.0], 4), [0]);
        assert!(assign(&[], 3).is_empty());
    }

    /// No shard has more than the mean and the largest item (Graham 1966).
    #[test]
    fn loads_are_balanced() {
        let costs: Vec<f64> = (0..97_u32).map(|k| f64::from((k * 37) % 101 + 1)).collect();
        let (sum, most) = (costs.iter().sum::<f64>(), costs.iter().copied().fold(0.0, f64::max));
        for count in 1..20 {
            let busiest = busiest(&costs, &assign(&costs, count), count);
            assert!(busiest >= sum / count as f64 && busiest <= sum / count as f64 + most, "{busiest}");
        }
    }

    #[test]
    fn every_item_has_one_owner() {
        let costs = [2.0, 9.0, 4.0, 4.0, 1.0];
        let owners: Vec<Vec<bool>> = Shard::all(7).map(|shard| owned(&costs, shard)).collect();
        assert!((0..5).all(|item| owners.iter().filter(|own| own[item]).count() == 1));
        assert_eq!(owners.iter().filter(|own| own.iter().all(|own| !own)).count(), 2, "two shards are empty");
    }

    #[test]
    fn messages_name_what_is_missing() {
        let names: Vec<String> = (0..6).map(|k| format!("n4-s{k}")).collect();
        let shard = Shard::new(2, 3).unwrap();
        let error = PartError::Shards { path: "runs/a".into(), missing: vec![(shard, names)] };
        let expected = "runs/a: shard 2/3 is not complete (missing: n4-s0, n4-s1, n4-s2, n4-s3 and 2 more)";
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.remedies(), [Part::Shard(shard)]);
    }
}
