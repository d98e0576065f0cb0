//! The results of a trajectory.

use super::limit_path::LimitPath;
use super::series::Series;
use crate::dynamics::StopReason;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A trajectory that has ended.
pub struct TrajectoryOutcome<R> {
    /// Why it stopped.
    pub stop: StopReason,
    /// The recorded series.
    pub series: Series,
    /// The path, where it is kept.
    pub path: Option<LimitPath<R>>,
    /// The last difference between the predictions of two iterates; 0 where it was not computed by iteration.
    pub unconverged: f64,
}

/// `checkpoint/ID.json`: the end of a trajectory.
#[derive(Serialize, Deserialize)]
pub(super) struct Ended {
    /// Why it stopped.
    pub stop: StopReason,
    /// Checksum of the last checkpoint.
    pub checkpoint: String,
    /// Checksum of `state/ID.npz`, by its name.
    pub state: BTreeMap<String, String>,
}
