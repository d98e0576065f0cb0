//! The study of allocation: the same sparsity in every layer, and zeros divided between the layers by their measured losses.

mod about;
mod curves;
mod figure;
mod record;
mod spec;
mod study;

pub use record::{AllocationArrays, AllocationRecord, AllocationSummary};
pub use spec::Allocation;
