//! Fuzz targets: whatever widelimit reads, as functions of bytes.
//!
//! A target reads its input as the program would, and never runs an experiment. It fails by a panic, by more memory or
//! time than the driver allows, or where it accepts what cannot be right. The targets have two drivers: the program
//! `widelimit-fuzz`, on any stable compiler, and cargo-fuzz ([`libfuzzer_target!`]). Both use the mutations of
//! [`mutate`], which know the formats: they change what is inside a compressed file or an archive, and write the
//! checksums anew.
//!
//! | module | contents |
//! |---|---|
//! | [`targets`] | the targets and their list |
//! | [`corpus`] | inputs to begin with |
//! | [`base`] | small runs, of which a target replaces one file |
//! | [`mutate`] | mutations |

pub mod base;
pub mod corpus;
pub mod mutate;
pub mod targets;

pub use targets::{Layout, Outcome, TARGETS, Target, find};

/// The entry point of a target for cargo-fuzz.
#[cfg(feature = "libfuzzer")]
#[macro_export]
macro_rules! libfuzzer_target {
    ($name:literal) => {
        ::libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            let target = $crate::find($name).expect("a target of this name");
            (target.run)(data);
        });
        ::libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            let target = $crate::find($name).expect("a target of this name");
            let mut random = $crate::mutate::random(u64::from(seed));
            let found = $crate::mutate::mutate(target, &data[..size], &[], &mut random);
            let kept = found.len().min(max_size);
            data[..kept].copy_from_slice(&found[..kept]);
            kept
        });
    };
}
