//! The study of rounds: one step of the iterative optimal brain surgeon after the other, with fresh data or the same.

mod about;
mod checks;
mod curves;
mod figure;
mod record;
mod results;
mod spec;
mod study;

pub use record::{RoundsArrays, RoundsRecord, SeriesRecord};
pub use spec::Rounds;
