//! Vectors of lanes on the instruction sets in use: AVX-512, AVX2 with FMA, and plain arrays.
//!
//! A *pack* holds 8 `f64` or 16 `f32` on every instruction set (AVX2 takes two registers for it), so that sums over the
//! lanes of a pack have the same order everywhere. An instruction set is a token; the tokens of AVX-512 and AVX2 can only
//! be had from `dispatch`, which asks the processor first, so holding one proves that its instructions exist.
//!
//! Only IEEE operations are used: no estimates of reciprocals. `min` and `max` give their second argument where one is
//! NaN, so that clamping `max(bound, z)` keeps a NaN in `z`.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

/// AVX-512 (F, DQ, VL, BW); a value proves that the processor has it.
#[derive(Clone, Copy)]
pub struct Avx512(());

/// AVX2 and FMA; a value proves that the processor has them.
#[derive(Clone, Copy)]
pub struct Avx2(());

/// Arrays, for the compiler to make of them what the target's baseline allows.
#[derive(Clone, Copy)]
pub struct Portable;

/// Work to be compiled for an instruction set. `PG` packs of a block's row are worked on together, and a register tile
/// holds `PG` packs times `2 Q` samples or inputs.
pub trait Job<R> {
    /// Does the work. Implementations are `#[inline(always)]`: they take on the features of their caller.
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, simd: S);
}

/// Operations on packs of `R`.
pub trait Simd<R>: Copy + Send + Sync {
    /// The lanes of one pack.
    type Pack: Copy;
    /// Their number.
    const LANES: usize;
    /// Compiles the job with the instruction set's features, as a function of its own: register allocation is better
    /// than in one large function.
    fn vectorize<J: Job<R>>(self, job: J);
    /// All lanes equal.
    fn splat(self, v: R) -> Self::Pack;
    /// The first lanes of a slice; panics where it is shorter than a pack.
    fn load(self, from: &[R]) -> Self::Pack;
    /// Writes the first lanes of a slice; panics where it is shorter than a pack.
    fn store(self, v: Self::Pack, to: &mut [R]);
    /// `a + b`.
    fn add(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a - b`.
    fn sub(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a b`.
    fn mul(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a / b`.
    fn div(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a b + c`, rounded once (twice on a portable target without the instruction).
    fn fma(self, a: Self::Pack, b: Self::Pack, c: Self::Pack) -> Self::Pack;
    /// `c - a b`.
    fn fnma(self, a: Self::Pack, b: Self::Pack, c: Self::Pack) -> Self::Pack;
    /// `a < b ? a : b`.
    fn min(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a > b ? a : b`.
    fn max(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a < b ? x : y`.
    fn select_less(self, a: Self::Pack, b: Self::Pack, x: Self::Pack, y: Self::Pack) -> Self::Pack;
    /// The last lane of `before`, then all lanes of `now` but its last: `now` moved up by one lane.
    fn slide(self, before: Self::Pack, now: Self::Pack) -> Self::Pack;
    /// `|a|`.
    fn abs(self, a: Self::Pack) -> Self::Pack;
    /// `|a|` with the sign of `sign`.
    fn copysign(self, a: Self::Pack, sign: Self::Pack) -> Self::Pack;
    /// The integer in the low bits of `shifted`, plus `bias`, moved to the place of the exponent.
    fn exponent(self, shifted: Self::Pack, bias: i32) -> Self::Pack;
    /// `x^2 - square`, exactly, where `square` is `x x` rounded and x is far from overflow.
    fn square_rest(self, x: Self::Pack, square: Self::Pack) -> Self::Pack;
    /// Asks for the cache lines of a row at an address, which need not be one of the program's, ahead of time.
    fn prefetch<T>(self, row: *const T);
    /// Asks for the cache line at an address, which need not be one of the program's, into the nearest cache.
    fn prefetch_line(self, at: *const R);
    /// The sum of the lanes in double precision by a fixed tree: halves are added until one lane is left.
    fn sum(self, a: Self::Pack) -> f64;
}
