//! The kinetic equation on a grid beside particles: two routes to one limit, each with its error.

mod clouds;
mod compare;
mod figure;
mod record;
mod rest;
mod spec;
mod study;

pub use record::{KineticArrays, KineticRecord, RestRecord};
pub use spec::Kinetic;
