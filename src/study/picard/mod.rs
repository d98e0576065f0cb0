//! The study of the trajectory map: how Picard's iterates converge to their fixed point, and that it is the limit.

mod figure;
mod record;
mod spec;
mod study;

pub use record::{PicardArrays, PicardRecord, PicardRun};
pub use spec::Picard;
