//! The backward pass: the gradient of every neuron of a superblock.

use super::forward::{Lanes, fma, pre_activations};
use super::{LANES, Pass, TILE, math};
use crate::network::Real;

/// Rows of the gradient of w that are accumulated in registers together.
const REGISTER_ROWS: usize = 4;

/// Writes, for every neuron of the superblock, with `h_s = <e_s, a> sigma'(z_s)`:
/// `grad w = sum_s h_s x_s`, `grad b = sum_s h_s`, `grad a = sum_s e_s sigma(z_s)`.
#[inline(always)]
pub(super) fn superblock<R: Real>(pass: &Pass<'_, R>, theta: &[R], residual: &[R], out: &mut [R]) {
    let (d, outputs) = (pass.inputs, pass.outputs);
    let mut s = [[R::zero(); LANES]; TILE];
    let mut h = [[R::zero(); LANES]; TILE];
    out.fill(R::zero());
    let size = pass.parameters() * LANES;
    for (block, out) in theta.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
        let (rows, _) = block.as_chunks::<LANES>();
        let (grad, _) = out.as_chunks_mut::<LANES>();
        let (grad_hidden, grad_a) = grad.split_at_mut(grad.len() - outputs);
        let a = &rows[rows.len() - outputs..];
        for (x, e) in pass.x.chunks(TILE * d).zip(residual.chunks(TILE * outputs)) {
            let samples = x.len() / d;
            let (s, h) = (&mut s[..samples], &mut h[..samples]);
            pre_activations(pass, rows, x, s);
            math::value_and_derivative(pass.activation, s.as_flattened_mut(), h.as_flattened_mut());
            for ((s, h), e) in s.iter().zip(h.iter_mut()).zip(e.chunks_exact(outputs)) {
                let mut pull = [R::zero(); LANES];
                for ((a, grad_a), &e) in a.iter().zip(grad_a.iter_mut()).zip(e) {
                    fma(&mut pull, e, a);
                    if pass.train_a {
                        fma(grad_a, e, s);
                    }
                }
                h.iter_mut().zip(&pull).for_each(|(h, &p)| *h *= p);
            }
            hidden(pass, x, h, grad_hidden);
        }
    }
}

/// Adds `sum_s h_s x_s` and `sum_s h_s` to the rows of w and b.
#[inline(always)]
fn hidden<R: Real>(pass: &Pass<'_, R>, x: &[R], h: &[Lanes<R>], grad: &mut [Lanes<R>]) {
    let d = pass.inputs;
    let (grad_w, grad_b) = grad.split_at_mut(d);
    let mut j = 0;
    while j + REGISTER_ROWS <= d {
        let mut sum = [[R::zero(); LANES]; REGISTER_ROWS];
        sum.copy_from_slice(&grad_w[j..j + REGISTER_ROWS]);
        for (h, x) in h.iter().zip(x.chunks_exact(d)) {
            let x = &x[j..j + REGISTER_ROWS];
            fma(&mut sum[0], x[0], h);
            fma(&mut sum[1], x[1], h);
            fma(&mut sum[2], x[2], h);
            fma(&mut sum[3], x[3], h);
        }
        grad_w[j..j + REGISTER_ROWS].copy_from_slice(&sum);
        j += REGISTER_ROWS;
    }
    for (j, grad) in grad_w.iter_mut().enumerate().skip(j) {
        for (h, x) in h.iter().zip(x.chunks_exact(d)) {
            fma(grad, x[j], h);
        }
    }
    if let Some(grad_b) = grad_b.first_mut() {
        for h in h {
            fma(grad_b, R::one(), h);
        }
    }
}
