//! The target `csv` for cargo-fuzz.
#![no_main]

widelimit_fuzz::libfuzzer_target!("csv");
