//! What the study of connecting paths leaves behind beside its arrays.

use super::FitRecord;
use serde::{Deserialize, Serialize};

/// `records/connect.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectRecord {
    /// The experiment's widths.
    pub widths: Vec<usize>,
    /// The kinds of path there are.
    pub kinds: Vec<String>,
    /// The pairs, in the order of the arrays' first axis.
    pub pairs: Vec<PairRecord>,
    /// The barrier against the width, by kind of path.
    pub fits: Vec<FitRecord>,
}

/// Two networks that were joined.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PairRecord {
    /// Name of its file in `state/paths/`.
    pub name: String,
    /// Width of both.
    pub width: usize,
    /// The network at t = 0.
    pub first: String,
    /// The network at t = 1.
    pub second: String,
    /// The variant that the first is of, if any.
    pub variant: Option<String>,
}
