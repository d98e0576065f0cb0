//! The target `records` for cargo-fuzz.
#![no_main]

widelimit_fuzz::libfuzzer_target!("records");
