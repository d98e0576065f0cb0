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
//! Products with `x~` are [`RowProduct`]s; the rest is one loop over the columns of each sample.

use super::inputs::InputTile;
use super::neuron::ActivationRow;
use crate::compute::{Job, Pass, RowProduct, Simd};

/// What the second order needs of one neuron, beyond its tangent vectors.
#[derive(Clone, Copy)]
pub(super) struct SecondOrder<'a> {
    /// 1 for the columns of the noise, 0 for the others.
    pub mask: &'a [f64],
    /// `sqrt(M) nu` of this neuron; zero beyond the columns of the noise.
    pub weights: &'a [f64],
    /// The column of `zeta`; the next one accumulates the mean of `|phi|^2`.
    pub mean_column: usize,
}

/// Adds the contribution of a neuron to the field `sum_i (sqrt(M) nu_i phi_i + grad phi_i . xi_i)`.
pub(super) struct NeuronForward<'a> {
    pub tile: InputTile<'a>,
    pub activation: &'a ActivationRow,
    /// Output weights (K).
    pub a: &'a [f64],
    /// Tangent vectors (p, stride).
    pub xi: &'a [f64],
    /// `xi_a + sqrt(M) nu a`, (K, stride).
    pub output_tangent: &'a [f64],
    pub second: Option<SecondOrder<'a>>,
    /// Scratch for u, (tile, stride).
    pub u: &'a mut [f64],
    /// The field (tile, K, stride).
    pub out: &'a mut [f64],
    pub stride: usize,
}

impl Pass<f64> for NeuronForward<'_> {
    fn run<S: Simd<f64>>(self, simd: S) {
        simd.vectorize(self);
    }
}

impl Job<f64> for NeuronForward<'_> {
    #[inline(always)]
    fn run<S: Simd<f64>, const PG: usize, const Q: usize>(self, s: S) {
        let NeuronForward { tile, activation, a, xi, output_tangent, second, u, out, stride } = self;
        let (xi_w, xi_a) = xi.split_at(xi.len() - a.len() * stride);
        input_tangents(s, tile, xi_w, stride, u);
        // Sums over the columns of the output weights alone: `sum xi_a^2` and `sum sqrt(M) nu xi_a`.
        let outputs_alone: Vec<[f64; 2]> = second.map_or_else(Vec::new, |SecondOrder { mask, weights, .. }| {
            xi_a.chunks_exact(stride).map(|xi_a| sums_with(s, xi_a, [xi_a, weights], mask)).collect()
        });
        let rows = u.chunks_exact(stride).zip(out.chunks_exact_mut(a.len() * stride));
        for (n, (u, out)) in rows.enumerate() {
            let (value, slope) = (activation.value[n], activation.slope[n]);
            let outputs = out.chunks_exact_mut(stride).zip(output_tangent.chunks_exact(stride)).zip(a);
            for ((out, tangent), &a) in outputs {
                let (value, scaled) = (s.splat(value), s.splat(a * slope));
                for c in (0..stride).step_by(S::LANES) {
                    let sum = s.fma(value, s.load(&tangent[c..]), s.load(&out[c..]));
                    s.store(s.fma(scaled, s.load(&u[c..]), sum), &mut out[c..]);
                }
            }
            let Some(SecondOrder { mask, weights, mean_column }) = second else { continue };
            let curvature = activation.second[n];
            let [square, weighted] = sums_with(s, u, [u, weights], mask);
            for (k, out) in out.chunks_exact_mut(stride).enumerate() {
                let (a, xi_a, [square_a, chi]) = (a[k], &xi_a[k * stride..(k + 1) * stride], outputs_alone[k]);
                let [mixed] = sums_with(s, u, [xi_a], mask);
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

/// Adds the contribution of a tile to the linearised gradient of the potential of a neuron, and to its second order in
/// the column of `zeta`.
pub(super) struct NeuronReverse<'a> {
    pub tile: InputTile<'a>,
    pub activation: &'a ActivationRow,
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

impl Pass<f64> for NeuronReverse<'_> {
    fn run<S: Simd<f64>>(self, simd: S) {
        simd.vectorize(self);
    }
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
            if let Some(SecondOrder { mask, mean_column, .. }) = second {
                let [square] = sums_with(s, u, [u], mask);
                mean_w = 0.5 * ea * third * square;
                for k in 0..outputs {
                    let (h, xi_a) = (&drive[k * stride..(k + 1) * stride], &xi_a[k * stride..(k + 1) * stride]);
                    let [driven, mixed] = sums_with(s, u, [h, xi_a], mask);
                    let [direct] = sums_with(s, h, [xi_a], mask);
                    mean_w += slope * direct + curvature * (a[k] * driven + e[k] * mixed);
                    out_a[k * stride + mean_column] += slope * driven + 0.5 * e[k] * curvature * square;
                }
            }
            let linear = s.splat(ea * curvature);
            for k in 0..outputs {
                let rows = k * stride..(k + 1) * stride;
                let (h, xi_a, out_a) = (&drive[rows.clone()], &xi_a[rows.clone()], &mut out_a[rows]);
                let [scaled, through, direct] = [a[k] * slope, e[k] * slope, value].map(|v| s.splat(v));
                for c in (0..stride).step_by(S::LANES) {
                    let (h, before) = (s.load(&h[c..]), s.load(&u[c..]));
                    let sum = s.fma(direct, h, s.load(&out_a[c..]));
                    s.store(s.fma(through, before, sum), &mut out_a[c..]);
                    if outputs == 1 {
                        let row = s.fma(scaled, h, s.mul(linear, before));
                        s.store(s.fma(through, s.load(&xi_a[c..]), row), &mut u[c..]);
                    }
                }
            }
            if outputs > 1 {
                for c in (0..stride).step_by(S::LANES) {
                    let mut row = s.mul(linear, s.load(&u[c..]));
                    for k in 0..outputs {
                        row = s.fma(s.splat(a[k] * slope), s.load(&drive[k * stride + c..]), row);
                        row = s.fma(s.splat(e[k] * slope), s.load(&xi_a[k * stride + c..]), row);
                    }
                    s.store(row, &mut u[c..]);
                }
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

/// The tangents `u = <x~, xi_w>` of the pre-activation, (tile, stride).
#[inline(always)]
fn input_tangents<S: Simd<f64>>(s: S, tile: InputTile<'_>, xi_w: &[f64], stride: usize, u: &mut [f64]) {
    s.vectorize(RowProduct { coefficients: tile.by_sample, terms: xi_w, out: u, columns: stride, accumulate: false });
}

/// `sum_c m_c u_c b_c` over the columns for several b.
#[inline(always)]
fn sums_with<S: Simd<f64>, const B: usize>(s: S, u: &[f64], others: [&[f64]; B], mask: &[f64]) -> [f64; B] {
    let mut sums = [s.splat(0.0); B];
    for c in (0..mask.len()).step_by(S::LANES) {
        let masked = s.mul(s.load(&mask[c..]), s.load(&u[c..]));
        for b in 0..B {
            sums[b] = s.fma(masked, s.load(&others[b][c..]), sums[b]);
        }
    }
    let mut out = [0.0; B];
    for b in 0..B {
        out[b] = s.sum(sums[b]);
    }
    out
}
