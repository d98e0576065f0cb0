//! widelimit
pub mod analysis;
pub mod bench;
pub mod cli;
pub mod config;
pub mod dynamics;
pub mod figure;
pub mod network;
pub mod population;
pub mod record;
pub mod rng;
pub mod study;
