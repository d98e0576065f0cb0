//! The scalar type of forward passes.

use crate::compute::Real;

/// `f64` or `f32`, with matrix products.
pub trait ModelReal: Real + faer::traits::ComplexField {}

impl ModelReal for f64 {}
impl ModelReal for f32 {}
