//! ExpConstants and the exponential per scalar type.
//!
//! `exp` follows the classical scheme: reduce to `|r| <= ln 2 / 2` by a rounded multiple of `ln 2` held in two parts (Cody,
//! Waite 1980), a minimax polynomial for `(exp r - 1 - r) / r^2`, and a scaling through the exponent bits. Coefficients
//! were fitted by Remez exchange in 60 digits; the errors stated are those of the fits, relative.

use super::real::Real;
use super::simd::Simd;

/// What the activations need to know about a scalar type.
pub trait ExpConstants: Copy + 'static {
    /// Lanes of a pack.
    const PACK: usize;
    /// 1.5 times 2 to the number of bits of the fraction: adding it rounds to an integer and leaves the integer in the
    /// low bits.
    const ROUND: Self;
    /// Bias of the exponent.
    const BIAS: i32;
    /// `ln 2` in two parts; a multiple of the first by a small integer is exact.
    const LN2: (Self, Self);
    /// 2^64 and 2^-64 allow results below the smallest normal number.
    const SMALL: Self;
    /// Below this exponential is zero.
    const EXP_MIN: Self;
    /// `2 |z|` beyond which tanh is 1.
    const TANH_MAX: Self;
    /// `|z|` beyond which `erf(z / sqrt 2)` is 1.
    const ERF_MAX: Self;
    /// `|z|` beyond which the normal density is zero.
    const TAIL_MAX: Self;
    /// `(exp r - 1 - r) / r^2` on `|r| <= ln 2 / 2`, constant term first.
    const EXP: &'static [Self];
    /// `erf(z / sqrt 2) / z = P(z^2) / Q(z^2)`.
    const ERF: (&'static [Self], &'static [Self]);
    /// `(1 + x) exp(x^2 / 2) Phi(-x)` in `t = (x - 4) / (x + 4)`, x >= 0.
    const TAIL: &'static [Self];
    /// `2 atanh s = 2 s + s^3 P(s^2)` for `0 <= s <= 1/3`.
    const LOG1P: &'static [Self];
}

impl ExpConstants for f64 {
    const PACK: usize = 8;
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const BIAS: i32 = 1023;
    const LN2: (f64, f64) = (0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10);
    const SMALL: f64 = 5.421_010_862_427_522e-20;
    const EXP_MIN: f64 = -750.0;
    const TANH_MAX: f64 = 40.0;
    const ERF_MAX: f64 = 8.4;
    const TAIL_MAX: f64 = 39.0;
    /// 3.9e-17.
    const EXP: &'static [f64] = &[
        0.5000000000000001,
        0.16666666666666669,
        0.04166666666662413,
        0.008333333333330062,
        0.0013888888917213717,
        0.00019841269863053618,
        2.4801521295954376e-05,
        2.7557268459997064e-06,
        2.7620088445409746e-07,
        2.510038549551032e-08,
    ];
    /// 3.4e-17.
    const ERF: (&'static [f64], &'static [f64]) = (
        &[
            0.7978845608028653,
            0.07789753275704644,
            0.011693547665017468,
            0.0006096993707835656,
            3.7848246656779685e-05,
            1.2603682471137184e-06,
            4.3148694176271546e-08,
            9.38044928153169e-10,
            1.8696005087351793e-11,
            2.3788922481495046e-13,
            2.302441757966122e-15,
            7.662024613530836e-18,
            2.697572222491265e-21,
        ],
        &[
            1.0,
            0.26429674573306894,
            0.03370514622612583,
            0.0027504410447774168,
            0.00016045953346935601,
            7.074291578727453e-06,
            2.425167327383283e-07,
            6.534002840850187e-09,
            1.3754971717603e-10,
            2.1996040005244878e-12,
            2.4916765769135853e-14,
            1.6171821159193747e-16,
            2.151011885916119e-19,
        ],
    );
    /// 4.3e-17.
    const TAIL: &'static [f64] = &[
        0.47205320650984467,
        -0.09670347732652557,
        0.013999634724430719,
        0.02860036405352333,
        -0.03219783742837285,
        0.017936097480544158,
        -0.00500237858490884,
        -0.0002856231102163816,
        0.0006948970363663506,
        -9.44301627494872e-05,
        -8.785273540303461e-05,
        2.1249663398740844e-05,
        1.3625009990823853e-05,
        -3.4312766155989222e-06,
        -2.607901775337251e-06,
        4.0344749150111833e-07,
        5.432672916350531e-07,
        1.2437335435491196e-09,
        -1.0147067371734727e-07,
        -1.786341473017149e-08,
        1.1730104868381078e-08,
        4.061182615626728e-09,
        5.34568307017238e-11,
    ];
    /// 1.4e-18.
    const LOG1P: &'static [f64] = &[
        0.6666666666666632,
        0.4000000000015463,
        0.28571428548096156,
        0.22222223958480608,
        0.1818174421959705,
        0.15386555381789288,
        0.1330101424439491,
        0.12105892827349758,
        0.08340458559717202,
        0.17018713668788468,
    ];
}

