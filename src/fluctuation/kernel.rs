//! The two passes over one neuron and one tile of samples, with the columns in the lanes.
//!
//! For a neuron `phi(x) = a sigma(z)`, `z = <w~, x~>`, with tangent vectors `xi = (xi_w, xi_a)` in every column, let
//! `u = <x~, xi_w>`. Then
//!
//! ```text
//! grad phi_k . xi                 = sigma xi_a_k + a_k sigma' u
//! grad^2 phi_k [xi, xi]           = 2 sigma' xi_a_k u + a_k sigma'' u^2
//! grad_a_k (h . grad phi)         = h_k sigma,            grad_w = x~ (h . a) sigma'
//! (e . grad^2 phi) xi      : a_k  = e_k sigma' u,         w = x~ ( sigma' e . xi_a + (e . a) sigma'' u )
//! (e . grad^3 phi) [xi, xi]: a_k  = e_k sigma'' u^2,      w = x~ ( 2 sigma'' (e . xi_a) u + (e . a) sigma''' u^2 )
//! ```
//!
//! Products with `x~` are [`RowProduct`]s; the rest are loops over the columns of each sample.

use super::inputs::InputTile;
use super::neuron::ActivationRow;
use crate::compute::{Job, RowProduct, Simd};

/// What the second order needs of one neuron, beyond its tangent vectors.
#[derive(Clone, Copy)]
pub(super) struct SecondOrder<'a> {
    /// 1 for the columns of the noise, 0 for the others.
    pub mask: &'a [f64],
    /// `sqrt(M) nu` of this neuron; zero beyond the columns of the noise.
    pub weights: &'a [f64],
    /// The column of `zeta`, after those of the noise; the next one accumulates the mean of `|phi|^2`.
    pub mean_column: usize,
}

/// Lanes of a pack of `f64`.
const LANES: usize = 8;

/// One row of columns as packs.
type Row<'a> = &'a [[f64; LANES]];

impl SecondOrder<'_> {
    /// Packs all of whose lanes are columns of the noise.
    fn full_packs(self) -> usize {
        self.mean_column / LANES
    }

    /// `masked(c, mask)` for the pack that only begins with columns of the noise, if there is one.
    #[inline(always)]
    fn last_pack<S: Simd<f64>>(self, s: S, mut masked: impl FnMut(usize, S::Pack)) {
        let c = self.full_packs();
        if !self.mean_column.is_multiple_of(LANES) {
            masked(c, s.load(&self.mask[c * LANES..]));
        }
    }
}

/// Adds the contribution of a neuron to the field `sum_i (sqrt(M) nu_i phi_i + grad phi_i . xi_i)`.
pub(super) struct NeuronForward<'a> {
    pub tile: InputTile<'a>,
    pub activation: ActivationRow<'a>,
    /// Output weights (K).
    pub a: &'a [f64],
    /// Tangent vectors (p, stride).
    pub xi: &'a [f64],
    /// `xi_a + sqrt(M) nu a`, (K, stride).
    pub output_tangent: &'a [f64],
    /// `sum xi_a^2` and `sum sqrt(M) nu xi_a` over the columns of the noise, (K), where the second order is computed.
    pub output_sums: &'a [[f64; 2]],
    pub second: Option<SecondOrder<'a>>,
    /// Scratch for u, (tile, stride).
    pub u: &'a mut [f64],
    /// The field (tile, K, stride).
    pub out: &'a mut [f64],
    pub stride: usize,
}

impl Job<f64> for NeuronForward<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        let NeuronForward { tile, activation, a, xi, output_tangent, output_sums, second, u, out, stride } = self;
        let (xi_w, xi_a) = xi.split_at(xi.len() - a.len() * stride);
        input_tangents(s, tile, xi_w, stride, u);
        for (n, (u, out)) in u.chunks_exact(stride).zip(out.chunks_exact_mut(a.len() * stride)).enumerate() {
            let (value, slope) = (activation.value[n], activation.slope[n]);
            let outputs = out.chunks_exact_mut(stride).zip(output_tangent.chunks_exact(stride));
            for (k, (out, tangent)) in outputs.enumerate() {
                let forward = ForwardRow { value, scaled: a[k] * slope, u: row(u), tangent: row(tangent) };
                let Some(two) = second else {
                    forward.add(s, out);
                    continue;
                };
                let xi_a = &xi_a[k * stride..(k + 1) * stride];
                let [square, weighted, mixed] = forward.add_with_sums(s, two, row(xi_a), out);
                let (a, curvature, mean_column) = (a[k], activation.second[n], two.mean_column);
                let [square_a, chi] = output_sums[k];
                let hessian = 2.0 * slope * mixed + a * curvature * square;
                let noise = value * chi + a * slope * weighted;
                let mean = value * xi_a[mean_column] + a * slope * u[mean_column];
                let gradient =
                    value * value * square_a + 2.0 * value * a * slope * mixed + a * a * slope * slope * square;
                out[mean_column] += 0.5 * hessian + noise;
                out[mean_column + 1] += a * value * (2.0 * (mean + noise) + hessian) + gradient;
            }
        }
    }
}

