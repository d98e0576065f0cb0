//! Paths of low loss between two trained networks of equal width.
//!
//! Theory section 7: the constructive path of Shevchenko, Mondelli (ICML 2020), Kuditipudi et al. (NeurIPS 2019) and Wu,
//! Kungurtsev, Mondelli (TMLR 2023) in `constructive.rs` (its waypoints in `two_layer.rs` and `three_layer.rs`), with a bound
//! that is exact up to rounding; beside it the straight
//! line, the straight line after the best matching of neurons (`matching.rs`), and a learned quadratic curve (`bezier.rs`).
//! `profile.rs` walks along any of them.

mod bezier;
mod constructive;
mod matching;
mod path;
mod profile;
mod three_layer;
mod two_layer;

pub use bezier::{CurveForce, learn_curve};
pub use constructive::{Constructive, NamedRisks, Recipe, recipe};
pub use matching::{Assignment, Match, Matching};
pub use path::Path;
pub use profile::{Measure, Profile};
