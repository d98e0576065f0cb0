//! The gap study: how far finite networks are from their limit, and how that distance scales.

mod about;
mod bound;
mod curves;
mod figure;
mod measured;
mod quantity;
mod record;
mod spec;
mod study;

pub use record::GapRecord;
pub use spec::Gap;
