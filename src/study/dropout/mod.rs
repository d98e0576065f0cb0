//! The dropout study: the increase of the loss of trained networks when M of N neurons are kept and rescaled.

mod about;
mod curves;
mod figure;
mod quantity;
mod record;
mod spec;
mod study;

pub use record::{DropoutArrays, DropoutRecord};
pub use spec::Dropout;
