//! The study of error curves: every method on every problem, how close it comes, how fast, and why it ends.

mod figure;
mod record;
mod spec;
mod study;

pub use record::{MethodSummary, RecoverArrays, RecoverRecord, Timing};
pub use spec::Recover;
