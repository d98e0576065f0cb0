//! The scalar type of states: `f64` or `f32`.

use super::{Kernel, exp};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for f32 {}
}

/// The scalar type of parameters and momenta. Predictions, losses and records are `f64` for either type. Sealed.
pub trait Real:
    sealed::Sealed
    + Copy
    + PartialOrd
    + std::ops::Neg<Output = Self>
    + num_traits::NumAssign
    + Kernel
    + exp::ExpConstants
    + ndarray_npy::WritableElement
    + ndarray_npy::ReadableElement
    + std::fmt::Debug
    + Default
    + Send
    + Sync
    + 'static
{
    /// The name in experiment files and manifests.
    const NAME: &'static str;
    /// The distance from 1 to the next larger number.
    const EPSILON: Self;
    /// Rounds to this type, to nearest.
    fn of(value: f64) -> Self;
    /// Converts to `f64`, exactly.
    fn to_f64(self) -> f64;
}

impl Real for f64 {
    const NAME: &'static str = "f64";
    const EPSILON: Self = f64::EPSILON;
    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
}

impl Real for f32 {
    const NAME: &'static str = "f32";
    const EPSILON: Self = f32::EPSILON;
    #[inline(always)]
    fn of(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}
