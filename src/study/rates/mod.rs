//! The study of rates: errors of the algorithms and the bounds of the theorems, on problems small enough to compute the
//! constants.

mod about;
mod figure;
mod record;
mod spec;
mod statements;
mod study;

pub use record::RatesArrays;
pub use spec::Rates;
pub use statements::StatementName;
