//! What the studies look at: one table of the experiment file each.

use super::experiment::{BatchSize, Dynamics};
use crate::choice::choice;
use crate::dynamics::Method;
use crate::network::Start;
use serde::Serialize;

/// Networks of one width that are trained or started otherwise than [`Dynamics`] and the network's start say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Variant {
    /// Names its files, and its line in figures.
    pub name: String,
    /// Heavy ball or plain gradient descent.
    pub method: Method,
    /// Step eps.
    pub step: f64,
    /// Friction gamma; 0 under plain gradient descent.
    pub friction: f64,
    /// Width N.
    pub width: usize,
    /// Independent repetitions.
    pub seeds: usize,
    /// Whether the start violates the support condition of global convergence, so that the networks must stall.
    pub stalls: bool,
    /// Law of a neuron at time 0, where it is not the network's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
}

/// What the gap study looks at besides the widths.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    /// Directions of the sliced Wasserstein distance.
    pub projections: usize,
    /// Bootstrap resamples behind every interval.
    pub resamples: usize,
    /// Sweeps over step or batch at one width.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sweep: Vec<Sweep>,
}

choice! {
    /// What a sweep varies.
    pub enum Over: "sweep" {
        /// The step eps.
        Step = "step",
        /// The batch size B.
        Batch = "batch",
    }
}

/// A sweep over step or batch, each network beside the limit of its own particles, so that width plays no part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sweep {
    /// What varies.
    pub over: Over,
    /// Steps, or batch sizes.
    pub values: Vec<f64>,
    /// Width of the networks.
    pub width: usize,
    /// Independent repetitions.
    pub seeds: usize,
    /// Samples per step of a sweep over steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchSize>,
    /// Step of a sweep over batches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
}

impl Sweep {
    /// Step and batch size of the sweep's entry `value`.
    pub fn at(&self, value: f64, dynamics: &Dynamics) -> (f64, BatchSize) {
        match self.over {
            Over::Step => (value, self.batch.unwrap_or(BatchSize::Full)),
            Over::Batch => (self.step.unwrap_or(dynamics.step), BatchSize::Size(value as usize)),
        }
    }
}

/// How much a network loses when neurons are dropped (theory section 6).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dropout {
    /// Numbers of neurons kept, M; powers of two without it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<usize>,
    /// Random sets per network.
    pub draws: usize,
    /// Widest network whose neurons are also chosen greedily.
    pub greedy_up_to: usize,
}

/// Low-loss paths between trained networks (theory section 7).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Connect {
    /// Pairs of seeds per width: (0, 1), (2, 3), ...
    pub pairs: usize,
    /// Random halves tried for the better constructive path.
    pub halves: usize,
    /// Points per straight piece, ends included.
    pub points: usize,
    /// Widest networks whose neurons are matched.
    pub match_up_to: usize,
    /// Variants whose networks are also joined to the networks of the same width.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<String>,
    /// The learned curve; none without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bezier: Option<Bezier>,
}

/// Training of the middle point of a quadratic Bezier curve by heavy ball, one place on the curve a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bezier {
    /// Steps taken.
    pub steps: usize,
    /// Step eps.
    pub step: f64,
    /// Friction gamma.
    pub friction: f64,
    /// Samples per step.
    pub batch: BatchSize,
    /// Widest networks joined by a curve.
    pub up_to: usize,
}

/// Risk against time across widths, starts and methods (theory section 8).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Converge {
    /// Levels whose first passage is timed, as fractions of the limit's whole descent: 1 is the start, 0 the end.
    pub levels: Vec<f64>,
}

/// The trajectory map of the existence proof: how its iterates come to their fixed point (theory section 3).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PicardStudy {
    /// Particles of the cloud.
    pub particles: usize,
    /// Numbers of windows that the horizon is cut into, one iteration each.
    pub windows: Vec<usize>,
    /// Most iterates of a window.
    pub iterates: usize,
    /// When a window is done, as in [`super::Iterated::tolerance`].
    pub tolerance: f64,
}

/// The kinetic equation on a grid, beside particles (theory section 3): for neurons with one trained parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kinetic {
    /// Ends of the box of theta.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Momenta are in [-momentum, momentum].
    pub momentum: f64,
    /// Nodes of theta and of the momenta.
    pub nodes: usize,
    /// Step h.
    pub step: f64,
    /// Particles in all; 0: the grid is held against nothing.
    pub particles: usize,
    /// Independent clouds that they are in.
    pub clouds: usize,
    /// Frictions at which the rate of approach to the Gibbs law is measured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frictions: Vec<f64>,
}

impl Kinetic {
    /// Ends of theta, and the largest momentum.
    pub fn ends(&self) -> (f64, f64, f64) {
        (self.low, self.high, self.momentum)
    }
}

/// MMN's isotropic Gaussians by the radial reduction (theory section 3), on the grid of the reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RadialStudy {
    /// Particles of the reduction.
    pub particles: usize,
    /// Dimensions that it is solved in beside the population's own, all at the same cost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dimensions: Vec<usize>,
}
