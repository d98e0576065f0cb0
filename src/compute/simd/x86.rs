//! Packs in the registers of AVX-512 and AVX2.

use super::{Avx2, Avx512, Job, Simd};
use std::arch::x86_64::*;

impl Avx512 {
    /// The token, if the processor supports the instructions.
    pub fn detect() -> Option<Self> {
        let supported = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma");
        supported.then_some(Avx512(()))
    }
}

impl Avx2 {
    /// The token, if the processor supports the instructions.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Avx2(()))
    }
}

/// Methods made of intrinsics on registers.
macro_rules! op {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) $(-> $out:ty)? $body:block)*) => {
        $(#[inline(always)]
        fn $name(self, $($arg: $ty),*) $(-> $out)? {
            // SAFETY: the token `self` proves that the processor supports these instructions, which access registers
            // only.
            unsafe { $body }
        })*
    };
}

/// The items that access memory, and the function that is compiled with the features.
macro_rules! memory {
    ($real:ty, $lanes:literal, $pack:ty, $features:literal, $token:ident, $pg:literal, $q:literal,
     |$from:ident| $load:expr, |$v:ident, $to:ident| $store:expr) => {
        type Pack = $pack;
        const LANES: usize = $lanes;
        #[inline(always)]
        fn square_error(self, x: Self::Pack, square: Self::Pack) -> Self::Pack {
            let zero = <Self as Simd<$real>>::splat(self, 0.0);
            let minus = <Self as Simd<$real>>::sub(self, zero, square);
            <Self as Simd<$real>>::fma(self, x, x, minus)
        }
        #[inline(always)]
        fn prefetch<T>(self, row: *const T) {
            let lines = size_of::<T>().div_ceil(64);
            for line in 0..lines {
                // SAFETY: a prefetch of an invalid address has no effect.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(row.cast::<i8>().wrapping_add(64 * line)) };
            }
        }
        #[inline(always)]
        fn prefetch_line(self, at: *const $real) {
            // SAFETY: as above.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast::<i8>()) };
        }
        #[inline(always)]
        fn vectorize<J: Job<$real>>(self, job: J) {
            #[target_feature(enable = $features)]
            #[inline(never)]
            fn inner<J: Job<$real>>(token: $token, job: J) {
                job.run::<$token, $pg, $q>(token);
            }
            // SAFETY: the token `self` proves that the processor supports the features.
            unsafe { inner(self, job) }
        }
        #[inline(always)]
        fn load(self, from: &[$real]) -> Self::Pack {
            let $from = from[..$lanes].as_ptr();
            // SAFETY: the token proves that the instructions are supported; the slice was checked to hold a pack.
            unsafe { $load }
        }
        #[inline(always)]
        fn store(self, $v: Self::Pack, to: &mut [$real]) {
            let $to = to[..$lanes].as_mut_ptr();
            // SAFETY: as in `load`; the slice is borrowed mutably.
            unsafe { $store }
        }
    };
}

const SIGN64: i64 = i64::MIN;
const SIGN32: i32 = i32::MIN;

/// The sum of eight doubles in two registers of four: the halves are added until one lane is left.
#[inline]
#[target_feature(enable = "avx2")]
fn sum_eight(low: __m256d, high: __m256d) -> f64 {
    let four = _mm256_add_pd(low, high);
    let two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd::<1>(four));
    _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
}

