//! Kinds of work, and the counted work of a call.

use crate::choice::{Choice, choice};

choice! {
    /// A kind of work.
    pub enum WorkKind: "kind of work" {
        /// Passes of networks, with the step of the integrator: forward, backward, update.
        Kernels = "kernels",
        /// The kinetic equation on a grid.
        KineticGrid = "kinetic grid",
        /// Tangent columns, pairs of clouds, and laws of predictions.
        Columns = "tangent columns",
        /// Products of features, their inner products, matching of neurons; factors in sparse recovery.
        Products = "matrix products",
        /// Second moments of a layer's inputs in pruning, and products with them.
        MomentProducts = "products with H",
        /// Triangular factors, inverses and refits in pruning.
        Factors = "factors",
        /// Column sweeps and eliminations in pruning.
        Sweeps = "sweeps",
        /// Forward and backward passes of a model that is pruned.
        ModelPasses = "model passes",
        /// What is recorded along training: function values, Wasserstein distances, dropout.
        Recording = "recording",
        /// Random numbers: starts, batches, Brownian increments.
        Random = "random numbers",
        /// Files: checkpoints, states, records, their checksums.
        Files = "state i/o",
        /// Figures and the report.
        Figures = "figures",
    }
}

/// Number of kinds.
pub(super) const KINDS: usize = WorkKind::ALL.len();

/// The slot of a thread that is in no scope.
pub(super) const NO_KIND: usize = KINDS;

/// The counted work of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkCounts {
    /// Floating point operations: a multiplication and an addition are two.
    pub operations: u64,
    /// Evaluations of an activation function, its derivatives included.
    pub activations: u64,
    /// Bytes of the arrays that are read and written, each once.
    pub bytes: u64,
    /// Whether the scalars are of single precision.
    pub single: bool,
}

impl WorkCounts {
    /// The work of a call on scalars `R` that reads and writes so many of them.
    pub fn of<R>(operations: usize, activations: usize, scalars: usize) -> Self {
        WorkCounts {
            operations: operations as u64,
            activations: activations as u64,
            bytes: (scalars * size_of::<R>()) as u64,
            single: size_of::<R>() == size_of::<f32>(),
        }
    }
}
