//! Dot products and sums of scaled vectors.
//!
//! The kernels are plain Rust, compiled for the instruction set in use. The compiler neither contracts products and sums
//! nor changes their order, so that all instruction sets give the same bits, the portable one included. AVX-512 takes the
//! kernels of AVX2: the vectors are often short, and longer registers would leave more entries over.

use super::InstructionSet;

/// Accumulators of a dot product: enough for the vector units to be busy.
const LANES: usize = 16;

/// Defines a function that is compiled for the target's baseline and for AVX2, and runs as the instruction set in use asks.
macro_rules! kernel {
    ($(#[$about:meta])* fn $name:ident($($argument:ident: $Type:ty),*) $(-> $Output:ty)? $body:block) => {
        $(#[$about])*
        pub fn $name($($argument: $Type),*) $(-> $Output)? {
            #[inline(always)]
            fn plain($($argument: $Type),*) $(-> $Output)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($argument: $Type),*) $(-> $Output)? {
                    plain($($argument),*)
                }
                if InstructionSet::current() != InstructionSet::Portable {
                    // SAFETY: the set in use is one that the processor has, and all but the portable one include AVX2.
                    return unsafe { avx2($($argument),*) };
                }
            }
            plain($($argument),*)
        }
    };
}

kernel! {
    /// `<a, b>`.
    fn dot(a: &[f64], b: &[f64]) -> f64 {
        let (a_whole, a_rest) = a.as_chunks::<LANES>();
        let (b_whole, b_rest) = b.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for (a, b) in a_whole.iter().zip(b_whole) {
            for lane in 0..LANES {
                sums[lane] += a[lane] * b[lane];
            }
        }
        sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
    }
}

kernel! {
    /// `y += alpha x`.
    fn axpy(alpha: f64, x: &[f64], y: &mut [f64]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += alpha * x;
        }
    }
}

kernel! {
    /// `y += c_0 x_0 + ... + c_3 x_3`: `y` is read and written once for four vectors.
    fn axpy_four(c: [f64; 4], x: [&[f64]; 4], y: &mut [f64]) {
        let n = y.len();
        let [x0, x1, x2, x3] = x.map(|x| &x[..n]);
        for j in 0..n {
            y[j] += (c[0] * x0[j] + c[1] * x1[j]) + (c[2] * x2[j] + c[3] * x3[j]);
        }
    }
}
