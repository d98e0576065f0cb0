//! The target `overrides` for cargo-fuzz.
#![no_main]

widelimit_fuzz::libfuzzer_target!("overrides");
