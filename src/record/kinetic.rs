//! What the study of the kinetic equation leaves behind beside its arrays.

use crate::number;
use serde::{Deserialize, Serialize};

/// `records/kinetic.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KineticRecord {
    /// Friction gamma.
    pub friction: f64,
    /// Temperature tau.
    pub temperature: f64,
    /// Step h of the grid.
    pub step: f64,
    /// Nodes of theta and of the momenta.
    pub nodes: usize,
    /// Particles in all, 0 without; and the clouds that they are in.
    pub particles: usize,
    /// Independent clouds.
    pub clouds: usize,
    /// The grid's own error: sup over time of `|f - f'|` to the grid with half the nodes.
    #[serde(with = "number")]
    pub half_nodes: f64,
    /// The same to the grid with twice the step.
    #[serde(with = "number")]
    pub double_step: f64,
    /// Where it was asked for: the state of rest and the approach to it.
    pub rest: Option<RestRecord>,
}

/// The state of rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RestRecord {
    /// Free energy of the Gibbs law.
    pub free_energy: f64,
    /// `int |G(rho) - rho|` where its fixed point stopped, and after how many iterations.
    #[serde(with = "number")]
    pub residual: f64,
    /// Iterations of the fixed point.
    pub iterations: usize,
    /// `int |mu - mu*|` at the horizon, at twice the step, the step and half of it.
    #[serde(with = "number::list")]
    pub distance: Vec<f64>,
    /// Stiffness k of the harmonic well that comes to rest as slowly at the largest friction.
    #[serde(with = "number")]
    pub stiffness: f64,
}
