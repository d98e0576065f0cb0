//! Packs as plain arrays.

use super::{Job, Portable, Simd};

/// `a b + c`, fused if the baseline of the target has the instruction, otherwise rounded twice: the software
/// implementation is some twenty times slower.
macro_rules! fused {
    ($a:expr, $b:expr, $c:expr) => {
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) { $a.mul_add($b, $c) } else { $a * $b + $c }
    };
}

macro_rules! portable {
    ($real:ty, $lanes:literal, $bits:ty, $mantissa:literal) => {
        impl Simd<$real> for Portable {
            type Pack = [$real; $lanes];
            const LANES: usize = $lanes;
            // Processors of this architecture without AVX2 are too rare to compile them.
            const FUSES_SMALL_BATCHES: bool = cfg!(not(target_arch = "x86_64"));
            #[inline(always)]
            fn vectorize<J: Job<$real>>(self, job: J) {
                #[inline(never)]
                fn inner<J: Job<$real>>(job: J) {
                    job.run::<Portable, 1, 1>(Portable);
                }
                inner(job);
            }
            #[inline(always)]
            fn splat(self, v: $real) -> Self::Pack {
                [v; $lanes]
            }
            #[inline(always)]
            fn load(self, from: &[$real]) -> Self::Pack {
                *from.first_chunk().expect("the slice holds a pack")
            }
            #[inline(always)]
            fn store(self, v: Self::Pack, to: &mut [$real]) {
                *to.first_chunk_mut().expect("the slice holds a pack") = v;
            }
            #[inline(always)]
            fn add(self, a: Self::Pack, b: Self::Pack) -> Self::Pack {
                std::array::from_fn(|l| a[l] + b[l])
            }
            #[inline(always)]
            fn sub(self, a: Self::Pack, b: Self::Pack) -> Self::Pack {
                std::array::from_fn(|l| a[l] - b[l])
            }
            #[inline(always)]
            fn mul(self, a: Self::Pack, b: Self::Pack) -> Self::Pack {
                std::array::from_fn(|l| a[l] * b[l])
            }
            #[inline(always)]
            fn div(self, a: Self::Pack, b: Self::Pack) -> Self::Pack {
                std::array::from_fn(|l| a[l] / b[l])
            }
            #[inline(always)]
            fn fma(self, a: Self::Pack, b: Self::Pack, c: Self::Pack) -> Self::Pack {
                std::array::from_fn(|l| fused!(a[l], b[l], c[l]))
            }
            #[inline(always)]
            fn fnma(self, a: Self::Pack, b: Self::Pack, c: Self::Pack) -> Self::Pack {
                std::array::from_fn(|l| fused!((-a[l]), b[l], c[l]))
            }
            #[inline(always)]
            fn min(self, a: Self::Pack, b: Self::Pack) -> Self::Pack {
                std::array::from_fn(|l| if a[l] < b[l] { a[l] } else { b[l] })
            }
            #[inline(always)]
            fn max(self, a: Self::Pack, b: Self::Pack) -> Self::Pack {
                std::array::from_fn(|l| if a[l] > b[l] { a[l] } else { b[l] })
            }
            #[inline(always)]
            fn select_less(self, a: Self::Pack, b: Self::Pack, x: Self::Pack, y: Self::Pack) -> Self::Pack {
                std::array::from_fn(|l| if a[l] < b[l] { x[l] } else { y[l] })
            }
            #[inline(always)]
            fn slide(self, before: Self::Pack, now: Self::Pack) -> Self::Pack {
                std::array::from_fn(|l| if l == 0 { before[$lanes - 1] } else { now[l - 1] })
            }
            #[inline(always)]
            fn abs(self, a: Self::Pack) -> Self::Pack {
                a.map(<$real>::abs)
            }
            #[inline(always)]
            fn copysign(self, a: Self::Pack, sign: Self::Pack) -> Self::Pack {
                std::array::from_fn(|l| a[l].copysign(sign[l]))
            }
            #[inline(always)]
            fn exponent(self, shifted: Self::Pack, bias: i32) -> Self::Pack {
                shifted.map(|v| <$real>::from_bits(v.to_bits().wrapping_add(bias as $bits) << $mantissa))
            }
            #[inline(always)]
            fn square_error(self, x: Self::Pack, square: Self::Pack) -> Self::Pack {
                // Dekker's splitting into halves (1971), whose products are exact.
                std::array::from_fn(|l| {
                    let split = x[l] * ((1_u64 << ($mantissa / 2 + 1)) + 1) as $real;
                    let high = split - (split - x[l]);
                    let low = x[l] - high;
                    ((high * high - square[l]) + 2.0 * high * low) + low * low
                })
            }
            #[inline(always)]
            fn prefetch<T>(self, _row: *const T) {}
            #[inline(always)]
            fn prefetch_line(self, _at: *const $real) {}
            #[inline(always)]
            fn sum(self, a: Self::Pack) -> f64 {
                let mut sums = a.map(f64::from);
                let mut half = $lanes / 2;
                while half > 0 {
                    for l in 0..half {
                        sums[l] += sums[l + half];
                    }
                    half /= 2;
                }
                sums[0]
            }
        }
    };
}

portable!(f64, 8, u64, 52);
portable!(f32, 16, u32, 23);
