//! The study of error curves: every method on every problem.

mod about;
mod checks;
mod curves;
mod figure;
mod record;
mod runs;
mod spec;
mod study;

pub use record::{MethodSummary, RecoverArrays, RecoverRecord, Timing};
pub use spec::Recover;
