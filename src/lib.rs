//! widelimit
pub mod analysis;
pub mod figure;
pub mod population;
pub mod rng;
