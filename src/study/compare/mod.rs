//! The study of methods: every method at every sparsity, scored on held-out data.

mod about;
mod checks;
mod curves;
mod figure;
mod models;
mod record;
mod spec;
mod study;

pub use record::{CompareArrays, CompareRecord, CompareSummary, SparsityAudit};
pub use spec::Compare;
