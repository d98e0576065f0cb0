//! The target `task` for cargo-fuzz.
#![no_main]

widelimit_fuzz::libfuzzer_target!("task");
