//! Trajectories that are kept when a run is extended.

use super::series::Series;
use crate::dynamics::StopReason;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is saved of a trajectory that has ended, apart from its series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedEnd {
    /// Why it stopped.
    pub stop: StopReason,
    /// The last difference between iterates; 0 where it was not computed by iteration.
    pub unconverged: f64,
    /// Checksum of its state; `None` where it has none, as on a grid.
    pub state: Option<String>,
    /// Steps and time at the end, where the trajectory can be continued.
    pub clock: Option<(u64, f64)>,
}

/// A trajectory that is not computed again.
#[derive(Clone, Debug)]
pub struct KeptTrajectory {
    /// Its end.
    pub end: SavedEnd,
    /// Its series.
    pub series: Series,
}

/// The trajectories that are kept, by id.
pub type KeptTrajectories = BTreeMap<String, KeptTrajectory>;
