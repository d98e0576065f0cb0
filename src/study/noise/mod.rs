//! The study of noise: median errors at several signal to noise ratios, beside least squares on the true support.

mod figure;
mod record;
mod spec;
mod study;

pub use record::NoiseArrays;
pub use spec::NoiseSensitivity;
