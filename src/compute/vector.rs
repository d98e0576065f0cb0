//! Dot products and sums of scaled vectors.
//!
//! The kernels are plain Rust, compiled for the instruction set in use. The compiler neither fuses nor reorders
//! floating point operations, so that all instruction sets give bitwise equal results, the portable one included.
//! Processors with AVX-512 run the AVX2 kernels: the vectors are often short, and longer registers would enlarge the
//! scalar remainder.

use super::InstructionSet;

/// Independent partial sums of a dot product, enough to hide the latency of additions.
const ACCUMULATORS: usize = 16;

/// Defines a function that is compiled for the baseline of the target and for AVX2, and dispatches on the instruction
/// set in use.
macro_rules! kernel {
    ($(#[$about:meta])* fn $name:ident($($argument:ident: $Type:ty),*) $(-> $Output:ty)? $body:block) => {
        $(#[$about])*
        pub fn $name($($argument: $Type),*) $(-> $Output)? {
            #[inline(always)]
            fn generic($($argument: $Type),*) $(-> $Output)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($argument: $Type),*) $(-> $Output)? {
                    generic($($argument),*)
                }
                if InstructionSet::current() != InstructionSet::Portable {
                    // SAFETY: the processor supports the set in use, and all but the portable one include AVX2.
                    return unsafe { avx2($($argument),*) };
                }
            }
            generic($($argument),*)
        }
    };
}

kernel! {
    /// The dot product `<a, b>` of two slices of equal length.
    fn dot(a: &[f64], b: &[f64]) -> f64 {
        let (a_chunks, a_remainder) = a.as_chunks::<ACCUMULATORS>();
        let (b_chunks, b_remainder) = b.as_chunks::<ACCUMULATORS>();
        let mut sums = [0.0; ACCUMULATORS];
        for (a, b) in a_chunks.iter().zip(b_chunks) {
            for lane in 0..ACCUMULATORS {
                sums[lane] += a[lane] * b[lane];
            }
        }
        sums.iter().sum::<f64>() + a_remainder.iter().zip(b_remainder).map(|(a, b)| a * b).sum::<f64>()
    }
}

kernel! {
    /// `y += alpha x` for two slices of equal length.
    fn axpy(alpha: f64, x: &[f64], y: &mut [f64]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += alpha * x;
        }
    }
}

kernel! {
    /// `minus += (a - x)^2` and `plus += (a + x)^2` for three slices of equal length.
    fn add_squares(a: f64, x: &[f64], minus: &mut [f64], plus: &mut [f64]) {
        for ((minus, plus), x) in minus.iter_mut().zip(plus).zip(x) {
            *minus += (a - x) * (a - x);
            *plus += (a + x) * (a + x);
        }
    }
}

kernel! {
    /// `y += c_0 x_0 + ... + c_3 x_3`, reading and writing `y` once for four vectors.
    ///
    /// # Panics
    /// If a vector is shorter than `y`.
    fn axpy_four(c: [f64; 4], x: [&[f64]; 4], y: &mut [f64]) {
        let n = y.len();
        let [x0, x1, x2, x3] = x.map(|x| &x[..n]);
        for j in 0..n {
            y[j] += (c[0] * x0[j] + c[1] * x1[j]) + (c[2] * x2[j] + c[3] * x3[j]);
        }
    }
}
