//! The phase diagram: for which n/d and k/n a noiseless truth of k entries is found, by which algorithm.

mod figure;
mod record;
mod spec;
mod study;

pub use record::{MethodCells, PhaseArrays};
pub use spec::PhaseDiagram;
