//! Networks as empirical measures.
//!
//! A finite network and a cloud of mean-field particles are the same object: N neurons, each a point `theta`,
//! and the prediction is an average over them. State is one flat slice of parameters and one of momenta; a
//! [`Network`] interprets it: it predicts, gives the potential's gradient, and translates to and from
//! the canonical order of the files. The factors 1/N live in the kernels' predictions and nowhere else.
//!
//! | file | what |
//! |---|---|
//! | [`activation`] | the scalar nonlinearities and their derivatives |
//! | [`loss`] | the losses and their derivatives in the prediction |
//! | [`start`] | laws of the initial parameters |
//! | [`parameters`] | canonical order: families of units |
//! | [`model`] | the interface of networks of any depth |
//! | [`two_layer`], [`three_layer`] | the models |
//! | `workspace.rs` | forward and backward passes of either |
//! | `clouds.rs` | which neurons there are to draw |
//! | `features.rs` | features of single neurons, for studies of subsets of neurons |
//! | [`kernel`] | the kernels; nothing else depends on the layout in memory |

pub mod activation;
mod clouds;
mod features;
#[allow(unsafe_code)]
pub mod kernel;
pub mod loss;
pub mod model;
pub mod parameters;
pub mod start;
pub mod three_layer;
pub mod two_layer;
mod workspace;

pub use activation::Activation;
pub use clouds::{Cloud, Coordinate};
pub use kernel::{StepCoefficients, StepRequest, TwoLayerLayout};
pub use loss::{Loss, Objective};
pub use model::{DropoutPattern, Model, Network};
pub use parameters::{Family, FamilyPart, ParameterVector};
pub use start::{Law, Start};
pub use three_layer::ThreeLayer;
pub use two_layer::{Batch, TwoLayer};
pub use workspace::Workspace;
