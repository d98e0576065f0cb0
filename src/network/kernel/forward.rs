//! Pre-activations of a tile of samples, and the forward pass.

use super::{LANES, Pass, TILE, math};
use crate::network::Real;

/// One value per neuron of a block.
pub(super) type Lanes<R> = [R; LANES];

/// Samples whose pre-activations are held in registers together.
const REGISTER_SAMPLES: usize = 4;

/// Adds `sum_i a_i sigma(<w_i, x_s> + b_i)` over the superblock's neurons to `out`, (n, K).
#[inline(always)]
pub(super) fn superblock<R: Real>(pass: &Pass<'_, R>, theta: &[R], out: &mut [f64]) {
    let (d, outputs) = (pass.inputs, pass.outputs);
    let mut z = [[R::zero(); LANES]; TILE];
    for (x, out) in pass.x.chunks(TILE * d).zip(out.chunks_mut(TILE * outputs)) {
        let samples = x.len() / d;
        for block in theta.chunks_exact(pass.parameters() * LANES) {
            let (rows, _) = block.as_chunks::<LANES>();
            pre_activations(pass, rows, x, &mut z[..samples]);
            math::value(pass.activation, z[..samples].as_flattened_mut());
            let a = &rows[rows.len() - outputs..];
            for (z, out) in z[..samples].iter().zip(out.chunks_exact_mut(outputs)) {
                for (a, out) in a.iter().zip(out) {
                    *out += tree_sum(a, z);
                }
            }
        }
    }
}

/// `z[s] = <w, x_s> + b` for the samples of a tile.
#[inline(always)]
pub(super) fn pre_activations<R: Real>(pass: &Pass<'_, R>, rows: &[Lanes<R>], x: &[R], z: &mut [Lanes<R>]) {
    let d = pass.inputs;
    let bias = if pass.bias { rows[d] } else { [R::zero(); LANES] };
    let mut groups = z.chunks_exact_mut(REGISTER_SAMPLES);
    let mut x_groups = x.chunks_exact(REGISTER_SAMPLES * d);
    for (z, x) in groups.by_ref().zip(x_groups.by_ref()) {
        let mut sum = [bias; REGISTER_SAMPLES];
        let (x0, rest) = x.split_at(d);
        let (x1, rest) = rest.split_at(d);
        let (x2, x3) = rest.split_at(d);
        for (j, w) in rows[..d].iter().enumerate() {
            fma(&mut sum[0], x0[j], w);
            fma(&mut sum[1], x1[j], w);
            fma(&mut sum[2], x2[j], w);
            fma(&mut sum[3], x3[j], w);
        }
        z.copy_from_slice(&sum);
    }
    for (z, x) in groups.into_remainder().iter_mut().zip(x_groups.remainder().chunks_exact(d)) {
        *z = bias;
        for (w, &x) in rows[..d].iter().zip(x) {
            fma(z, x, w);
        }
    }
}

/// `sum += x * w`, lane by lane.
#[inline(always)]
pub(super) fn fma<R: Real>(sum: &mut Lanes<R>, x: R, w: &Lanes<R>) {
    for (sum, &w) in sum.iter_mut().zip(w) {
        *sum = x.mul_add(w, *sum);
    }
}

/// `sum_l a_l s_l` in double precision by a fixed binary tree.
#[inline(always)]
fn tree_sum<R: Real>(a: &Lanes<R>, s: &Lanes<R>) -> f64 {
    let mut products = [0.0; LANES];
    for ((p, a), s) in products.iter_mut().zip(a).zip(s) {
        *p = a.wide() * s.wide();
    }
    let mut half = LANES / 2;
    while half > 0 {
        for l in 0..half {
            products[l] += products[l + half];
        }
        half /= 2;
    }
    products[0]
}
