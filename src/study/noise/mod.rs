//! The study of noise: errors at several signal to noise ratios, compared with least squares on the true support.

mod about;
mod curves;
mod figure;
mod record;
mod spec;
mod study;

pub use record::NoiseArrays;
pub use spec::NoiseSensitivity;
