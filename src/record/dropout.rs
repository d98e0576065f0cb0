//! What the dropout study leaves behind beside its arrays.

use super::FitRecord;
use serde::{Deserialize, Serialize};

/// `records/dropout.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DropoutRecord {
    /// Whether the closed form is exact (half-squared loss), or of second order only.
    pub exact: bool,
    /// The number of kept neurons at which dependence on the width is tested; 0 where no width allows it.
    pub fixed: usize,
    /// `fixed`: change of the loss at that number against the width. `quantile`: 95 % quantile of the change against M.
    pub fits: Vec<FitRecord>,
}
