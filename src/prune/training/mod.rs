//! Training of the kept weights on the task loss, between rounds of pruning.
//!
//! ```text
//! minimise   (1/n) sum_i loss(f(x_i; W), y_i)   over the weights W of the pruned layers that are not zero
//! ```
//!
//! The loss is the cross entropy of the next token or of the label. Entries that are zero stay zero; biases,
//! normalisations, embeddings, heads and layers that are not pruned stay as they are.
//!
//! | file | contents |
//! |---|---|
//! | `network.rs` | a whole model in memory: its loss, and the gradients of its linear layers |
//! | `adam.rs` | Adam (Kingma, Ba 2015) with bias correction, on the entries that are not zero |
//! | `train.rs` | batches, steps, and the trained weights in the copy of the model |

mod adam;
mod network;
mod train;

pub use adam::AdamMoments;
pub use network::{GradientSink, LabelledBatch, LoadedNetwork, TRAINING_CHUNKS, TRAINING_TOKENS};
pub use train::{TrainingSettings, TrainingStreams, last_losses, require_targets, train_kept};
