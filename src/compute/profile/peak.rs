//! The peak of this machine, measured: multiply-adds in the instruction set in use, and a stream through memory.

use super::clock::thread_nanoseconds;
use crate::compute::{Job, Kernel, Real, Simd, vector};
use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Processor time of a measurement on every thread.
const MEASURED: Duration = Duration::from_millis(130);

/// Most wall time of a measurement, on a busy machine.
const MOST: Duration = Duration::from_secs(1);

/// Multiply-adds of each chain between two looks at the clock.
const CHAIN: usize = 20_000;

/// Bytes of the arrays of a stream, all threads together: beyond the caches.
const STREAM_BYTES: usize = 192 << 20;

/// Numbers of a stream between two looks at the clock.
const STREAM_PART: usize = 1 << 16;

/// A loop of independent chains of multiply-adds in the registers of a register tile.
struct MultiplyAdds<'a, R> {
    steps: usize,
    /// Set to the number of operations.
    operations: &'a mut u64,
    /// One number of the result, so that the loop is not removed.
    result: &'a mut R,
}

impl<R: Real> Job<R> for MultiplyAdds<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        // x <- x f + c stays near 1.
        let (factor, addend) = (s.splat(R::of(0.999)), s.splat(R::of(0.001)));
        let mut chains = [[[s.splat(R::of(0.5)); PG]; 2]; Q];
        for _ in 0..self.steps {
            for q in 0..Q {
                for t in 0..2 {
                    for i in 0..PG {
                        chains[q][t][i] = s.fma(chains[q][t][i], factor, addend);
                    }
                }
            }
        }
        let mut sum = s.splat(R::zero());
        for pack in chains.as_flattened().as_flattened() {
            sum = s.add(sum, *pack);
        }
        *self.result = R::of(s.sum(sum));
        *self.operations = (2 * self.steps * 2 * Q * PG * S::LANES) as u64;
    }
}

/// Multiplications and additions a second of `threads` threads together, in the scalar type `R` and the instruction set in
/// use.
pub fn multiply_add_rate<R: Real + Kernel>(threads: usize) -> f64 {
    rate(threads, || {
        || {
            let (mut operations, mut result) = (0, R::zero());
            let steps = CHAIN;
            R::vectorize(MultiplyAdds { steps, operations: &mut operations, result: &mut result });
            black_box(result);
            operations as f64
        }
    })
}

/// Bytes a second that `threads` threads together read and write in `y += a x` on arrays beyond the caches.
pub fn stream_rate(threads: usize) -> f64 {
    let len = (STREAM_BYTES / 16 / threads.max(1)).max(STREAM_PART);
    rate(threads, || {
        let (x, mut y, mut at) = (vec![1.0; len], vec![0.5; len], 0);
        move || {
            let end = (at + STREAM_PART).min(len);
            vector::axpy(1e-3, &x[at..end], &mut y[at..end]);
            black_box(&mut y);
            let bytes = (24 * (end - at)) as f64;
            at = if end == len { 0 } else { end };
            bytes
        }
    })
}

/// Units of work a second of `threads` threads together, each of which repeats the closure that `prepare` returns, which
/// returns the units of one call. Seconds are of processor time, so that other programs matter little.
pub fn rate<W: FnMut() -> f64>(threads: usize, prepare: impl Fn() -> W + Sync) -> f64 {
    let barrier = Barrier::new(threads.max(1));
    let one = || {
        let mut work = prepare();
        work();
        barrier.wait();
        let (begun, clock, mut done) = (Instant::now(), thread_nanoseconds(), 0.0);
        loop {
            done += work();
            let wall = begun.elapsed();
            let spent = match (thread_nanoseconds(), clock) {
                (Some(now), Some(then)) => Duration::from_nanos(now.saturating_sub(then)),
                _ => wall,
            };
            if spent >= MEASURED || wall >= MOST {
                return done / spent.as_secs_f64();
            }
        }
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(one)).collect();
        handles.into_iter().map(|handle| handle.join().expect("a measurement does not panic")).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chains converge to 1, and the operations are those of all packs: 2 for each lane, chain and step.
    #[test]
    fn a_chain_is_counted_and_computed() {
        let (mut operations, mut result) = (0, 0.0_f64);
        f64::vectorize(MultiplyAdds { steps: 40_000, operations: &mut operations, result: &mut result });
        let lanes = operations as f64 / (2.0 * 40_000.0);
        assert!((result - lanes).abs() < 1e-9 * lanes, "{result} {lanes}");
    }

    #[test]
    fn rates_are_positive() {
        assert!(multiply_add_rate::<f32>(2) > 0.0 && stream_rate(1) > 0.0);
    }
}
