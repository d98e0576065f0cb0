//! The request to stop a computation.
//!
//! A kernel that sees the request returns early, with a result that is incomplete; whoever asked for it checks the
//! request afterwards, and [`solve`](super::solve()) then fails with [`RecoveryError::Interrupted`]. Thus kernels need no
//! error of their own, and no incomplete result is ever used.

use super::RecoveryError;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag by which computations are stopped; once set it stays set until they have ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Interrupt<'a>(Option<&'a AtomicBool>);

impl<'a> Interrupt<'a> {
    /// Never stops.
    pub const NEVER: Interrupt<'static> = Interrupt(None);

    /// Stops when `flag` is set.
    pub fn when(flag: &'a AtomicBool) -> Self {
        Interrupt(Some(flag))
    }

    /// Whether to stop.
    pub fn requested(self) -> bool {
        self.0.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// An error where a stop was requested.
    ///
    /// # Errors
    /// [`RecoveryError::Interrupted`].
    pub fn check(self) -> Result<(), RecoveryError> {
        if self.requested() { Err(RecoveryError::Interrupted) } else { Ok(()) }
    }
}

/// Two runs of one problem are the same whether or not they can be stopped.
impl PartialEq for Interrupt<'_> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
