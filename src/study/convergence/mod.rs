//! The convergence study: how fast the risk decreases, and from which starts it does not.

mod about;
mod curves;
mod figure;
mod quantity;
mod record;
mod spec;
mod study;

pub use record::{ConvergenceArrays, ConvergenceRecord, RateRecord};
pub use spec::Convergence;