impl ExpConstants for f32 {
    const PACK: usize = 16;
    const ROUND: f32 = 12_582_912.0;
    const BIAS: i32 = 127;
    const LN2: (f32, f32) = (0.693_145_75, 1.428_606_8e-6);
    const SMALL: f32 = 5.421_011e-20;
    const EXP_MIN: f32 = -106.0;
    const TANH_MAX: f32 = 20.0;
    const ERF_MAX: f32 = 5.6;
    const TAIL_MAX: f32 = 15.0;
    /// 8e-9 of the exponential.
    const EXP: &'static [f32] = &[0.5, 0.166_665_77, 0.041_666_374, 0.008_363_298, 0.001_394_132];
    /// 2.2e-8.
    const ERF: (&'static [f32], &'static [f32]) = (
        &[0.797_884_5, 0.067_810_53, 0.009_351_488, 0.000_337_343_63, 1.257_319_9e-5, 4.461_285_7e-8],
        &[1.0, 0.251_654_24, 0.028_663_576, 0.001_884_028_3, 7.325_468e-5, 1.179_690_1e-6],
    );
    /// 1.8e-9.
    const TAIL: &'static [f32] = &[
        0.472_053_2,
        -0.096_703_46,
        0.013_999_605,
        0.028_599_96,
        -0.032_197_416,
        0.017_940_236,
        -0.005_003_579_4,
        -0.000_303_140_3,
        0.000_691_705_15,
        -6.236_459e-5,
        -7.229_602e-5,
    ];
    /// 1.1e-10.
    const LOG1P: &'static [f32] = &[0.666_666_75, 0.399_988_8, 0.286_168_72, 0.214_274_84, 0.243_025_23];
}

/// `c_0 + c_1 x + ...` by Horner's rule.
#[inline(always)]
pub fn polynomial<R: Real, S: Simd<R>>(s: S, coefficients: &[R], x: S::Pack) -> S::Pack {
    let (last, rest) = coefficients.split_last().expect("coefficients");
    let mut sum = s.splat(*last);
    for &c in rest.iter().rev() {
        sum = s.fma(sum, x, s.splat(c));
    }
    sum
}

/// What is known of an exponential's argument beyond its rounded value.
pub enum Low<P> {
    /// Nothing, and the rest of `ln 2` is not worth an operation either: where an error of 2e-17 k (f64; 2e-9 k in f32) in
    /// the argument `k ln 2 + r` does no harm.
    Ignored,
    /// It is exact.
    Zero,
    /// Its rounding error.
    Rest(P),
}

/// `(k + ROUND, exp(r) - 1)` with `y + low = k ln 2 + r`.
#[inline(always)]
pub fn exp_parts<R: Real, S: Simd<R>>(s: S, y: S::Pack, low: Low<S::Pack>) -> (S::Pack, S::Pack) {
    let shifted = s.fma(y, s.splat(R::of(std::f64::consts::LOG2_E)), s.splat(R::ROUND));
    let k = s.sub(shifted, s.splat(R::ROUND));
    let (high, rest) = (s.splat(R::LN2.0), s.splat(R::LN2.1));
    let r = match low {
        Low::Ignored => s.fnma(k, s.splat(R::LN2.0 + R::LN2.1), y),
        Low::Zero => s.fnma(k, rest, s.fnma(k, high, y)),
        // The small terms first: one rounding of the large one.
        Low::Rest(low) => s.add(s.fnma(k, high, y), s.fnma(k, rest, low)),
    };
    let q = polynomial(s, R::EXP, r);
    (shifted, s.fma(s.mul(r, r), q, r))
}

/// `exp(y + low)` for `y <= 0`, down through the subnormal numbers to zero; NaN stays NaN.
#[inline(always)]
pub fn exp_negative<R: Real, S: Simd<R>>(s: S, y: S::Pack, low: Low<S::Pack>) -> S::Pack {
    let y = s.max(s.splat(R::EXP_MIN), y);
    let (shifted, p) = exp_parts(s, y, low);
    let scale = s.exponent(shifted, R::BIAS + 64);
    s.mul(s.fma(scale, p, scale), s.splat(R::SMALL))
}

/// `factor exp(y)` for `y <= 0`, of which only the absolute error matters: bounded below by the smallest normal number.
#[inline(always)]
pub fn exp_absolute<R: Real, S: Simd<R>>(s: S, y: S::Pack, factor: R) -> S::Pack {
    let y = s.max(s.splat(R::of(f64::from(2 - R::BIAS) * std::f64::consts::LN_2)), y);
    let (shifted, p) = exp_parts(s, y, Low::Ignored);
    let scale = s.mul(s.splat(factor), s.exponent(shifted, R::BIAS));
    s.fma(scale, p, scale)
}
