//! The forward phases: pre-activations, activations, and sums over the neurons of a block.

use super::super::LANES;
use super::{BlockRow, load, store};
use crate::compute::{Interleaved, Job, Real, Simd, activation::ActivationFunction};
use std::marker::PhantomData;

/// Pre-activations `z_s = <w, x_s> + b` of the samples of a tile.
pub struct PreActivations<'a, R> {
    /// Rows of w.
    pub w: &'a [BlockRow<R>],
    /// Row of b.
    pub b: Option<&'a BlockRow<R>>,
    /// Inputs, `[sample / 2][input][sample % 2]`.
    pub x: &'a [[R; 2]],
    /// Pre-activations, one row per sample.
    pub z: &'a mut [BlockRow<R>],
}

impl<R: Real> Job<R> for PreActivations<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        let PreActivations { w, b, x, z } = self;
        let d = w.len();
        let pairs = z.len().div_ceil(2);
        let mut pair = 0;
        while pair < pairs {
            // The last register tile may be smaller.
            let take = (pairs - pair).min(Q);
            let last = z.len().min(2 * (pair + take));
            let (x, z) = (&x[pair * d..(pair + take) * d], &mut z[2 * pair..last]);
            for group in 0..LANES / R::PACK / PG {
                match take {
                    1 if const { Q > 1 } => z_tile::<R, S, PG, 1>(s, w, b, group, x, z),
                    2 if const { Q > 2 } => z_tile::<R, S, PG, 2>(s, w, b, group, x, z),
                    3 if const { Q > 3 } => z_tile::<R, S, PG, 3>(s, w, b, group, x, z),
                    4 if const { Q > 4 } => z_tile::<R, S, PG, 4>(s, w, b, group, x, z),
                    5 if const { Q > 5 } => z_tile::<R, S, PG, 5>(s, w, b, group, x, z),
                    _ => z_tile::<R, S, PG, Q>(s, w, b, group, x, z),
                }
            }
            pair += take;
        }
    }
}

/// A register tile: `Q` pairs of samples times `PG` packs.
#[inline(always)]
fn z_tile<R: Real, S: Simd<R>, const PG: usize, const Q: usize>(
    s: S,
    w: &[BlockRow<R>],
    b: Option<&BlockRow<R>>,
    group: usize,
    x: &[[R; 2]],
    z: &mut [BlockRow<R>],
) {
    let d = w.len();
    assert!(x.len() == Q * d);
    let mut sum = [[[s.splat(R::zero()); PG]; 2]; Q];
    if let Some(b) = b {
        for i in 0..PG {
            let b = load(s, b, group * PG + i);
            for q in 0..Q {
                sum[q][0][i] = b;
                sum[q][1][i] = b;
            }
        }
    }
    for (j, w) in w.iter().enumerate() {
        let mut row = [s.splat(R::zero()); PG];
        for i in 0..PG {
            row[i] = load(s, w, group * PG + i);
        }
        for q in 0..Q {
            // SAFETY: q < Q and j < d, and x has length Q d.
            let x = unsafe { x.get_unchecked(q * d + j) };
            for t in 0..2 {
                let x = s.splat(x[t]);
                for i in 0..PG {
                    sum[q][t][i] = s.fma(x, row[i], sum[q][t][i]);
                }
            }
        }
    }
    for q in 0..Q {
        for t in 0..2 {
            // The last sample of an odd number has no partner.
            let Some(z) = z.get_mut(2 * q + t) else { continue };
            for i in 0..PG {
                store(s, sum[q][t][i], z, group * PG + i);
            }
        }
    }
}

/// Replaces `z_s` by `sigma(z_s)`, and adds `a_k sigma(z_s)` to the lane sums of every sample and output.
pub struct ActivationForward<'a, R, F> {
    /// Pre-activations in, values out; one row per sample.
    pub z: &'a mut [BlockRow<R>],
    /// The slopes, one row per sample, if they are kept.
    pub slope: Option<&'a mut [BlockRow<R>]>,
    /// Rows of a.
    pub a: &'a [BlockRow<R>],
    /// Sums per lane, one pack per sample and output.
    pub lane_sums: &'a mut [R],
    /// The activation function.
    pub function: PhantomData<F>,
}

impl<R: Real, F: ActivationFunction> Job<R> for ActivationForward<'_, R, F> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        // Four packs at a time, unless that is two samples and there are 16 registers only or the number of samples is
        // odd.
        if LANES / S::LANES == 2 && (PG == 1 || self.z.len() % 2 == 1) {
            self.rows::<S, 2>(s);
        } else {
            self.rows::<S, 4>(s);
        }
    }
}

impl<R: Real, F: ActivationFunction> ActivationForward<'_, R, F> {
    /// Processes `K` packs at a time. The number of packs is a multiple of `K`.
    #[inline(always)]
    fn rows<S: Simd<R>, const K: usize>(self, s: S) {
        let ActivationForward { z, slope, a, lane_sums, .. } = self;
        let interleaved = Interleaved::<S, K>(s);
        let per_row = LANES / S::LANES;
        let z = z.as_flattened_mut();
        let mut slope = slope.map(<[_]>::as_flattened_mut);
        let (chunk, outputs) = (K * S::LANES, a.len());
        for (n, z) in z.chunks_exact_mut(chunk).enumerate() {
            let value = match &mut slope {
                Some(slope) if !F::SLOPE_FROM_VALUE => {
                    let (value, d) = F::value_and_slope(interleaved, interleaved.load(z));
                    interleaved.store(d, &mut slope[n * chunk..]);
                    value
                }
                _ => F::value(interleaved, interleaved.load(z)),
            };
            interleaved.store(value, z);
            let (row, first) = (n * K / per_row, n * K % per_row);
            for sample in 0..K.div_ceil(per_row) {
                let lane_sums = &mut lane_sums[(row + sample) * outputs * S::LANES..];
                for (a, lane_sums) in a.iter().zip(lane_sums.chunks_exact_mut(S::LANES)) {
                    let mut sum = s.load(lane_sums);
                    for i in 0..K.min(per_row) {
                        sum = s.fma(load(s, a, first + i), value[sample * per_row + i], sum);
                    }
                    s.store(sum, lane_sums);
                }
            }
        }
    }
}

/// Sums the lanes of every pack of `lane_sums`.
pub struct Reduce<'a, R> {
    /// Sums per lane, one pack per sample and output.
    pub lane_sums: &'a [R],
    /// Sums, one per sample and output.
    pub out: &'a mut [f64],
}

impl<R: Real> Job<R> for Reduce<'_, R> {
    #[inline(always)]
    fn run<S: Simd<R>, const PG: usize, const Q: usize>(self, s: S) {
        for (out, lane_sums) in self.out.iter_mut().zip(self.lane_sums.chunks_exact(R::PACK)) {
            *out = s.sum(s.load(lane_sums));
        }
    }
}
