//! The limit as a fixed point: the trajectory map of the existence proof (theory section 3; WKM section 4).
//!
//! Given predictions over a whole stretch of time, `f^n_t(x)`, and with them the residuals `dloss(f^n_t(x), y)`, every particle
//! evolves alone:
//!
//! ```text
//! d theta = r dt,   d r = ( -gamma r - grad Psi^n_t(theta) ) dt + sqrt(2 gamma tau) dW
//! Psi^n_t(theta) = E < dloss(f^n_t(x), y), phi(x; theta) > + (lambda/2) |theta|^2
//! f^{n+1}_t(x) = (1/M) sum_i phi(x; theta^{n+1}_i(t))
//! ```
//!
//! Where the residuals are Lipschitz in the predictions, `sup_t |f^{n+1}_t - f^n_t| <= A (C T)^n / n!`: the iterates converge on
//! any horizon, to the one trajectory that is its own image. That is the limit, found without a step in which particles meet,
//! so that the particles of an iterate are parallel over the whole horizon. On a long horizon `(C T)^n` grows before `n!` has
//! it; the horizon is then cut into windows, each of which starts where the one before ended.
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
pub use iteration::{Guess, Iteration, Outcome, Terms};
pub use map::TrajectoryMap;
pub use path::FrozenPath;
