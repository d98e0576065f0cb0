//! The target `problem` for cargo-fuzz.
#![no_main]

widelimit_fuzz::libfuzzer_target!("problem");
