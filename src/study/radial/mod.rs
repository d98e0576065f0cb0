//! The study of the radial reduction: the isotropic Gaussians of MMN on a grid of (|w|, d|w|/dt), compared with
//! particles of the reduction and with networks in R^d.

mod about;
mod curves;
mod figure;
mod record;
mod spec;
mod study;

pub use record::{RadialArrays, RadialRecord};
pub use spec::RadialReduction;
