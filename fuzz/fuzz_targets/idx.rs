//! The target `idx` for cargo-fuzz.
#![no_main]

widelimit_fuzz::libfuzzer_target!("idx");
