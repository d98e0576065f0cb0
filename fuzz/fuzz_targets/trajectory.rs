//! The target `trajectory` for cargo-fuzz.
#![no_main]

widelimit_fuzz::libfuzzer_target!("trajectory");
