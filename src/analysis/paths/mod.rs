//! Paths of low loss between two trained networks of equal width.
//!
//! Theory section 7. Four kinds of path:
//!
//! * the constructive path of Shevchenko, Mondelli (ICML 2020; SM), Kuditipudi et al. (NeurIPS 2019; KWL) and Wu,
//!   Kungurtsev, Mondelli (TMLR 2023; WKM) in `constructive.rs`, with waypoints in `two_layer.rs` and `three_layer.rs`
//!   and a bound on the risk that is exact up to rounding;
//! * the straight line;
//! * the straight line after the best matching of neurons, in `matching.rs`;
//! * a trained quadratic curve, in `bezier.rs`.
//!
//! `profile.rs` evaluates the loss along any of them. Every computation that can take more than a second calls a
//! [`Proceed`] while it runs.

mod bezier;
mod constructive;
mod matching;
mod path;
mod profile;
mod three_layer;
mod two_layer;

pub use bezier::{CurveForce, train_curve};
pub use constructive::{ConstructivePath, NamedRisks, PathStructure, WaypointArray, path_structure};
pub use matching::{Assignment, Matching, NeuronDistance};
pub use path::Path;
pub use profile::{LossEvaluator, Profile};

/// Called with the completed fraction of a computation, from 0 to 1; returns whether to continue.
pub type Proceed<'a> = dyn Fn(f64) -> bool + 'a;
