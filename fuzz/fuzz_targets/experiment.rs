//! The target `experiment` for cargo-fuzz.
#![no_main]

widelimit_fuzz::libfuzzer_target!("experiment");
