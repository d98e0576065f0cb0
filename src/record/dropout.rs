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
    /// The ways to drop neurons, as they stand before the names of arrays and measures; one without a name where there is
    /// one hidden layer.
    #[serde(default = "unnamed", skip_serializing_if = "is_unnamed")]
    pub drops: Vec<String>,
    /// `fixed`: change of the loss at that number against the width. `quantile`: 95 % quantile of the change against M.
    pub fits: Vec<FitRecord>,
}

fn unnamed() -> Vec<String> {
    vec![String::new()]
}

fn is_unnamed(drops: &[String]) -> bool {
    drops == [String::new()]
}
