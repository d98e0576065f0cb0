//! The study of kept neurons: the loss of trained networks of which M of N neurons are kept, at random, by rules, or by the
//! optimal brain surgeon, with and without a refit of the output weights.

mod about;
mod checks;
mod curves;
mod figure;
mod losses;
mod record;
mod spec;
mod study;

pub use record::{KeepArrays, KeepRecord, LimitSpread};
pub use spec::Keep;