impl Simd<f64> for Avx512 {
    memory!(
        f64,
        8,
        __m512d,
        "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma",
        Avx512,
        2,
        6,
        |p| _mm512_loadu_pd(p),
        |v, p| _mm512_storeu_pd(p, v)
    );
    op! {
        fn splat(v: f64) -> __m512d { _mm512_set1_pd(v) }
        fn add(a: __m512d, b: __m512d) -> __m512d { _mm512_add_pd(a, b) }
        fn sub(a: __m512d, b: __m512d) -> __m512d { _mm512_sub_pd(a, b) }
        fn mul(a: __m512d, b: __m512d) -> __m512d { _mm512_mul_pd(a, b) }
        fn div(a: __m512d, b: __m512d) -> __m512d { _mm512_div_pd(a, b) }
        fn fma(a: __m512d, b: __m512d, c: __m512d) -> __m512d { _mm512_fmadd_pd(a, b, c) }
        fn fnma(a: __m512d, b: __m512d, c: __m512d) -> __m512d { _mm512_fnmadd_pd(a, b, c) }
        fn min(a: __m512d, b: __m512d) -> __m512d { _mm512_min_pd(a, b) }
        fn max(a: __m512d, b: __m512d) -> __m512d { _mm512_max_pd(a, b) }
        fn select_less(a: __m512d, b: __m512d, x: __m512d, y: __m512d) -> __m512d {
            _mm512_mask_blend_pd(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(a, b), y, x)
        }
        fn slide(before: __m512d, now: __m512d) -> __m512d {
            _mm512_castsi512_pd(_mm512_alignr_epi64::<7>(_mm512_castpd_si512(now), _mm512_castpd_si512(before)))
        }
        fn abs(a: __m512d) -> __m512d { _mm512_abs_pd(a) }
        fn copysign(a: __m512d, sign: __m512d) -> __m512d {
            // Bitwise (mask ? sign : a), as one ternary-logic instruction.
            _mm512_castsi512_pd(_mm512_ternarylogic_epi64::<0b1110_0010>(
                _mm512_castpd_si512(sign), _mm512_set1_epi64(SIGN64), _mm512_castpd_si512(a)))
        }
        fn exponent(shifted: __m512d, bias: i32) -> __m512d {
            _mm512_castsi512_pd(_mm512_slli_epi64::<52>(
                _mm512_add_epi64(_mm512_castpd_si512(shifted), _mm512_set1_epi64(i64::from(bias)))))
        }
        fn sum(a: __m512d) -> f64 { sum_eight(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd::<1>(a)) }
    }
}

impl Simd<f32> for Avx512 {
    memory!(
        f32,
        16,
        __m512,
        "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma",
        Avx512,
        2,
        6,
        |p| _mm512_loadu_ps(p),
        |v, p| _mm512_storeu_ps(p, v)
    );
    op! {
        fn splat(v: f32) -> __m512 { _mm512_set1_ps(v) }
        fn add(a: __m512, b: __m512) -> __m512 { _mm512_add_ps(a, b) }
        fn sub(a: __m512, b: __m512) -> __m512 { _mm512_sub_ps(a, b) }
        fn mul(a: __m512, b: __m512) -> __m512 { _mm512_mul_ps(a, b) }
        fn div(a: __m512, b: __m512) -> __m512 { _mm512_div_ps(a, b) }
        fn fma(a: __m512, b: __m512, c: __m512) -> __m512 { _mm512_fmadd_ps(a, b, c) }
        fn fnma(a: __m512, b: __m512, c: __m512) -> __m512 { _mm512_fnmadd_ps(a, b, c) }
        fn min(a: __m512, b: __m512) -> __m512 { _mm512_min_ps(a, b) }
        fn max(a: __m512, b: __m512) -> __m512 { _mm512_max_ps(a, b) }
        fn select_less(a: __m512, b: __m512, x: __m512, y: __m512) -> __m512 {
            _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), y, x)
        }
        fn slide(before: __m512, now: __m512) -> __m512 {
            _mm512_castsi512_ps(_mm512_alignr_epi32::<15>(_mm512_castps_si512(now), _mm512_castps_si512(before)))
        }
        fn abs(a: __m512) -> __m512 { _mm512_abs_ps(a) }
        fn copysign(a: __m512, sign: __m512) -> __m512 {
            _mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0b1110_0010>(
                _mm512_castps_si512(sign), _mm512_set1_epi32(SIGN32), _mm512_castps_si512(a)))
        }
        fn exponent(shifted: __m512, bias: i32) -> __m512 {
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(
                _mm512_add_epi32(_mm512_castps_si512(shifted), _mm512_set1_epi32(bias))))
        }
        fn sum(a: __m512) -> f64 {
            let eight = _mm512_add_pd(
                _mm512_cvtps_pd(_mm512_castps512_ps256(a)), _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(a)));
            sum_eight(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd::<1>(eight))
        }
    }
}

