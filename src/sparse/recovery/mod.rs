//! Sparse recovery: minimise `f(w) = sum_i phi(<x_i, w>, y_i)` over the `w` in R^d with at most `k` entries that are
//! not zero.
//!
//! ```text
//! g = grad f(w),  H = hess f(w),  L = lambda_max(H)
//! T_k(v)     the k largest |v_j|, the others 0; ties go to the lower index
//! P_Q(v)     the projection onto {w_Q = 0} in the norm of H: v - H^-1[:,Q] (H^-1[Q,Q])^-1 v_Q
//! ```
//!
//! An algorithm is a [`RecoveryAlgorithm`], a map from an iterate to the next. The second-order methods
//! combine two rules: [`Selection`] chooses the support of the next iterate, [`ValueRule`] the values on it.
//! [`solve()`] runs the loop around every algorithm: it keeps the best iterate, detects cycles of supports, and reports
//! why it stopped.
//!
//! | file | algorithm | iteration |
//! |---|---|---|
//! | `iht.rs` | k-IHT (Blumensath, Davies 2009) | `T_k(w - g / L)`; `L` found by backtracking where no bound is known |
//! | `niht.rs` | NIHT (Blumensath, Davies 2010) | step `\|g_S\|^2 / \|X g_S\|^2`, reduced by a line search where the support changes |
//! | `htp.rs` | HTP (Foucart 2011) | least squares on `supp T_k(w - mu g)` |
//! | `cosamp.rs` | CoSaMP (Needell, Tropp 2009) | least squares on the union with the `2k` largest `\|g\|`, then `T_k` |
//! | `omp.rs` | OMP (Pati et al. 1993) | one index per step, by `\|g_j\| / sqrt(H_jj)` |
//! | `lasso.rs` | FISTA (Beck, Teboulle 2009) on a decreasing path of l1 weights | then least squares on the `k` largest |
//! | `obs.rs` | I-OBS (WMSKA): selection and values at the Newton point `v = w - H^-1 g` | topk, exact, greedy, ... |
//! | `stochastic.rs` | stochastic I-OBS (WMSKA) | `T_k(w - alpha g)`, gradient and curvature of a mini-batch |
//! | `fisher.rs` | WoodFisher, WoodTaylor (Singh, Alistarh 2020) | one I-OBS step with the empirical Fisher matrix |
//!
//! | file | shared component |
//! |---|---|
//! | `problem.rs`, `loss.rs` | the function, its derivatives, cached products; the losses of one sample |
//! | `solve.rs`, `units.rs` | the loop around every algorithm; problems in extreme units, whose squares underflow or overflow |
//! | `interrupt.rs`, `mini_batches.rs` | the request to stop; mini-batches, whose draws have addresses |
//! | `instance.rs`, `read.rs`, `published.rs` | drawn problems, problems from a file, the problems of the published code |
//! | `threshold.rs`, `selection.rs`, `elimination.rs`, `exact.rs`, `swap.rs` | the choice of a support |
//! | `values.rs` | the values on a support |
//! | `inverse.rs` | the damped inverse Hessian; the damping is increased where the matrix is not positive definite |
//! | `condition.rs` | condition numbers, and the rounding errors that they imply |
//! | `dense.rs`, `product.rs`, `cholesky.rs` | dense kernels whose blocks depend on the sizes only: results do not depend on the number of threads |
//! | `rates.rs` | measured ratios to the bounds of the theorems |

mod cholesky;
mod condition;
mod cosamp;
pub mod dense;
mod elimination;
mod error;
mod exact;
mod fisher;
mod htp;
mod iht;
pub mod instance;
mod interrupt;
mod inverse;
mod lasso;
mod loss;
mod method;
mod mini_batches;
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
pub mod stochastic;
mod swap;
mod threshold;
mod units;
mod values;

pub use cholesky::{Cholesky, NotPositive};
pub use condition::solution_rounding;
pub use elimination::{
    Elimination, EliminationStep, GroupLimit, RowElimination, eliminate, eliminate_rows, eliminate_within,
};
pub use error::RecoveryError;
pub use exact::{MAX_SUPPORTS, best_support};
pub use interrupt::Interrupt;
pub use inverse::{DampedInverse, Damping, MAX_DAMPING};
pub use loss::SampleLoss;
pub use method::RecoveryMethod;
pub use mini_batches::MiniBatches;
pub use omp::least_squares;
pub use problem::SparseProblem;
pub use read::read_problem;
pub use selection::Selection;
pub use solve::{IterateSummary, RecoveryAlgorithm, RecoveryOutcome, RecoveryStep, Settings, Stop};
pub use swap::refine_by_swaps;
pub use threshold::{hard_threshold, largest_entries};
pub use units::solve;
pub use values::{ValueRule, projection};
