//! The scalar type of states: `f64` by default, `f32` by choice.

use super::kernel;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for f32 {}
}

/// A scalar that states are made of. Predictions, losses and everything recorded are `f64` in either case.
pub trait Real:
    sealed::Sealed
    + num_traits::Float
    + num_traits::NumAssign
    + kernel::Kernel
    + kernel::exp::Constants
    + ndarray_npy::WritableElement
    + ndarray_npy::ReadableElement
    + std::fmt::Debug
    + Default
    + Send
    + Sync
    + 'static
{
    /// The name used in experiment files and manifests.
    const NAME: &'static str;
    /// Rounds to this type.
    fn of(value: f64) -> Self;
    /// Widens to `f64`, exactly.
    fn wide(self) -> f64;
}

impl Real for f64 {
    const NAME: &'static str = "f64";
    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
}

impl Real for f32 {
    const NAME: &'static str = "f32";
    #[inline(always)]
    fn of(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
}