/// Applies a 256-bit operation to both halves of a pack.
macro_rules! both {
    ($f:expr; $($arg:ident),*) => { [$f($($arg[0]),*), $f($($arg[1]),*)] };
}

impl Simd<f64> for Avx2 {
    memory!(
        f64,
        8,
        [__m256d; 2],
        "avx2,fma",
        Avx2,
        1,
        3,
        |p| [_mm256_loadu_pd(p), _mm256_loadu_pd(p.add(4))],
        |v, p| {
            _mm256_storeu_pd(p, v[0]);
            _mm256_storeu_pd(p.add(4), v[1]);
        }
    );
    op! {
        fn splat(v: f64) -> [__m256d; 2] { [_mm256_set1_pd(v); 2] }
        fn add(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] { both!(_mm256_add_pd; a, b) }
        fn sub(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] { both!(_mm256_sub_pd; a, b) }
        fn mul(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] { both!(_mm256_mul_pd; a, b) }
        fn div(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] { both!(_mm256_div_pd; a, b) }
        fn fma(a: [__m256d; 2], b: [__m256d; 2], c: [__m256d; 2]) -> [__m256d; 2] { both!(_mm256_fmadd_pd; a, b, c) }
        fn fnma(a: [__m256d; 2], b: [__m256d; 2], c: [__m256d; 2]) -> [__m256d; 2] { both!(_mm256_fnmadd_pd; a, b, c) }
        fn min(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] { both!(_mm256_min_pd; a, b) }
        fn max(a: [__m256d; 2], b: [__m256d; 2]) -> [__m256d; 2] { both!(_mm256_max_pd; a, b) }
        fn select_less(a: [__m256d; 2], b: [__m256d; 2], x: [__m256d; 2], y: [__m256d; 2]) -> [__m256d; 2] {
            [_mm256_blendv_pd(y[0], x[0], _mm256_cmp_pd::<_CMP_LT_OQ>(a[0], b[0])),
             _mm256_blendv_pd(y[1], x[1], _mm256_cmp_pd::<_CMP_LT_OQ>(a[1], b[1]))]
        }
        fn slide(before: [__m256d; 2], now: [__m256d; 2]) -> [__m256d; 2] {
            // The upper half of the preceding register and the lower half of the following one, then a shift by one
            // lane.
            let low = _mm256_permute2f128_pd::<0x21>(before[1], now[0]);
            let high = _mm256_permute2f128_pd::<0x21>(now[0], now[1]);
            [_mm256_shuffle_pd::<0b0101>(low, now[0]), _mm256_shuffle_pd::<0b0101>(high, now[1])]
        }
        fn abs(a: [__m256d; 2]) -> [__m256d; 2] {
            let sign = _mm256_castsi256_pd(_mm256_set1_epi64x(SIGN64));
            [_mm256_andnot_pd(sign, a[0]), _mm256_andnot_pd(sign, a[1])]
        }
        fn copysign(a: [__m256d; 2], from: [__m256d; 2]) -> [__m256d; 2] {
            let sign = _mm256_castsi256_pd(_mm256_set1_epi64x(SIGN64));
            [_mm256_or_pd(_mm256_andnot_pd(sign, a[0]), _mm256_and_pd(sign, from[0])),
             _mm256_or_pd(_mm256_andnot_pd(sign, a[1]), _mm256_and_pd(sign, from[1]))]
        }
        fn exponent(shifted: [__m256d; 2], bias: i32) -> [__m256d; 2] {
            let bias = _mm256_set1_epi64x(i64::from(bias));
            [_mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_add_epi64(_mm256_castpd_si256(shifted[0]), bias))),
             _mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_add_epi64(_mm256_castpd_si256(shifted[1]), bias)))]
        }
        fn sum(a: [__m256d; 2]) -> f64 { sum_eight(a[0], a[1]) }
    }
}

