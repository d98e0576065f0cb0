//! Networks as empirical measures.
//!
//! A finite network and a cloud of mean-field particles are the same object: N neurons, each a point `theta`,
//! and the prediction is an average over them. State is one flat slice of parameters and one of momenta; a
//! [`TwoLayer`] network interprets it: it predicts, gives the potential's gradient, and translates to and from
//! the canonical order of the files. The factor 1/N lives in [`TwoLayer::predict`] and nowhere else.
//!
//! | file | what |
//! |---|---|
//! | [`real`] | `f64` or `f32`, one sealed trait |
//! | [`activation`] | the scalar nonlinearities and their derivatives |
//! | [`loss`] | the losses and their derivatives in the prediction |
//! | [`start`] | laws of the initial parameters |
//! | [`two_layer`] | the two-layer model |
//! | `features.rs` | what single neurons say, for studies that take ensembles apart |
//! | [`kernel`] | the only room that knows the layout in memory |

pub mod activation;
mod features;
pub mod kernel;
pub mod loss;
pub mod real;
pub mod start;
pub mod two_layer;

pub use activation::Activation;
pub use kernel::{InstructionSet, Kick, Layout, Threads, Workspace};
pub use loss::{Loss, Objective};
pub use real::Real;
pub use start::{Law, Start};
pub use two_layer::{Batch, Part, TwoLayer};
