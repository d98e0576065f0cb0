//! Several packs as one, so that the operations on them are interleaved.
//!
//! An activation function is a long chain of dependent operations. Out-of-order execution would overlap the chains of
//! consecutive packs only if the reorder window held a whole chain, which for `f64` it does not. Interleaving places
//! independent operations next to each other. The operations and their rounding are those of a single pack.

use super::simd::{Job, Simd};

/// The instruction set `S` with `K` packs as one pack.
#[derive(Clone, Copy)]
pub(crate) struct Interleaved<S, const K: usize>(pub S);

/// Methods that apply an operation to each of the packs. Loops and not closures, which would be compiled without the
/// features of the instruction set.
macro_rules! elementwise {
    ($($name:ident($first:ident $(, $arg:ident)*);)*) => {
        $(#[inline(always)]
        fn $name(self, $first: Self::Pack $(, $arg: Self::Pack)*) -> Self::Pack {
            let mut out = $first;
            for i in 0..K {
                out[i] = self.0.$name($first[i] $(, $arg[i])*);
            }
            out
        })*
    };
}

impl<R, S: Simd<R>, const K: usize> Simd<R> for Interleaved<S, K> {
    type Pack = [S::Pack; K];
    const LANES: usize = K * S::LANES;
    elementwise! {
        add(a, b);
        sub(a, b);
        mul(a, b);
        div(a, b);
        fma(a, b, c);
        fnma(a, b, c);
        min(a, b);
        max(a, b);
        select_less(a, b, x, y);
        abs(a);
        copysign(a, sign);
        square_error(x, square);
    }
    #[inline(always)]
    fn slide(self, before: Self::Pack, now: Self::Pack) -> Self::Pack {
        std::array::from_fn(|i| self.0.slide(if i == 0 { before[K - 1] } else { now[i - 1] }, now[i]))
    }
    #[inline(always)]
    fn vectorize<J: Job<R>>(self, job: J) {
        self.0.vectorize(job);
    }
    #[inline(always)]
    fn splat(self, v: R) -> Self::Pack {
        [self.0.splat(v); K]
    }
    #[inline(always)]
    fn load(self, from: &[R]) -> Self::Pack {
        let from = &from[..Self::LANES];
        let mut out = [self.0.load(from); K];
        for i in 1..K {
            out[i] = self.0.load(&from[i * S::LANES..]);
        }
        out
    }
    #[inline(always)]
    fn store(self, v: Self::Pack, to: &mut [R]) {
        let to = &mut to[..Self::LANES];
        for i in 0..K {
            self.0.store(v[i], &mut to[i * S::LANES..]);
        }
    }
    #[inline(always)]
    fn exponent(self, shifted: Self::Pack, bias: i32) -> Self::Pack {
        let mut out = shifted;
        for i in 0..K {
            out[i] = self.0.exponent(shifted[i], bias);
        }
        out
    }
    #[inline(always)]
    fn prefetch<T>(self, row: *const T) {
        self.0.prefetch(row);
    }
    #[inline(always)]
    fn prefetch_line(self, at: *const R) {
        self.0.prefetch_line(at);
    }
    #[inline(always)]
    fn sum(self, a: Self::Pack) -> f64 {
        let mut sum = 0.0;
        for i in 0..K {
            sum += self.0.sum(a[i]);
        }
        sum
    }
}
