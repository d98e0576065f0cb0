//! The pruning of a whole network, layer by layer.
//!
//! | file | contents |
//! |---|---|
//! | `driver.rs` | the blocks in order: moments of the inputs, layers, features for the next block; rounds with fresh batches |
//! | `moments.rs` | second moments of the inputs of layers |
//! | `allocate.rs`, `curves.rs` | zeros divided between layers by their measured losses |
//! | `weights.rs` | weights between files and solvers |
//! | `dense_layers.rs` | the layers of a network before pruning, with the moments of their inputs |
//! | `audit.rs` | identities and inequalities of the solvers, on the layers of a network |
//! | `verify.rs` | the written model, read back |
//! | `record.rs` | what is reported |

mod allocate;
mod audit;
mod curves;
mod dense_layers;
mod driver;
mod moments;
mod record;
mod verify;
mod weights;

pub use allocate::{LossCurve, allocate};
pub use audit::{LayerAudit, audit_layers};
pub use curves::{CURVE_FRACTIONS, LayerCurve, divided, loss_curves, measured_quota, total_zeros};
pub use driver::{
    CalibrationBatches, PassStart, PruneObserver, PruneSettings, Quota, prune_network, prune_pass, summary,
};
pub use moments::MOMENT_TOKENS;
pub use record::{LayerRecord, PruneRecord};
pub use verify::{missing_zeros, stored_zeros, verify};
