//! What a trajectory leaves to the rest of the run.

use super::limit_path::LimitPath;
use super::series::Series;
use crate::dynamics::StopReason;

/// A trajectory that has ended.
pub struct TrajectoryOutcome<R> {
    /// How it ended.
    pub stop: StopReason,
    /// What was recorded.
    pub series: Series,
    /// The path, where others are compared with this run.
    pub path: Option<LimitPath<R>>,
    /// The last difference in the predictions of the iteration that found it; 0 where there was none.
    pub unconverged: f64,
}
