//! Which instruction set the kernels run on: chosen by name, or the fastest that the processor has.

use super::simd::{Avx2, Avx512};
use super::simd::{Portable, Simd};
#[cfg(target_arch = "x86_64")]
use crate::choice::choice;
use std::sync::atomic::{AtomicU8, Ordering};

choice! {
    /// An instruction set by name.
    pub enum InstructionSet: "instruction set" {
        /// What every processor of the target has, in the order of the compiled program; its own rounding.
        Portable = "portable",
        /// AVX2 with FMA; the same bits as AVX-512.
        Avx2 = "avx2",
        /// AVX-512.
        Avx512 = "avx512",
    }
}

impl InstructionSet {
    /// Whether this processor has it.
    pub fn available(self) -> bool {
        match self {
            InstructionSet::Portable => true,
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => Avx2::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => Avx512::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The fastest this processor has.
    pub fn fastest() -> Self {
        [InstructionSet::Avx512, InstructionSet::Avx2]
            .into_iter()
            .find(|set| set.available())
            .unwrap_or(InstructionSet::Portable)
    }

    /// The one in use; the processor has it.
    #[inline]
    pub fn current() -> Self {
        match CHOSEN.load(Ordering::Relaxed) {
            1 => InstructionSet::Portable,
            2 => InstructionSet::Avx2,
            3 => InstructionSet::Avx512,
            _ => Self::choose_fastest(),
        }
    }

    #[cold]
    fn choose_fastest() -> Self {
        let fastest = Self::fastest();
        CHOSEN.store(fastest as u8 + 1, Ordering::Relaxed);
        fastest
    }

    /// Makes it the one in use, where the processor has it; returns whether it has. For the start of a program and for tests:
    /// passes under way keep the one they began with.
    pub fn choose(self) -> bool {
        let available = self.available();
        if available {
            CHOSEN.store(self as u8 + 1, Ordering::Relaxed);
        }
        available
    }
}

/// 0: not yet chosen; otherwise the number, plus 1, of an instruction set that the processor has.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// A pass over blocks, for any instruction set. Not itself compiled with the set's features: the jobs it hands to
/// [`Simd::vectorize`] are.
pub trait Pass<R> {
    /// Does the work.
    fn run<S: Simd<R>>(self, simd: S);
}

/// A scalar type with kernels for every instruction set.
pub trait Kernel: Sized {
    /// Runs a pass on the instruction set in use.
    fn dispatch<P: Pass<Self>>(pass: P);
}

macro_rules! kernel {
    ($real:ty) => {
        impl Kernel for $real {
            fn dispatch<P: Pass<$real>>(pass: P) {
                #[cfg(target_arch = "x86_64")]
                match InstructionSet::current() {
                    InstructionSet::Avx512 => {
                        if let Some(simd) = Avx512::detect() {
                            return pass.run(simd);
                        }
                    }
                    InstructionSet::Avx2 => {
                        if let Some(simd) = Avx2::detect() {
                            return pass.run(simd);
                        }
                    }
                    InstructionSet::Portable => {}
                }
                pass.run(Portable);
            }
        }
    };
}

kernel!(f64);
kernel!(f32);
