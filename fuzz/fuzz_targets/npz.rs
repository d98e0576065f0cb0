//! The target `npz` for cargo-fuzz.
#![no_main]

widelimit_fuzz::libfuzzer_target!("npz");