/// The contribution of one sample and output to the field.
#[derive(Clone, Copy)]
struct ForwardRow<'a> {
    value: f64,
    /// `a sigma'`.
    scaled: f64,
    u: Row<'a>,
    tangent: Row<'a>,
}

impl ForwardRow<'_> {
    /// Adds `sigma (xi_a + sqrt(M) nu a) + a sigma' u` to a pack.
    #[inline(always)]
    fn add_pack<S: Simd<f64>>(self, s: S, (u, tangent): (S::Pack, &[f64; LANES]), out: &mut [f64; LANES]) {
        let sum = s.fma(s.splat(self.value), s.load(tangent), s.load(out));
        s.store(s.fma(s.splat(self.scaled), u, sum), out);
    }

    /// Adds it to all columns.
    #[inline(always)]
    fn add<S: Simd<f64>>(self, s: S, out: &mut [f64]) {
        for ((u, tangent), out) in self.u.iter().zip(self.tangent).zip(out.as_chunks_mut().0) {
            self.add_pack(s, (s.load(u), tangent), out);
        }
    }

    /// The same, and returns the sums `u^2`, `sqrt(M) nu u` and `xi_a u` over the columns of the noise.
    #[inline(always)]
    fn add_with_sums<S: Simd<f64>>(self, s: S, second: SecondOrder<'_>, xi_a: Row<'_>, out: &mut [f64]) -> [f64; 3] {
        let (full, out) = (second.full_packs(), out.as_chunks_mut().0);
        let mut sums = [s.splat(0.0); 3];
        let weights = row(second.weights);
        let mut add = |masked: S::Pack, (u, weights, xi_a): (S::Pack, S::Pack, S::Pack)| {
            sums[0] = s.fma(masked, u, sums[0]);
            sums[1] = s.fma(masked, weights, sums[1]);
            sums[2] = s.fma(masked, xi_a, sums[2]);
        };
        let packs = self.u.iter().zip(self.tangent).zip(weights.iter().zip(xi_a)).zip(out.iter_mut());
        for (((u, tangent), (weights, xi_a)), out) in packs.take(full) {
            let u = s.load(u);
            self.add_pack(s, (u, tangent), out);
            add(u, (u, s.load(weights), s.load(xi_a)));
        }
        for c in full..out.len() {
            self.add_pack(s, (s.load(&self.u[c]), &self.tangent[c]), &mut out[c]);
        }
        second.last_pack(s, |c, mask| {
            let u = s.load(&self.u[c]);
            add(s.mul(mask, u), (u, s.load(&weights[c]), s.load(&xi_a[c])));
        });
        sums.map(|sum| s.sum(sum))
    }
}

/// Adds the contribution of a tile to the linearised gradient of the potential of a neuron, and to its second order in
/// the column of `zeta`.
pub(super) struct NeuronReverse<'a> {
    pub tile: InputTile<'a>,
    pub activation: ActivationRow<'a>,
    /// Output weights (K).
    pub a: &'a [f64],
    /// Tangent vectors (p, stride).
    pub xi: &'a [f64],
    /// Residuals divided by n, (tile, K).
    pub residual: &'a [f64],
    /// The drive divided by n, (tile, K, stride): `l'' G`, noise of batches included.
    pub drive: &'a [f64],
    pub second: Option<SecondOrder<'a>>,
    /// Scratch (tile, stride).
    pub u: &'a mut [f64],
    /// The force (p, stride), added to.
    pub out: &'a mut [f64],
    pub stride: usize,
}

