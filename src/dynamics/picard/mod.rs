//! The limit as a fixed point: the trajectory map of the existence proof (theory section 3; WKM section 4).
//!
//! Given predictions `f^n_t(x)` over an interval of time, and with them the residuals `dloss(f^n_t(x), y)`, the
//! particles evolve independently:
//!
//! ```text
//! d theta = r dt,   d r = ( -gamma r - grad Psi^n_t(theta) ) dt + sqrt(2 gamma tau) dW
//! Psi^n_t(theta) = E < dloss(f^n_t(x), y), phi(x; theta) > + (lambda/2) |theta|^2
//! f^{n+1}_t(x) = (1/M) sum_i phi(x; theta^{n+1}_i(t))
//! ```
//!
//! Where the residuals are Lipschitz in the predictions, `sup_t |f^{n+1}_t - f^n_t| <= A (C T)^n / n!`: the iterates
//! converge on any horizon to the unique fixed point of the map, the trajectory of the limit. Within an iterate
//! particles do not interact, so that they are integrated in parallel over the whole horizon. On a long horizon the
//! differences grow before `n!` exceeds `(C T)^n`; the horizon is then divided into windows that are iterated one after
//! the other.
//!
//! | file | what |
//! |---|---|
//! | [`path`] | predictions frozen on the nodes of a time grid, and the residuals between them |
//! | [`force`] | the potential's gradient under a frozen path |
//! | [`map`] | one application of the map |
//! | [`iteration`] | the iteration, window by window |

pub mod force;
pub mod iteration;
pub mod map;
pub mod path;

pub use force::FrozenForce;
pub use iteration::{Guess, IterationSettings, IterationStatus, PicardIteration};
pub use map::TrajectoryMap;
pub use path::FrozenPath;
