//! Vector operations for each instruction set: AVX-512, AVX2 with FMA, and plain arrays.
//!
//! A *pack* holds 8 `f64` or 16 `f32` on every instruction set (two registers with AVX2), so that sums over the lanes
//! of a pack have the same order everywhere. An instruction set is represented by a token type. The tokens of AVX-512
//! and AVX2 are only constructed after runtime detection, so that possession of one proves that the instructions are
//! available.
//!
//! Only IEEE operations are used; there are no reciprocal estimates. `min` and `max` return their second argument if
//! either is NaN, so that clamping as in `max(bound, z)` preserves a NaN in `z`.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

/// AVX-512 (F, DQ, VL, BW); a value proves that the processor supports it.
#[derive(Clone, Copy)]
pub struct Avx512(());

/// AVX2 and FMA; a value proves that the processor supports them.
#[derive(Clone, Copy)]
pub struct Avx2(());

/// Arrays, vectorised by the compiler as far as the baseline of the target allows.
#[derive(Clone, Copy)]
pub struct Portable;

/// A function that is compiled once for each instruction set. The register tiles of matrix kernels hold `PG` packs
/// times `2 Q` samples or inputs; both depend on the number of registers.
pub trait Job<R> {
    /// Runs the function. Implementations are `#[inline(always)]`, so that they are compiled with the target features
    /// of their caller.
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, simd: S);
}

/// Operations on packs of `R`.
pub trait Simd<R>: Copy + Send + Sync {
    /// One pack.
    type Pack: Copy;
    /// Number of lanes of a pack.
    const LANES: usize;
    /// Whether steps on small batches are compiled as functions of their own. They have the same results as the phases
    /// one by one, faster.
    const FUSES_SMALL_BATCHES: bool = true;
    /// Runs a job compiled with the features of the instruction set. The job is not inlined: register allocation is
    /// better than in one large function.
    fn vectorize<J: Job<R>>(self, job: J);
    /// The pack with all lanes equal to `v`.
    fn splat(self, v: R) -> Self::Pack;
    /// The first `LANES` entries of a slice.
    ///
    /// # Panics
    /// If the slice is shorter.
    fn load(self, from: &[R]) -> Self::Pack;
    /// Writes the first `LANES` entries of a slice.
    ///
    /// # Panics
    /// If the slice is shorter.
    fn store(self, v: Self::Pack, to: &mut [R]);
    /// `a + b`.
    fn add(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a - b`.
    fn sub(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a b`.
    fn mul(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a / b`.
    fn div(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a b + c`, rounded once; twice on a portable target without fused multiply-add.
    fn fma(self, a: Self::Pack, b: Self::Pack, c: Self::Pack) -> Self::Pack;
    /// `c - a b`, rounded like [`Simd::fma`].
    fn fnma(self, a: Self::Pack, b: Self::Pack, c: Self::Pack) -> Self::Pack;
    /// `a < b ? a : b`.
    fn min(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a > b ? a : b`.
    fn max(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a < b ? x : y`.
    fn select_less(self, a: Self::Pack, b: Self::Pack, x: Self::Pack, y: Self::Pack) -> Self::Pack;
    /// `now` shifted up by one lane; the last lane of `before` becomes the first.
    fn slide(self, before: Self::Pack, now: Self::Pack) -> Self::Pack;
    /// `|a|`.
    fn abs(self, a: Self::Pack) -> Self::Pack;
    /// `|a|` with the sign of `sign`.
    fn copysign(self, a: Self::Pack, sign: Self::Pack) -> Self::Pack;
    /// The number whose exponent field is the integer in the low bits of `shifted` plus `bias`, and whose fraction is
    /// zero.
    fn exponent(self, shifted: Self::Pack, bias: i32) -> Self::Pack;
    /// The rounding error `x^2 - square` of `square`, which is `x x` rounded; exact if x is far from overflow.
    fn square_error(self, x: Self::Pack, square: Self::Pack) -> Self::Pack;
    /// Prefetches the cache lines of a `T` into the second-level cache. The address may be invalid.
    fn prefetch<T>(self, row: *const T);
    /// Prefetches the cache line at an address into the first-level cache. The address may be invalid.
    fn prefetch_line(self, at: *const R);
    /// The sum of the lanes in double precision by pairwise summation: the two halves are added until one lane is left.
    fn sum(self, a: Self::Pack) -> f64;
}
