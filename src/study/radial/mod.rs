//! The study of the radial reduction: MMN's Gaussians on a grid of (|w|, d|w|/dt), beside particles and networks in
//! R^d.

mod figure;
mod record;
mod spec;
mod study;

pub use record::{RadialArrays, RadialRecord};
pub use spec::RadialReduction;
