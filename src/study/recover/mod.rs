//! The study of error curves: every method on every problem, how close it comes, how fast, and why it ends.

mod figure;
mod record;
mod spec;
mod study;

pub use record::{RecoverArrays, RecoverRecord, Summary, Timing};
pub use spec::Recover;
