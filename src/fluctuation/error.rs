//! Predictions that cannot be made.

use super::pairs::PairsError;
use super::weighted::WeightError;
use crate::dynamics::Method;
use crate::network::Activation;

/// Why fluctuations cannot be predicted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FluctuationError {
    /// The linearised potential contains the second derivative of the activation, which is a delta function at a kink.
    #[error("the activation {activation} has kinks, so that the limit cannot be linearised; use weighted pairs")]
    Kink {
        /// The activation.
        activation: Activation,
    },
    /// Only networks with one hidden layer are linearised.
    #[error("only two-layer networks are linearised; use weighted pairs for three layers")]
    Depth,
    /// The method chooses its steps from the state, so that the tangent of a step is not the step of the tangent.
    #[error("the method {method} chooses its steps; use a method with a fixed step")]
    Adaptive {
        /// The method.
        method: Method,
    },
    /// The weights do not belong to this cloud.
    #[error("the columns have {found} weights each, the cloud has {expected} particles")]
    Particles {
        /// Weights in a column.
        found: usize,
        /// Particles of the cloud.
        expected: usize,
    },
    /// The cloud is too small for the requested number of orthonormal columns.
    #[error("{columns} orthonormal columns of mean zero need more than {particles} particles")]
    TooManyModes {
        /// Columns requested.
        columns: usize,
        /// Particles of the cloud.
        particles: usize,
    },
    /// A state of the limit, or a factorisation of its features, is not finite.
    #[error(
        "the {what} of the limit are not finite: the step is too long for these dynamics, or the start is too large"
    )]
    NotFinite {
        /// What is not finite.
        what: &'static str,
    },
    /// The weighted clouds cannot be computed.
    #[error(transparent)]
    Pairs(PairsError),
    /// The quantity needs tangent vectors, which pairs of clouds do not have.
    #[error("{what} needs tangent vectors")]
    NoTangentVectors {
        /// The quantity.
        what: &'static str,
    },
    /// The caller interrupted the computation.
    #[error("interrupted")]
    Interrupted,
    /// The quantity needs the second order, which was not computed.
    #[error("{what} needs the second order of the tangent system")]
    NoSecondOrder {
        /// The quantity.
        what: &'static str,
    },
}

impl From<PairsError> for FluctuationError {
    fn from(error: PairsError) -> Self {
        match error {
            PairsError::Interrupted => FluctuationError::Interrupted,
            error => FluctuationError::Pairs(error),
        }
    }
}

impl From<WeightError> for FluctuationError {
    fn from(error: WeightError) -> Self {
        FluctuationError::Pairs(error.into())
    }
}
