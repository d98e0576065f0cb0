//! Runtime selection of the instruction set of the kernels: by name, or the fastest that the processor supports.

#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::simd::{Job, Portable, Simd};
use crate::choice::choice;
use std::sync::atomic::{AtomicU8, Ordering};

choice! {
    /// An instruction set by name.
    pub enum InstructionSet: "instruction set" {
        /// The baseline of the compilation target. Rounds differently from the others where the baseline has no fused
        /// multiply-add.
        Portable = "portable",
        /// AVX2 with FMA; bitwise equal to AVX-512.
        Avx2 = "avx2",
        /// AVX-512 (F, DQ, VL, BW).
        Avx512 = "avx512",
    }
}

impl InstructionSet {
    /// Whether this processor supports it.
    pub fn available(self) -> bool {
        match self {
            InstructionSet::Portable => true,
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => Avx2::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => Avx512::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            InstructionSet::Avx2 | InstructionSet::Avx512 => false,
        }
    }

    /// The fastest that this processor supports.
    pub fn fastest() -> Self {
        [InstructionSet::Avx512, InstructionSet::Avx2]
            .into_iter()
            .find(|set| set.available())
            .unwrap_or(InstructionSet::Portable)
    }

    /// The instruction set in use, which the processor supports.
    #[inline]
    pub fn current() -> Self {
        match CURRENT.load(Ordering::Relaxed) {
            1 => InstructionSet::Portable,
            2 => InstructionSet::Avx2,
            3 => InstructionSet::Avx512,
            _ => Self::choose_fastest(),
        }
    }

    #[cold]
    fn choose_fastest() -> Self {
        let fastest = Self::fastest();
        CURRENT.store(fastest as u8 + 1, Ordering::Relaxed);
        fastest
    }

    /// Makes this the instruction set in use if the processor supports it; returns whether it does. Passes that are
    /// running keep the instruction set with which they started.
    pub fn choose(self) -> bool {
        let available = self.available();
        if available {
            CURRENT.store(self as u8 + 1, Ordering::Relaxed);
        }
        available
    }
}

/// 0 before the first use; afterwards one more than the discriminant of the instruction set in use.
static CURRENT: AtomicU8 = AtomicU8::new(0);

/// A computation that is generic over the instruction set. It is not itself compiled with the features of the
/// instruction set; the jobs that it passes to [`Simd::vectorize`] are.
pub trait Pass<R> {
    /// Runs the computation.
    fn run<S: Simd<R>>(self, simd: S);
}

/// A scalar type with an implementation of [`Simd`] for every instruction set.
pub trait Kernel: Sized {
    /// Runs a pass on the instruction set in use.
    fn dispatch<P: Pass<Self>>(pass: P);

    /// Runs a job on the instruction set in use.
    fn vectorize<J: Job<Self>>(job: J) {
        Self::dispatch(JobPass(job));
    }
}

/// The pass that consists of one job.
struct JobPass<J>(J);

impl<R, J: Job<R>> Pass<R> for JobPass<J> {
    fn run<S: Simd<R>>(self, simd: S) {
        simd.vectorize(self.0);
    }
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
