//! The theorems' bounds beside what is observed, on problems small enough for their constants to be computed.

mod figure;
mod record;
mod spec;
mod statements;
mod study;

pub use record::RatesArrays;
pub use spec::Rates;
