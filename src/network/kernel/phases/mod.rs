//! What is done to one block, phase by phase, on tiles that stay in the cache.
//!
//! | phase | what |
//! |---|---|
//! | [`PreActivations`] | `z_s = <w, x_s> + b`, a register tile of samples times lanes |
//! | [`ActivationForward`] | `sigma(z_s)`, and `a sigma(z_s)` added to every sample's lanes |
//! | [`ActivationBackward`] | `h_s = e_s sigma'(z_s)`, and `e_s sigma(z_s)` added to the gradient of a |
//! | [`WeightGradient`] | `sum_s h_s x_s`, a register tile of inputs times lanes |
//! | [`super::update`] | the gradient from these sums, or the step itself: the gradient then never leaves the cache |
//!
//! Sums over inputs start from the bias and run in order of the inputs, sums over samples in order of the samples, and both
//! by fused multiply-adds; the shape of a register tile therefore changes no bit. With one output (K = 1) `h` leaves out
//! the factor a, which is common to all samples and comes in [`super::update`]; otherwise `h_s = <e_s, a> sigma'(z_s)`.

mod activation_backward;
mod forward;
mod weight_gradient;

use super::LANES;
use crate::compute::{Real, Simd};
pub use activation_backward::{ActivationBackward, ActivationSource};
pub use forward::{ActivationForward, PreActivations, Reduce};
pub use weight_gradient::{FusedBackward, PrefetchRows, WeightGradient};

/// One value per neuron of a block.
pub type BlockRow<R> = [R; LANES];

/// Pack `i` of a row.
#[inline(always)]
pub fn load<R: Real, S: Simd<R>>(s: S, row: &BlockRow<R>, i: usize) -> S::Pack {
    // The remainder is `i` itself: it spares the bounds check.
    s.load(&row[i % (LANES / R::PACK) * R::PACK..][..R::PACK])
}

/// Writes pack `i` of a row.
#[inline(always)]
pub fn store<R: Real, S: Simd<R>>(s: S, v: S::Pack, row: &mut BlockRow<R>, i: usize) {
    s.store(v, &mut row[i % (LANES / R::PACK) * R::PACK..][..R::PACK]);
}