impl Job<f64> for NeuronReverse<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        let NeuronReverse { tile, activation, a, xi, residual, drive, second, u, out, stride } = self;
        let outputs = a.len();
        let (xi_w, xi_a) = xi.split_at(xi.len() - outputs * stride);
        let (out_w, out_a) = out.split_at_mut(xi_w.len());
        input_tangents(s, tile, xi_w, stride, u);
        let rows = u.chunks_exact_mut(stride).zip(drive.chunks_exact(outputs * stride));
        for (n, (u, drive)) in rows.enumerate() {
            let (value, slope) = (activation.value[n], activation.slope[n]);
            let (curvature, third) = (activation.second[n], activation.third[n]);
            let e = &residual[n * outputs..(n + 1) * outputs];
            let ea: f64 = e.iter().zip(a).map(|(e, a)| e * a).sum();
            let mut mean_w = 0.0;
            for k in 0..outputs {
                let of_output = k * stride..(k + 1) * stride;
                let (h, xi_a) = (row(&drive[of_output.clone()]), row(&xi_a[of_output.clone()]));
                let (reverse, out) = (ReverseRow { value, through: e[k] * slope, u: row(u), h }, &mut out_a[of_output]);
                let Some(two) = second else {
                    reverse.add(s, out);
                    continue;
                };
                let [square, driven, mixed, direct] = reverse.add_with_sums(s, two, xi_a, out);
                mean_w += slope * direct + curvature * (a[k] * driven + e[k] * mixed);
                // The sum over the outputs is that of `e . a`.
                mean_w += 0.5 * e[k] * a[k] * third * square;
                out[two.mean_column] += slope * driven + 0.5 * e[k] * curvature * square;
            }
            // The row of the product with the inputs takes the place of u.
            let mut kept = s.splat(ea * curvature);
            for k in 0..outputs {
                let of_output = k * stride..(k + 1) * stride;
                let (h, xi_a) = (row(&drive[of_output.clone()]), row(&xi_a[of_output]));
                let [scaled, through] = [a[k] * slope, e[k] * slope].map(|v| s.splat(v));
                for ((u, h), xi_a) in u.as_chunks_mut::<LANES>().0.iter_mut().zip(h).zip(xi_a) {
                    let sum = s.fma(scaled, s.load(h), s.mul(kept, s.load(u)));
                    s.store(s.fma(through, s.load(xi_a), sum), u);
                }
                kept = s.splat(1.0);
            }
            if let Some(second) = second {
                u[second.mean_column] += mean_w;
            }
        }
        s.vectorize(RowProduct {
            coefficients: tile.by_input,
            terms: u,
            out: out_w,
            columns: stride,
            accumulate: true,
        });
    }
}

/// The contribution of one sample and output to the force on the output weight.
#[derive(Clone, Copy)]
struct ReverseRow<'a> {
    value: f64,
    /// `e sigma'`.
    through: f64,
    u: Row<'a>,
    /// The drive.
    h: Row<'a>,
}

impl ReverseRow<'_> {
    /// Adds `sigma h + e sigma' u` to a pack.
    #[inline(always)]
    fn add_pack<S: Simd<f64>>(self, s: S, (u, h): (S::Pack, S::Pack), out: &mut [f64; LANES]) {
        let sum = s.fma(s.splat(self.value), h, s.load(out));
        s.store(s.fma(s.splat(self.through), u, sum), out);
    }

    /// Adds it to all columns.
    #[inline(always)]
    fn add<S: Simd<f64>>(self, s: S, out: &mut [f64]) {
        for ((u, h), out) in self.u.iter().zip(self.h).zip(out.as_chunks_mut().0) {
            self.add_pack(s, (s.load(u), s.load(h)), out);
        }
    }

    /// The same, and returns the sums `u^2`, `h u`, `xi_a u` and `h xi_a` over the columns of the noise.
    #[inline(always)]
    fn add_with_sums<S: Simd<f64>>(self, s: S, second: SecondOrder<'_>, xi_a: Row<'_>, out: &mut [f64]) -> [f64; 4] {
        let (full, out) = (second.full_packs(), out.as_chunks_mut().0);
        let mut sums = [s.splat(0.0); 4];
        let mut add = |masked: S::Pack, masked_h: S::Pack, (u, h, xi_a): (S::Pack, S::Pack, S::Pack)| {
            sums[0] = s.fma(masked, u, sums[0]);
            sums[1] = s.fma(masked, h, sums[1]);
            sums[2] = s.fma(masked, xi_a, sums[2]);
            sums[3] = s.fma(masked_h, xi_a, sums[3]);
        };
        for (((u, h), xi_a), out) in self.u.iter().zip(self.h).zip(xi_a).zip(out.iter_mut()).take(full) {
            let (u, h) = (s.load(u), s.load(h));
            self.add_pack(s, (u, h), out);
            add(u, h, (u, h, s.load(xi_a)));
        }
        for c in full..out.len() {
            self.add_pack(s, (s.load(&self.u[c]), s.load(&self.h[c])), &mut out[c]);
        }
        second.last_pack(s, |c, mask| {
            let (u, h) = (s.load(&self.u[c]), s.load(&self.h[c]));
            add(s.mul(mask, u), s.mul(mask, h), (u, h, s.load(&xi_a[c])));
        });
        sums.map(|sum| s.sum(sum))
    }
}

/// The tangents `u = <x~, xi_w>` of the pre-activation, (tile, stride).
#[inline(always)]
fn input_tangents<S: Simd<f64>>(s: S, tile: InputTile<'_>, xi_w: &[f64], stride: usize, u: &mut [f64]) {
    s.vectorize(RowProduct { coefficients: tile.by_sample, terms: xi_w, out: u, columns: stride, accumulate: false });
}

/// A row of columns as packs.
#[inline(always)]
fn row(columns: &[f64]) -> Row<'_> {
    columns.as_chunks().0
}
