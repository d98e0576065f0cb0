//! The target `manifest` for cargo-fuzz.
#![no_main]

widelimit_fuzz::libfuzzer_target!("manifest");
