//! Networks as empirical measures of neurons.
//!
//! A finite network and a particle approximation of the mean-field limit are the same object: N neurons, each a point
//! `theta`, whose average is the prediction. The state is a flat slice of parameters and one of momenta. A [`Network`]
//! interprets it: it predicts, computes the gradient of the potential, and converts to and from the canonical order of
//! the files. The factors 1/N are applied in the predictions of the kernels and nowhere else.
//!
//! | file | contents |
//! |---|---|
//! | [`activation`] | the activation functions and their derivatives |
//! | [`loss`] | the losses and their derivatives in the prediction |
//! | [`start`] | laws of the initial parameters |
//! | [`low_discrepancy`] | starts at scrambled Sobol' points |
//! | [`parameters`] | canonical order: families of units |
//! | [`model`] | the common interface of networks of any depth |
//! | [`two_layer`], [`three_layer`] | the two networks |
//! | `workspace.rs` | forward and backward passes of networks of any depth |
//! | `clouds.rs` | scatter plots of neurons |
//! | `features.rs` | hidden activations of single neurons |
//! | `accuracy.rs` | shares of right predictions |
//! | [`kernel`] | the passes over the memory layout, which is private to it |

mod accuracy;
pub mod activation;
mod clouds;
mod features;
#[allow(unsafe_code)]
pub mod kernel;
pub mod loss;
pub mod low_discrepancy;
pub mod model;
pub mod parameters;
pub mod start;
pub mod three_layer;
pub mod two_layer;
mod workspace;

pub use accuracy::Accuracy;
pub use activation::Activation;
pub use clouds::{Cloud, Coordinate};
pub use kernel::{Portion, RangeUpdate, Shares, StepCoefficients, StepRequest, TwoLayerLayout, UpdateRequest};
pub use loss::{Loss, Objective};
pub use low_discrepancy::{LowDiscrepancyError, LowDiscrepancyStart};
pub use model::{DropoutPattern, Model, Network};
pub use parameters::{Family, FamilyPart, ParameterVector};
pub use start::{Law, Start};
pub use three_layer::ThreeLayer;
pub use two_layer::{Batch, TwoLayer};
pub use workspace::Workspace;