impl Simd<f32> for Avx2 {
    memory!(
        f32,
        16,
        [__m256; 2],
        "avx2,fma",
        Avx2,
        1,
        3,
        |p| [_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8))],
        |v, p| {
            _mm256_storeu_ps(p, v[0]);
            _mm256_storeu_ps(p.add(8), v[1]);
        }
    );
    op! {
        fn splat(v: f32) -> [__m256; 2] { [_mm256_set1_ps(v); 2] }
        fn add(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] { both!(_mm256_add_ps; a, b) }
        fn sub(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] { both!(_mm256_sub_ps; a, b) }
        fn mul(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] { both!(_mm256_mul_ps; a, b) }
        fn div(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] { both!(_mm256_div_ps; a, b) }
        fn fma(a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] { both!(_mm256_fmadd_ps; a, b, c) }
        fn fnma(a: [__m256; 2], b: [__m256; 2], c: [__m256; 2]) -> [__m256; 2] { both!(_mm256_fnmadd_ps; a, b, c) }
        fn min(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] { both!(_mm256_min_ps; a, b) }
        fn max(a: [__m256; 2], b: [__m256; 2]) -> [__m256; 2] { both!(_mm256_max_ps; a, b) }
        fn select_less(a: [__m256; 2], b: [__m256; 2], x: [__m256; 2], y: [__m256; 2]) -> [__m256; 2] {
            [_mm256_blendv_ps(y[0], x[0], _mm256_cmp_ps::<_CMP_LT_OQ>(a[0], b[0])),
             _mm256_blendv_ps(y[1], x[1], _mm256_cmp_ps::<_CMP_LT_OQ>(a[1], b[1]))]
        }
        fn slide(before: [__m256; 2], now: [__m256; 2]) -> [__m256; 2] {
            let slide = |before: __m256, now: __m256| {
                let middle = _mm256_permute2f128_ps::<0x21>(before, now);
                _mm256_castsi256_ps(_mm256_alignr_epi8::<12>(_mm256_castps_si256(now), _mm256_castps_si256(middle)))
            };
            [slide(before[1], now[0]), slide(now[0], now[1])]
        }
        fn abs(a: [__m256; 2]) -> [__m256; 2] {
            let sign = _mm256_castsi256_ps(_mm256_set1_epi32(SIGN32));
            [_mm256_andnot_ps(sign, a[0]), _mm256_andnot_ps(sign, a[1])]
        }
        fn copysign(a: [__m256; 2], from: [__m256; 2]) -> [__m256; 2] {
            let sign = _mm256_castsi256_ps(_mm256_set1_epi32(SIGN32));
            [_mm256_or_ps(_mm256_andnot_ps(sign, a[0]), _mm256_and_ps(sign, from[0])),
             _mm256_or_ps(_mm256_andnot_ps(sign, a[1]), _mm256_and_ps(sign, from[1]))]
        }
        fn exponent(shifted: [__m256; 2], bias: i32) -> [__m256; 2] {
            let bias = _mm256_set1_epi32(bias);
            [_mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(_mm256_castps_si256(shifted[0]), bias))),
             _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(_mm256_castps_si256(shifted[1]), bias)))]
        }
        fn sum(a: [__m256; 2]) -> f64 {
            sum_eight(
                _mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(a[0])), _mm256_cvtps_pd(_mm256_castps256_ps128(a[1]))),
                _mm256_add_pd(
                    _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(a[0])), _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(a[1]))))
        }
    }
}
