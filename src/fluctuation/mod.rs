//! Fluctuations of finite networks around their limit, predicted from the limit alone, without training a network.
//!
//! Every neuron feels the others only through the predictions. With independent starts the empirical law of N neurons
//! is `mu + nu / sqrt N`, nu a Gaussian white noise, and the predictions are
//!
//! ```text
//! f_N = f + G / sqrt N + J / N + O(N^(-3/2))
//! ```
//!
//! G is a centred Gaussian field, with the bare fluctuation g of independent particles of the limit as its source and
//! the linearised dynamics as its response. On a cloud of M particles of the limit nu is a vector of weights of mean
//! zero; every column nu^k has tangent vectors xi_i^k, zero at the start, that obey the equation of motion with the
//! linearised gradient in place of the gradient ([`TangentForce`]). The same integrator acts on the cloud and on its
//! tangent vectors, so that the tangent of the discrete dynamics is exact for every method with a fixed step.
//!
//! | file | what |
//! |---|---|
//! | `columns`, `modes`, `features`, `gaussian` | the columns of the noise: modes of the limit's features and a random complement |
//! | `layout`, `inputs`, `neuron`, `kernel`, `linearisation` | the linearised system, all columns at once |
//! | `force`, `batch_noise`, `given_field` | the augmented state as a [`crate::dynamics::Force`] |
//! | `propagate`, `observe`, `record` | the tangent system along the limit, and what is recorded |
//! | `law`, `loss_gap`, `square_norm`, `coupling`, `dropout`, `barrier` | what follows for networks of N neurons |
//! | `deviation` | the same by width, step and mini-batches together |
//! | `seed`, `network_deviation` | the deviation of one network, given its starts |
//! | `guards` | signs that a prediction is not to be trusted |
//! | `adjoint` | variances of given functionals, from the transposed system |
//! | [`weighted`] | clouds whose particles carry unequal weights, and the force on them |
//! | [`pairs`] | predictions from pairs of weighted clouds, without a linearisation: for kinks, long times, three layers |
//! | `paired`, `paired_draw`, `rotation`, `influence` | the same from the columns of the noise, in the form of the tangent system's fluctuations |
//! | [`layers`] | the variance of a three-layer network, by layer |

mod adjoint;
mod bare;
mod barrier;
mod batch_noise;
mod columns;
mod coupling;
mod deviation;
mod dropout;
mod error;
mod features;
mod force;
mod gaussian;
mod given_field;
mod guards;
mod influence;
mod inputs;
mod kernel;
mod law;
pub mod layers;
mod layout;
mod linearisation;
mod loss_gap;
mod modes;
mod network_deviation;
mod neuron;
mod observe;
mod paired;
mod paired_draw;
mod paired_parts;
pub mod pairs;
mod propagate;
mod record;
mod rotation;
mod seed;
mod square_norm;
#[cfg(test)]
mod tests;
pub mod weighted;

pub use adjoint::{AdjointSolution, AdjointSystem};
pub use barrier::BarrierPrediction;
pub use batch_noise::BatchNoise;
pub use columns::NoiseColumns;
pub use deviation::{DeviationParts, DeviationResponses};
pub use dropout::SpreadPrediction;
pub use error::FluctuationError;
pub use force::{CloudNoise, TangentForce, TangentSystem};
pub use given_field::{GivenField, GivenForce, RecordedField};
pub use guards::PredictionGuards;
pub use influence::layer_columns;
pub use law::PredictedLaw;
pub use layout::TangentLayout;
pub use linearisation::most_partial_numbers;
pub use loss_gap::{LossGap, LossGapDraws};
pub use modes::LimitFeatures;
pub use network_deviation::{IndependentNeurons, InfluenceMap, InfluenceSums, NetworkDeviation};
pub use paired::PairedRun;
pub use paired_parts::{FirstLayer, PairedParts, SecondOrderPart};
pub use propagate::{Fluctuations, TangentRun};
pub use record::FluctuationRecord;
pub use seed::SeedPrediction;
pub use square_norm::SquareNorm;
