//! The pruning of one layer.
//!
//! | file | method |
//! |---|---|
//! | `method.rs` | the methods by name: magnitude and Wanda, and those below |
//! | `sweep.rs` | the column sweep of SparseGPT: the projection of the iteration |
//! | `iterate.rs` | the iterative optimal brain surgeon: an inexact step, then the sweep |
//! | `dual.rs` | the same step with a multiplier |
//! | `greedy.rs` | greedy elimination, row by row |
//! | `refit.rs` | least squares on a support |
//!
//! | file | shared component |
//! |---|---|
//! | `problem.rs` | the loss; matrices of weights by rows |
//! | `moment.rs` | the damped second moment of the inputs, and its factors |
//! | `sparsity.rs`, `select.rs` | how many entries are zero, and which: exact in number |

mod dual;
mod greedy;
mod iterate;
mod method;
mod moment;
mod problem;
mod refit;
mod select;
mod sparsity;
mod sweep;

pub use dual::{DualSchedule, dual_iterate};
pub use greedy::greedy;
pub use iterate::{Iterated, Iteration, Step, iterate};
pub use method::{LayerMethod, LayerSettings, PruneMethod, continue_layer, prune_layer};
pub use moment::DampedMoment;
pub use problem::{LayerProblem, entries, from_entries};
pub use refit::refit;
pub use select::drop_lowest;
pub use sparsity::{NoSparsity, Sparsity, Zeros};
pub use sweep::{BLOCK, Swept, sweep_from};
