//! The phases of the passes over one block, on tiles of samples that fit the cache.
//!
//! | phase | result |
//! |---|---|
//! | [`PreActivations`] | `z_s = <w, x_s> + b`, in register tiles of samples times lanes |
//! | [`ActivationForward`] | `sigma(z_s)`, and `a sigma(z_s)` summed per sample and lane |
//! | [`ActivationBackward`] | `delta_s = e_s sigma'(z_s)`, and `e_s sigma(z_s)` added to the gradient of a |
//! | [`WeightGradient`] | `sum_s delta_s x_s`, in register tiles of inputs times lanes |
//! | [`super::update`] | the gradient from these sums, or the step, for which the gradient stays in the cache |
//!
//! Here s is a sample, `e_s` its residual and `delta_s` the derivative of the loss in the pre-activation
//! (back-propagation). Sums over inputs start from the bias and run in order of the inputs, sums over samples run in
//! order of the samples, and both use fused multiply-adds; results therefore do not depend on the shape of register
//! tiles. With one output (K = 1) `delta` omits the factor a, which is common to all samples and is applied in
//! [`super::update`]; otherwise `delta_s = <e_s, a> sigma'(z_s)`.

mod activation_backward;
mod forward;
mod weight_gradient;

use super::LANES;
use crate::compute::{Real, Simd};
pub use activation_backward::{ActivationBackward, ActivationSource};
pub use forward::{ActivationForward, PreActivations, Reduce};
pub use weight_gradient::{FusedBackward, PrefetchRows, WeightGradient};

/// One row of a block: one value per neuron.
pub type BlockRow<R> = [R; LANES];

/// Pack `i` of a row.
#[inline(always)]
pub fn load<R: Real, S: Simd<R>>(s: S, row: &BlockRow<R>, i: usize) -> S::Pack {
    // The remainder equals `i` and makes the bounds check unnecessary.
    s.load(&row[i % (LANES / R::PACK) * R::PACK..][..R::PACK])
}

/// Writes pack `i` of a row.
#[inline(always)]
pub fn store<R: Real, S: Simd<R>>(s: S, v: S::Pack, row: &mut BlockRow<R>, i: usize) {
    s.store(v, &mut row[i % (LANES / R::PACK) * R::PACK..][..R::PACK]);
}
