//! What the study of the radial reduction leaves behind beside its arrays.

use crate::number;
use serde::{Deserialize, Serialize};

/// `records/radial.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RadialRecord {
    /// Dimension of the population.
    pub dimension: usize,
    /// Dimensions that the grid was solved in, in the order of the arrays.
    pub dimensions: Vec<usize>,
    /// Width of the network.
    pub width: usize,
    /// Networks of that width.
    pub seeds: usize,
    /// Particles of the reduction.
    pub particles: usize,
    /// `sup_t |R - R'|` of the grid with half the nodes, and with half the step.
    #[serde(with = "number")]
    pub half_nodes: f64,
    /// With half the step.
    #[serde(with = "number")]
    pub half_step: f64,
    /// Recording times at which laws were kept.
    pub snapshots: Vec<usize>,
}
