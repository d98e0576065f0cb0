//! The study of the Picard iteration: the convergence of the iterates of the trajectory map, whose fixed point is the
//! limit.

mod about;
mod curves;
mod figure;
mod record;
mod spec;
mod study;

pub use record::{PicardArrays, PicardRecord, PicardRun};
pub use spec::Picard;
