//! Which clouds of neurons there are to draw, and from which arrays of `state/`.

use serde::{Deserialize, Serialize};

/// Numbers of every neuron of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coordinate {
    /// A part, as in `state/`.
    pub part: String,
    /// The axis that is averaged over, where neurons are not simply the part's rows: over its columns (1), or over its rows
    /// (0), when neurons are its columns.
    pub mean_over: Option<usize>,
}

/// A layer's neurons, `records/clouds.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudRecord {
    /// Name of the layer; empty where there is one.
    pub layer: String,
    /// Where a neuron is: in one part's space, or by two numbers.
    pub position: Vec<Coordinate>,
    /// Whose sign gives the colour.
    pub sign: Coordinate,
    /// What that is, for the legend.
    pub sign_of: String,
}
