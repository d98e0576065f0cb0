//! The exponential over packs, and the constants of the elementary functions per scalar type.
//!
//! The argument is reduced to `|r| <= ln 2 / 2` by subtracting a multiple of `ln 2` in two parts (Cody, Waite 1980); a
//! minimax polynomial approximates `(exp r - 1 - r) / r^2`; the result is scaled through the exponent bits.
//! Coefficients were fitted by the Remez algorithm in 60 digits; the stated errors are the relative errors of the fits.

use super::real::Real;
use super::simd::Simd;

/// Constants of a scalar type for the exponential and the activation functions.
pub trait ExpConstants: Copy + 'static {
    /// Number of lanes of a pack.
    const PACK: usize;
    /// 1.5 times 2 to the number of fraction bits: adding it rounds to an integer and leaves that integer in the low
    /// bits.
    const ROUND: Self;
    /// Bias of the exponent.
    const BIAS: i32;
    /// `ln 2` as the sum of a high and a low part; small integer multiples of the high part are exact.
    const LN2: (Self, Self);
    /// `2^-64`. Results are computed `2^64` times as large and scaled down, so that they may be subnormal.
    const SUBNORMAL_SCALE: Self;
    /// Argument below which the exponential is zero.
    const EXP_MIN: Self;
    /// `2 |z|` beyond which tanh is 1.
    const TANH_MAX: Self;
    /// `|z|` beyond which `erf(z / sqrt 2)` is 1.
    const ERF_MAX: Self;
    /// `|z|` beyond which the normal density is zero.
    const TAIL_MAX: Self;
    /// Coefficients of `(exp r - 1 - r) / r^2` on `|r| <= ln 2 / 2`; as below, the constant term comes first.
    const EXP: &'static [Self];
    /// Coefficients of P and Q in `erf(z / sqrt 2) / z = P(z^2) / Q(z^2)`.
    const ERF: (&'static [Self], &'static [Self]);
    /// Coefficients of `(1 + x) exp(x^2 / 2) Phi(-x)` in `t = (x - 4) / (x + 4)`, x >= 0.
    const TAIL: &'static [Self];
    /// Coefficients of P in `2 atanh s = 2 s + s^3 P(s^2)` for `0 <= s <= 1/3`.
    const LOG1P: &'static [Self];
}

impl ExpConstants for f64 {
    const PACK: usize = 8;
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const BIAS: i32 = 1023;
    const LN2: (f64, f64) = (0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10);
    const SUBNORMAL_SCALE: f64 = 5.421_010_862_427_522e-20;
    const EXP_MIN: f64 = -750.0;
    const TANH_MAX: f64 = 40.0;
    const ERF_MAX: f64 = 8.4;
    const TAIL_MAX: f64 = 39.0;
    /// Error 3.9e-17.
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
    /// Error 3.4e-17.
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
    /// Error 4.3e-17.
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
    /// Error 1.4e-18.
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
    const SUBNORMAL_SCALE: f32 = 5.421_011e-20;
    const EXP_MIN: f32 = -106.0;
    const TANH_MAX: f32 = 20.0;
    const ERF_MAX: f32 = 5.6;
    const TAIL_MAX: f32 = 15.0;
    /// Error 8e-9, relative to the exponential.
    const EXP: &'static [f32] = &[0.5, 0.166_665_77, 0.041_666_374, 0.008_363_298, 0.001_394_132];
    /// Error 2.2e-8.
    const ERF: (&'static [f32], &'static [f32]) = (
        &[0.797_884_5, 0.067_810_53, 0.009_351_488, 0.000_337_343_63, 1.257_319_9e-5, 4.461_285_7e-8],
        &[1.0, 0.251_654_24, 0.028_663_576, 0.001_884_028_3, 7.325_468e-5, 1.179_690_1e-6],
    );
    /// Error 1.8e-9.
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
    /// Error 1.1e-10.
    const LOG1P: &'static [f32] = &[0.666_666_75, 0.399_988_8, 0.286_168_72, 0.214_274_84, 0.243_025_23];
}

/// `c_0 + c_1 x + ...` by Horner's rule; at least one coefficient.
#[inline(always)]
pub fn polynomial<R: Real, S: Simd<R>>(s: S, coefficients: &[R], x: S::Pack) -> S::Pack {
    let (last, rest) = coefficients.split_last().expect("coefficients");
    let mut sum = s.splat(*last);
    for &c in rest.iter().rev() {
        sum = s.fma(sum, x, s.splat(c));
    }
    sum
}

/// The low-order part of the argument of an exponential.
pub enum LowPart<P> {
    /// Neglected, and so is the low part of `ln 2`: the error in the argument `k ln 2 + r` is 2e-17 k in `f64` and 2e-9
    /// k in `f32`.
    Ignored,
    /// Zero: the argument is exact.
    Zero,
    /// The rounding error of the argument.
    Value(P),
}

/// `(k + ROUND, exp(r) - 1)` with `y + low = k ln 2 + r` and `|r| <= ln 2 / 2`.
#[inline(always)]
pub fn reduced_exp<R: Real, S: Simd<R>>(s: S, y: S::Pack, low: LowPart<S::Pack>) -> (S::Pack, S::Pack) {
    let shifted = s.fma(y, s.splat(R::of(std::f64::consts::LOG2_E)), s.splat(R::ROUND));
    let k = s.sub(shifted, s.splat(R::ROUND));
    let (ln2_high, ln2_low) = (s.splat(R::LN2.0), s.splat(R::LN2.1));
    let r = match low {
        LowPart::Ignored => s.fnma(k, s.splat(R::LN2.0 + R::LN2.1), y),
        LowPart::Zero => s.fnma(k, ln2_low, s.fnma(k, ln2_high, y)),
        // Small terms are summed first, so that the large one is rounded once.
        LowPart::Value(low) => s.add(s.fnma(k, ln2_high, y), s.fnma(k, ln2_low, low)),
    };
    let q = polynomial(s, R::EXP, r);
    (shifted, s.fma(s.mul(r, r), q, r))
}

/// `exp(y + low)` for `y <= 0`, including subnormal results; NaN propagates.
#[inline(always)]
pub fn exp_negative<R: Real, S: Simd<R>>(s: S, y: S::Pack, low: LowPart<S::Pack>) -> S::Pack {
    let y = s.max(s.splat(R::EXP_MIN), y);
    let (shifted, p) = reduced_exp(s, y, low);
    let scale = s.exponent(shifted, R::BIAS + 64);
    s.mul(s.fma(scale, p, scale), s.splat(R::SUBNORMAL_SCALE))
}

/// `factor exp(y)` for `y <= 0` where only the absolute error matters: the exponential is bounded below by the smallest
/// normal number.
#[inline(always)]
pub fn exp_absolute<R: Real, S: Simd<R>>(s: S, y: S::Pack, factor: R) -> S::Pack {
    let y = s.max(s.splat(R::of(f64::from(2 - R::BIAS) * std::f64::consts::LN_2)), y);
    let (shifted, p) = reduced_exp(s, y, LowPart::Ignored);
    let scale = s.mul(s.splat(factor), s.exponent(shifted, R::BIAS));
    s.fma(scale, p, scale)
}
