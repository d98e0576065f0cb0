//! The phase diagram: for which n/d and k/n each algorithm recovers a noiseless vector with k entries.

mod about;
mod curves;
mod figure;
mod record;
mod spec;
mod study;

pub use record::{MethodCells, PhaseArrays};
pub use spec::PhaseDiagram;
