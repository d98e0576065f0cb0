//! The dropout study: by how much the loss of trained networks rises when M of N neurons are kept and rescaled.

mod figure;
mod record;
mod spec;
mod study;

pub use record::{DropoutArrays, DropoutRecord};
pub use spec::Dropout;
