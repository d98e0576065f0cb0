//! widelimit
pub mod analysis;
pub mod dynamics;
pub mod figure;
pub mod network;
pub mod population;
pub mod rng;
