//! The target `safetensors` for cargo-fuzz.
#![no_main]

widelimit_fuzz::libfuzzer_target!("safetensors");
