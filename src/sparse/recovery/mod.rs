//! Sparse recovery: minimise `f(w) = sum_i phi(<x_i, w>, y_i)` over the `w` in R^d with at most `k` entries that are not
//! zero.
//!
//! ```text
//! g = grad f(w),  H = hess f(w),  L = lambda_max(H)
//! T_k(v)     the k largest |v_j|, the others 0; ties go to the lower index
//! P_Q(v)     the projection onto {w_Q = 0} in the norm of H: v - H^-1[:,Q] (H^-1[Q,Q])^-1 v_Q
//! ```
//!
//! An algorithm is an [`Iteration`]: from an iterate to the next. What the second-order ones share is split in two:
//! [`Selection`] says which entries stay, [`Values`] what stands in them. [`solve()`] owns the loop: it keeps the best
//! iterate, notices a support that comes again, and says why it stopped.
//!
//! | file | algorithm | iteration |
//! |---|---|---|
//! | `iht.rs` | k-IHT (Blumensath, Davies 2009) | `T_k(w - g / L)` |
//! | `niht.rs` | NIHT (Blumensath, Davies 2010) | step `\|g_S\|^2 / \|X g_S\|^2`, shrunk while the support changes too boldly |
//! | `htp.rs` | HTP (Foucart 2011) | least squares on `supp T_k(w - mu g)` |
//! | `cosamp.rs` | CoSaMP (Needell, Tropp 2009) | least squares on the union with the `2k` largest `\|g\|`, then `T_k` |
//! | `omp.rs` | OMP (Pati et al. 1993) | one index a step, by `\|g_j\| / sqrt(H_jj)` |
//! | `lasso.rs` | FISTA (Beck, Teboulle 2009) down a path of l1 weights | then least squares on the `k` largest |
//! | `obs.rs` | I-OBS (WMSKA): selection and values at the Newton point `v = w - H^-1 g` | topk, exact, greedy, ... |
//! | `fisher.rs` | WoodFisher, WoodTaylor (Singh, Alistarh 2020) | one such step with the empirical Fisher matrix |
//!
//! | file | what they share |
//! |---|---|
//! | `problem.rs` | the function, its derivatives, cached products |
//! | `instance.rs`, `read.rs`, `published.rs` | drawn problems, problems from a file, the problems of the published code |
//! | `threshold.rs`, `selection.rs`, `elimination.rs`, `exact.rs`, `swap.rs` | which entries stay |
//! | `values.rs` | what stands in them |
//! | `inverse.rs` | the damped inverse, whose damping is raised where it must be, and says so |
//! | `dense.rs`, `cholesky.rs` | dense kernels in blocks that depend on the sizes alone: the same bits on any number of threads |
//! | `rates.rs` | what the theorems bound, measured |

mod cholesky;
mod cosamp;
pub mod dense;
mod elimination;
mod error;
mod exact;
mod fisher;
mod htp;
mod iht;
pub mod instance;
mod inverse;
mod lasso;
mod method;
mod niht;
mod obs;
mod omp;
mod problem;
mod product;
pub mod published;
pub mod rates;

mod read;
mod selection;
mod solve;
mod swap;
mod threshold;
mod values;

pub use cholesky::{Cholesky, NotPositive};
pub use elimination::{Drop, eliminate};
pub use error::RecoveryError;
pub use exact::{MOST_SUPPORTS, best_support};
pub use inverse::{Damping, HIGHEST_DAMPING, Inverse};
pub use method::Method;
pub use omp::least_squares;
pub use problem::{Problem, SampleLoss};
pub use read::read;
pub use selection::Selection;
pub use solve::{Iteration, Outcome, Point, Settings, Step, Stop, solve};
pub use swap::refine;
pub use threshold::{largest, threshold};
pub use values::{Values, projection};
