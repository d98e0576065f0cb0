//! The kinetic equation on a grid, compared with independent clouds of particles.

mod about;
mod clouds;
mod compare;
mod curves;
mod figure;
mod free_energy;
mod histogram;
mod record;
mod spec;
mod study;

pub use record::{EquilibriumRecord, KineticArrays, KineticRecord};
pub use spec::Kinetic;
