//! The study of error curves: every method on every problem.

mod checks;
mod figure;
mod record;
mod runs;
mod spec;
mod study;

pub use record::{MethodSummary, RecoverArrays, RecoverRecord, Timing};
pub use spec::Recover;
